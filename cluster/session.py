"""One Ray session: connect to a cluster that is there, or start a quiet one on this machine."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ray
from ray._private import ray_constants

from cluster.errors import ClusterError, token_wanted
from cluster.scratch import scratch_folder

OBJECT_STORE_BYTES = 1 << 30
"""Shared memory for a local Ray: room for weights and a few chunks in flight; pages are only taken
when used, and Ray falls back to a file where /dev/shm is smaller."""
CONNECT_SECONDS = 5.0
"""How long a named cluster may take to accept a connection."""
ANSWER_SECONDS = 9.0
"""How long it may then take to let a process join."""
MOST_PRELOADED = 16
"""Ray keeps one process ready for each CPU; on large machines, modules in all of them cost more
memory than the start is worth."""
_TRIAL = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False)
except Exception as error:
    sys.exit(print(error) or 1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The cluster in use: its size when the session began, and whose it is."""

    address: str
    """host:port of the cluster's control service."""
    nodes: tuple[Mapping[str, float], ...]
    """What each machine that is up has: "CPU", "GPU", and resources with names of their own."""
    started_here: bool
    """True where this session started a local Ray and stops it at the end."""

    @property
    def node_cpus(self) -> tuple[int, ...]:
        """CPUs of each machine."""
        return tuple(int(node.get("CPU", 0)) for node in self.nodes)

    @property
    def node_gpus(self) -> tuple[int, ...]:
        """GPUs of each machine, in the same order."""
        return tuple(int(node.get("GPU", 0)) for node in self.nodes)

    @property
    def cpus(self) -> int:
        """CPUs of all machines together."""
        return sum(self.node_cpus)

    @property
    def gpus(self) -> int:
        """GPUs of all machines together."""
        return sum(self.node_gpus)

    def places(self, needs: Mapping[str, float]) -> int:
        """How many workers find room that need so much of one machine each."""
        return sum(_places_on(node, needs) for node in self.nodes)


@contextmanager
def session(
    *, address: str | None = None, num_cpus: int | None = None, preload: Sequence[str] = ()
) -> Iterator[Session]:
    """Use a Ray cluster inside the `with` block.

    A Ray that this process uses already is reused and left up. Otherwise `address`, or else the
    RAY_ADDRESS environment variable, names a cluster to connect to ("auto": the one running on
    this machine). Otherwise, or where the address is "local", a private Ray is started with
    `num_cpus` CPUs (default: all) and stopped when the block ends, however it ends. The processes
    it keeps ready for workers import the modules of `preload` while it starts, which takes their
    seconds out of the start of the first workers (2 to 3 for torch).

    Nothing of Ray's is printed. Authentication stays as Ray has it: a local Ray asks for a token,
    and a token found on this machine is shown to the cluster at `address`.

    Raises:
        ClusterError: the cluster does not answer, refuses us, or a local Ray does not start.
    """
    wanted = address or os.environ.get("RAY_ADDRESS") or "local"
    if ray.is_initialized():
        _check_same_cluster(address)
        yield describe(started_here=False)
        return
    _hush()
    if wanted == "local":
        with _local_ray(num_cpus, preload):
            yield describe(started_here=True)
        return
    try:
        _connect(wanted)
        yield describe(started_here=False)
    finally:
        ray.shutdown()


def describe(*, started_here: bool = False) -> Session:
    """The cluster that this process is connected to, as it is by now."""
    known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return Session(
        address=ray.get_runtime_context().gcs_address,
        nodes=tuple(node["Resources"] for node in known if node["Alive"]),
        started_here=started_here,
    )


