"""A cluster as its keeper starts one, by `ray start --head`, with ports and a token of its own."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from patient import PATIENCE, PATIENT, free_ports

BIN = Path(sys.executable).parent
PORTS = (
    *("port", "dashboard-port", "ray-client-server-port", "runtime-env-agent-port"),
    "dashboard-agent-listen-port",
)
"""All that others ask for, and those that are not waited for where they have numbers: the server of
Ray's client ends where it has not learnt an agent's from the node 30 s after its own start."""
LOGS = ("*.err", "gcs_server.out", "raylet.out", "*agent.log", "dashboard.log", "*JobHead.log")
LAST_LINES = 15


@dataclass(frozen=True, kw_only=True)
class Head:
    """A cluster of this machine alone."""

    dashboard: str
    """Its address, for `vidgan submit`."""
    token: str
    home: Path
    """Of the user that Ray runs as."""
    environment: dict[str, str]
    """For programs that are to know the dashboard's address and the token."""

    def last_words(self) -> str:
        """The last lines of Ray's logs; at the end `ray start`, which says whose end ended all."""
        logs = [log for name in LOGS for log in self.home.glob(f"ray/session_latest/logs/{name}")]
        said = {log.name: _end(log, LAST_LINES) for log in logs}
        said["ray start"] = _end(self.home / "log", 3 * LAST_LINES)
        return "\n".join(f"--- {name} ---\n{end}" for name, end in said.items() if end)


@contextlib.contextmanager
def head() -> Iterator[Head]:
    """Start it, wait until all of it is up, and leave nothing running.

    Started by its full path, as a service would: no virtual environment is on its PATH. `ray stop`
    would take every other Ray of this user along, so its own process is ended.

    The dashboard answers long before all has started, and `ray start --block` ends all of Ray as
    soon as one of its processes ends: one that finds its port taken, or has waited in vain.
    """
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # sockets want a short path
    token_file, token = folder / "token", secrets.token_hex(32)
    token_file.write_text(token)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = {
        **ours,
        "HOME": str(folder),
        "PATH": os.defpath,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_file),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # listens on loopback alone, as it does there
        "RAY_worker_niceness": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        **PATIENT,
    }
    environment.pop("VIRTUAL_ENV", None)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    dashboard = f"http://127.0.0.1:{ports['dashboard-port']}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                *(BIN / "ray", "start", "--head", "--block", "--num-cpus=2"),
                *(f"--{name}={port}" for name, port in ports.items()),
                *("--min-worker-port=0", "--max-worker-port=0"),  # any that are free
                *("--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1"),
                *("--temp-dir", folder / "ray", f"--object-store-memory={100 << 20}"),
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    try:
        running = Head(
            dashboard=dashboard,
            token=token,
            home=folder,
            environment={
                **ours,
                "RAY_API_SERVER_ADDRESS": dashboard,
                "RAY_AUTH_MODE": "token",
                "RAY_AUTH_TOKEN_PATH": str(token_file),
            },
        )
        _wait_until_up(process, running, ports)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=PATIENCE)
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _end(log: Path, number: int) -> str:
    lines = log.read_text(errors="replace").splitlines()
    telling = [line for line in lines if not line.startswith("[state-dump]")]  # hundreds
    return "\n".join(telling[-number:])


def _wait_until_up(
    process: "subprocess.Popen[bytes]", head: Head, ports: Mapping[str, int]
) -> None:
    """Until each port is listened on, the job service answers, and the node is in its cluster."""
    agent = f"http://127.0.0.1:{ports['dashboard-agent-listen-port']}"
    shown = {"Authorization": f"Bearer {head.token}"}
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError), contextlib.ExitStack() as answers:
            for port in ports.values():
                answers.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for url in (f"{head.dashboard}/api/version", f"{agent}/api/local_raylet_healthz"):
                request = urllib.request.Request(url, headers=shown)
                answers.enter_context(urllib.request.urlopen(request, timeout=30))
            return
        assert process.poll() is None, head.last_words()
        assert time.monotonic() < deadline, head.last_words()
        time.sleep(0.2)
