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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
GENEROUS = 90.0
"""Seconds, for what mostly takes ten."""
PORTS = ("port", "dashboard-port", "dashboard-agent-listen-port", "ray-client-server-port")


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


@contextlib.contextmanager
def head() -> Iterator[Head]:
    """Start it, wait for its job service, and leave nothing running.

    Started by its full path, as a service would: no virtual environment is on its PATH. `ray stop`
    would take every other Ray of this user along, so its own process is ended.
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
    }
    environment.pop("VIRTUAL_ENV", None)
    ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
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
        _wait_until_up(process, f"{dashboard}/api/version", token, folder / "log")
        yield Head(
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
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as held:
        servers = [
            held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        return [server.getsockname()[1] for server in servers]


def _wait_until_up(process: "subprocess.Popen[bytes]", url: str, token: str, log: Path) -> None:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    deadline = time.monotonic() + GENEROUS
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5):
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