def _places_on(node: Mapping[str, float], needs: Mapping[str, float]) -> int:
    """Ray counts in ten-thousandths."""
    wanted = {name: round(10_000 * amount) for name, amount in needs.items() if amount > 0}
    counts = [int(10_000 * node.get(name, 0)) // amount for name, amount in wanted.items()]
    return min(counts, default=1)


def _hush() -> None:
    """Keep Ray's notices (tokens, metrics, worker deaths) off the screen; errors are raised."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)


@contextmanager
def _local_ray(num_cpus: int | None, preload: Sequence[str]) -> Iterator[None]:
    """Start a Ray of our own in a folder of its own, and stop it."""
    with scratch_folder() as directory:
        try:
            with _environment_for_ray(), _on_loopback_alone(), _sigterm_as_before():
                _start(directory, num_cpus, preload)
            yield
        finally:
            ray.shutdown()


def _start(directory: str, num_cpus: int | None, preload: Sequence[str]) -> None:
    cpus = num_cpus or os.cpu_count() or 1
    config = {"preload_python_modules": list(preload)} if cpus <= MOST_PRELOADED else {}
    try:
        ray.init(
            address="local",
            num_cpus=num_cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            object_store_memory=OBJECT_STORE_BYTES,
            _temp_dir=directory,
            _node_ip_address="127.0.0.1",
            _system_config=config,
        )
    except Exception as error:  # Ray raises bare Exceptions when one of its processes fails
        raise ClusterError(
            f"Ray did not start on this machine: {_first_line(str(error))}"
        ) from error


@contextmanager
def _on_loopback_alone() -> Iterator[None]:
    """Let the servers of a local Ray listen on 127.0.0.1, not on every interface.

    On Linux Ray takes the machine's outward address for any local one, so that other machines may
    join later; on Windows and macOS it does not. This is the flag by which it tells them apart.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _sigterm_as_before() -> Iterator[None]:
    """Give SIGTERM back to its handler, if it had one, from whom `ray.init` takes it.

    Ray's handler exits at once with status 15; one that came meanwhile is passed on. Where there
    was none Ray's stays: the default would leave its processes running.
    """
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        yield
    except SystemExit as end:
        if end.code == signal.SIGTERM:
            before(signal.SIGTERM, None)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _environment_for_ray() -> Iterator[None]:
    """What the processes of a local Ray inherit from the environment in which it is started.

    Local workers import what this process imports, also from a checkout without install (installed
    packages need no help, and site-packages on PYTHONPATH would come before the standard library).
    """
    settings = {}
    root = Path(__file__).resolve().parents[1]
    if root.name not in ("site-packages", "dist-packages"):
        paths = (str(root), os.environ.get("PYTHONPATH"))
        settings["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _connect(address: str) -> None:
    if address != "auto":
        _check_listens(address)
    _check_answers(address)
    try:
        with _sigterm_as_before():
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except Exception as error:  # ConnectionError, RuntimeError (versions), AuthenticationError...
        raise ClusterError(f"no Ray cluster at {address}: {_first_line(str(error))}") from error


def _check_listens(address: str) -> None:
    """Fail at once where nobody listens; Ray itself would go on trying."""
    if "://" in address:
        raise ClusterError(
            f"not an address of a Ray cluster: {address!r}; give HOST:PORT on one of its machines, "
            "or run there as a job"
        )
    try:
        parts = urlsplit(f"//{address}")
        if not parts.hostname or not parts.port:
            raise ClusterError(f"not an address of a Ray cluster: {address!r}; give HOST:PORT")
        socket.create_connection((parts.hostname, parts.port), timeout=CONNECT_SECONDS).close()
    except ValueError as error:  # a port that is not a number up to 65535
        raise ClusterError(f"not an address of a Ray cluster: {address!r}: {error}") from error
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error}); start one with `ray start --head`, "
            "or leave the address out to use this machine alone"
        ) from error


def _check_answers(address: str) -> None:
    """Connect in a process of its own first, which can be given up.

    Where something listens that is not Ray, or a proxy answers for a dead machine, `ray.init`
    tries for minutes, writes warnings from C++ and cannot be interrupted. Costs about 1 s.
    """
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _TRIAL, address],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        if b"Unauthenticated" in (error.stderr or b""):
            raise token_wanted(address) from error
        raise ClusterError(
            f"no Ray cluster answers at {address} within {ANSWER_SECONDS:.0f} s; "
            "check the address with `ray status`"
        ) from error
    if trial.returncode != 0:
        said = trial.stdout or trial.stderr or f"exit status {trial.returncode}"
        raise ClusterError(f"no Ray cluster at {address}: {_first_line(said)}")


def _check_same_cluster(address: str | None) -> None:
    current = ray.get_runtime_context().gcs_address
    if address not in (None, "auto", "local", current):
        raise ClusterError(
            f"this process uses the Ray cluster at {current} already, not {address}; "
            "call ray.shutdown() first"
        )


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
