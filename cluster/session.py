"""One Ray session: connect to a cluster that is there, or start a quiet one on this machine."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray._private.utils import get_num_cpus

from cluster.connecting import connect, reason, sigterm_as_before
from cluster.errors import ClusterError
from cluster.scratch import scratch_folder

OBJECT_STORE_BYTES = 1 << 30
"""Shared memory for a local Ray: room for weights and a few chunks in flight; pages are only taken
when used, and Ray falls back to a file where /dev/shm is smaller."""
MOST_AHEAD = 16
"""Processes for workers that start along with a local Ray: all read their modules at once."""


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
    *,
    address: str | None = None,
    num_cpus: int | None = None,
    workers: int = 0,
    preload: Sequence[str] = (),
) -> Iterator[Session]:
    """Use a Ray cluster inside the `with` block.

    A Ray that this process uses already is reused and left up. Otherwise `address`, or else the
    RAY_ADDRESS environment variable, names a cluster to connect to ("auto": the one running on
    this machine). Otherwise, or where the address is "local", a private Ray is started with
    `num_cpus` CPUs (default: all) and stopped when the block ends, however it ends. Processes for
    so many `workers`, at most one for each CPU and `MOST_AHEAD`, start along with it and import the
    modules of `preload`: that takes their seconds out of the start of the first workers (2 to 3 for
    torch).

    Nothing of Ray's is printed. Authentication stays as Ray has it: a local Ray asks for a token,
    and a token found on this machine is shown to the cluster at `address`.

    Raises:
        ClusterError: the cluster does not answer, refuses us, or a local Ray does not start.
    """
    wanted = _wanted(address)
    if ray.is_initialized():
        _check_same_cluster(address)
        yield describe(started_here=False)
        return
    _hush()
    if wanted == "local":
        with _local_ray(num_cpus, workers, preload):
            yield describe(started_here=True)
        return
    try:
        connect(wanted)
        yield describe(started_here=False)
    finally:
        ray.shutdown()


def names_a_cluster(address: str | None) -> bool:
    """Whether `session` would connect to a cluster, rather than start or reuse one here."""
    return _wanted(address) != "local" and not ray.is_initialized()


def machine() -> Session:
    """What a Ray that starts here will be, as far as that can be known before it does.

    It counts a container's share of the CPUs; of GPUs, NVIDIA's devices on Linux are found.
    """
    cpus = max(1, int(get_num_cpus(override_docker_cpu_warning=True)))
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return Session(address="", nodes=({"CPU": cpus, "GPU": gpus},), started_here=True)


def _wanted(address: str | None) -> str:
    return address or os.environ.get("RAY_ADDRESS") or "local"


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
    counts = [round(10_000 * node.get(name, 0)) // amount for name, amount in wanted.items()]
    return min(counts, default=1)


def _hush() -> None:
    """Keep Ray's notices (tokens, metrics, worker deaths) off the screen; errors are raised."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)


@contextmanager
def _local_ray(num_cpus: int | None, workers: int, preload: Sequence[str]) -> Iterator[None]:
    """Start a Ray of our own in a folder of its own, and stop it."""
    with scratch_folder() as directory:
        try:
            with _environment_for_ray(), _on_loopback_alone(), sigterm_as_before():
                ahead = min(workers, num_cpus or machine().cpus, MOST_AHEAD)
                _start(directory, num_cpus, _ahead(ahead, preload))
            yield
        finally:
            ray.shutdown()


def _ahead(workers: int, preload: Sequence[str]) -> dict[str, Any]:
    """Settings of Ray's: which processes start before a worker needs them.

    By itself Ray begins with one for each CPU when the driver is there, and lets it wait for all.
    Where they start along with Ray, before, it begins as many as may be starting at a time.
    """
    config: dict[str, Any] = {"prestart_worker_first_driver": False}
    if workers:
        config["enable_worker_prestart"] = True
        config["worker_maximum_startup_concurrency"] = workers
        config["preload_python_modules"] = list(preload)
    return config


def _start(directory: str, num_cpus: int | None, config: dict[str, Any]) -> None:
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
        raise ClusterError(f"Ray did not start on this machine: {reason(error)}") from error


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


def _check_same_cluster(address: str | None) -> None:
    current = ray.get_runtime_context().gcs_address
    if address not in (None, "auto", "local", current):
        raise ClusterError(
            f"this process uses the Ray cluster at {current} already, not {address}; "
            "call ray.shutdown() first"
        )
