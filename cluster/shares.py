"""How many workers train together, and what each of them gets of the cluster."""

from collections.abc import Callable
from dataclasses import dataclass

from cluster.errors import ClusterError
from cluster.session import Session

MOST_CPUS_BESIDE_A_GPU = 8
"""More threads that load pictures than this do not make a GPU faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What each worker gets, on one machine."""

    workers: int
    cpus: float
    gpus: float
    """0 or 1: NCCL wants a GPU for each rank."""


def share_of_each(cluster: Session, *, workers: int | None, device: str) -> Resources:
    """What each of `workers` gets (default: one for each GPU; without any, a single one).

    Raises:
        ClusterError: the cluster has not so much.
    """
    on_gpus = device == "cuda" or (device == "auto" and cluster.gpus > 0)
    return _on_gpus(cluster, workers) if on_gpus else _on_cpus(cluster, workers or 1)


def _on_gpus(cluster: Session, workers: int | None) -> Resources:
    count = workers or max(1, cluster.gpus)
    if count > cluster.gpus:
        raise ClusterError(
            f"--workers {count}: the cluster has {cluster.gpus} GPUs, and each worker needs "
            "one; ask for fewer, or choose --device cpu"
        )

    def places(cpus: int) -> int:
        return cluster.places({"CPU": cpus, "GPU": 1})

    if places(1) < count:
        raise ClusterError(
            f"--workers {count}: each worker needs a GPU and a CPU of the same machine, and the "
            f"cluster has {places(1)} such pairs; ask for fewer"
        )
    even = min(MOST_CPUS_BESIDE_A_GPU, cluster.cpus // count)
    return Resources(workers=count, cpus=_most(even, places, count), gpus=1)


def _on_cpus(cluster: Session, count: int) -> Resources:
    if count > cluster.cpus:
        raise ClusterError(
            f"--workers {count}: the cluster has {cluster.cpus} CPUs, and each worker needs one; "
            "ask for fewer"
        )

    def places(cpus: int) -> int:
        return cluster.places({"CPU": cpus})

    return Resources(workers=count, cpus=_most(cluster.cpus // count, places, count), gpus=0)


def _most(cpus: int, places: Callable[[int], int], count: int) -> int:
    """The most CPUs, at most `cpus`, with which `count` workers have places on whole machines."""
    while cpus > 1 and places(cpus) < count:
        cpus -= 1
    return max(1, cpus)
