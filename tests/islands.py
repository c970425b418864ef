"""Machines with addresses of their own, each in a network namespace, whose cable can be pulled."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from patient import PATIENCE, PATIENT

BIN = Path(sys.executable).parent
HUB = "10.77.0.1"
PORT = 6379
"""Nobody else listens in a namespace of our own."""
STORE_BYTES = 80 << 20
ALL_THERE = """
import contextlib, sys, time, ray
while not ray.is_initialized():
    with contextlib.suppress(ConnectionError):
        ray.init(address=sys.argv[1], log_to_driver=False)
while sum(node["Alive"] for node in ray.nodes()) < int(sys.argv[2]):
    time.sleep(0.1)
"""


@dataclass(frozen=True, kw_only=True)
class Islands:
    """The first machine keeps the books and holds the driver; it has no CPUs."""

    folder: Path
    environment: dict[str, str]
    hub: int
    """The process that holds the first machine's namespace."""
    machines: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    """What keeps Ray running on each of the others."""

    address = f"{HUB}:{PORT}"

    @property
    def within(self) -> list[str]:
        """The command under which a driver has the first machine's network."""
        return _within(self.hub)

    def plug(self, name: str) -> None:
        """Put a machine's cable in."""
        _run(self.within, f"ip link set {name} up")

    def pull(self, name: str) -> None:
        """Pull it out: no packet goes either way, and nobody is told."""
        _run(self.within, f"ip link set {name} down")

    def start(self, name: str, command: list[str], *, holder: int) -> None:
        """Run `ray start` in a namespace, until it ends or is ended."""
        with (self.folder / f"{name}.log").open("w") as log:
            self.machines[name] = subprocess.Popen(
                [
                    *_within(holder),
                    BIN / "ray",
                    "start",
                    "--block",
                    "--runtime-env-agent-port=6381",
                    *command,
                ],
                env={**self.environment, "RAY_TMPDIR": str(self.folder / name)},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def islands_allowed() -> bool:
    """Whether this user may make namespaces and bridges here."""
    if not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        return False
    bridge = ["unshare", "--net", "ip", "link", "add", "hub", "type", "bridge"]
    return subprocess.run(bridge, check=False, capture_output=True).returncode == 0


@contextlib.contextmanager
def islands(*names: str) -> Iterator[Islands]:
    """Start the first machine and those named, each with one CPU and one `slot`; end all.

    Where the block begins, all have joined.
    """
    folder = Path(tempfile.mkdtemp(prefix="net-", dir="/tmp"))  # sockets want a short path
    (folder / "token").write_text(secrets.token_hex(32))
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        cluster = Islands(
            folder=folder,
            environment={
                **ours,
                "RAY_AUTH_MODE": "token",
                "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
                "RAY_USAGE_STATS_ENABLED": "0",
                "RAY_worker_niceness": "0",
                **PATIENT,
                "RAY_health_check_initial_delay_ms": "1000",
                "RAY_health_check_period_ms": "1000",  # a test does not wait for half a minute
                "RAY_health_check_timeout_ms": "5000",  # nor is one that is starved given up
                "RAY_health_check_failure_threshold": "3",
            },
            hub=stack.enter_context(_namespace()),
        )
        stack.callback(_end, cluster)
        _run(cluster.within, f"ip link add hub type bridge && ip addr add {HUB}/24 dev hub")
        _run(cluster.within, "ip link set hub up && ip link set lo up")
        head = ["--head", f"--node-ip-address={HUB}", f"--port={PORT}", "--num-cpus=0"]
        cluster.start("hub", [*head, "--include-dashboard=false"], holder=cluster.hub)
        for number, name in enumerate(names, start=2):
            _join(cluster, name, f"10.77.0.{number}", stack.enter_context(_namespace()))
        _wait_for(cluster, 1 + len(names))
        yield cluster


def _wait_for(cluster: Islands, machines: int) -> None:
    """Wait until so many are in the cluster."""
    asking = [sys.executable, "-c", ALL_THERE, cluster.address, str(machines)]
    subprocess.run(
        [*cluster.within, *asking],
        env=cluster.environment,
        cwd=cluster.folder,
        check=True,
        timeout=PATIENCE,
        capture_output=True,
    )


def _join(cluster: Islands, name: str, address: str, holder: int) -> None:
    """Lay a cable from the first machine to a new one, and let that join."""
    _run(cluster.within, f"ip link add {name} type veth peer name eth0 netns {holder}")
    _run(cluster.within, f"ip link set {name} master hub")
    _run(_within(holder), f"ip addr add {address}/24 dev eth0 && ip link set eth0 up")
    _run(_within(holder), "ip link set lo up")
    cluster.plug(name)
    has = [
        "--num-cpus=1",
        f"--temp-dir={cluster.folder / name}",
        '--resources={"slot": 1}',
        f"--object-store-memory={STORE_BYTES}",
    ]
    command = [f"--address={cluster.address}", f"--node-ip-address={address}", *has]
    cluster.start(name, command, holder=holder)


@contextlib.contextmanager
def _namespace() -> Iterator[int]:
    """A process that does nothing but hold a new network namespace."""
    with subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) as holder:
        try:
            mine = os.readlink("/proc/self/ns/net")
            deadline = time.monotonic() + PATIENCE
            while os.readlink(f"/proc/{holder.pid}/ns/net") == mine:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield holder.pid
        finally:
            holder.kill()


def _within(holder: int) -> list[str]:
    return ["nsenter", f"--net=/proc/{holder}/ns/net"]


def _run(within: list[str], line: str) -> None:
    subprocess.run([*within, "sh", "-c", line], check=True)


def _end(cluster: Islands) -> None:
    """What runs in the namespaces dies at once; it is a test's, and there is nothing to save."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            if os.fsencode(cluster.folder / "token") in environment:
                os.kill(pid, signal.SIGKILL)
    for process in cluster.machines.values():
        process.wait()
