"""How many workers there are, and what each may use."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster.session import Session
from vidgan.errors import SettingsError

CPU_LANES = 8
"""Frames that one worker on a CPU translates at a time, where there are cores enough.

Lanes of one process share the weights and one start-up; beyond some eight they begin to wait for
each other at Python's lock. See docs/performance.md for one worker of two lanes against two of one.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a user wants each worker to take of its machine; None leaves it to `share_out`."""

    cpus: float | None = None
    gpus: float | None = None
    resources: tuple[tuple[str, float], ...] = ()
    """Resources with names of their own, each with its amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The workers of a conversion and each one's share of the machine."""

    workers: int
    lanes: int
    cpus_per_worker: float
    gpus_per_worker: float
    device: str
    resources: tuple[tuple[str, float], ...] = ()

    @classmethod
    def nobody(cls) -> "Crew":
        """No workers: there was nothing to do."""
        return cls(workers=0, lanes=0, cpus_per_worker=0, gpus_per_worker=0, device="none")

    @property
    def needs(self) -> dict[str, float]:
        """What each worker takes, by Ray's names."""
        own = {"CPU": self.cpus_per_worker, "GPU": self.gpus_per_worker}
        return {**own, **dict(self.resources)}

    def at_most(self, tasks: int) -> "Crew":
        """No more workers than there are tasks."""
        return replace(self, workers=min(self.workers, max(1, tasks)))


def share_out(
    cluster: Session,
    *,
    workers: int | None,
    device: str,
    share: Share | None = None,
    gpus_may_come: bool = False,
) -> Crew:
    """One worker for each GPU; without any, as few as fill all cores.

    Raises:
        SettingsError: a GPU is asked for, the cluster has none, and none `may_come`.
    """
    share = share or Share()
    wants_gpu = device == "cuda" or bool(share.gpus)
    if wants_gpu and device == "cpu":
        raise SettingsError("--device cpu uses no GPU: leave --gpus-per-worker out")
    if wants_gpu and cluster.gpus == 0 and not gpus_may_come:
        raise SettingsError(_no_gpu(cluster, share))
    if wants_gpu or (device == "auto" and cluster.gpus > 0):
        return _on_gpus(cluster, workers, share)
    return _on_cpus(cluster, workers, share)


def _no_gpu(cluster: Session, share: Share) -> str:
    where = "here" if cluster.started_here else f"in the Ray cluster at {cluster.address}"
    asked, remedy = "--device cuda", "choose --device cpu or auto"
    if share.gpus:
        asked, remedy = f"--gpus-per-worker {share.gpus:g}", "leave it out"
    return (
        f"{asked}: there is no GPU {where}; {remedy}, or say with --wait how long a machine "
        "with one may take to join"
    )


def _on_gpus(cluster: Session, workers: int | None, share: Share) -> Crew:
    """GPUs that are still to come are one."""
    room = cluster.places({"GPU": share.gpus or 1, **dict(share.resources)})
    count = workers or max(1, room)
    return Crew(
        workers=count,
        lanes=2,
        cpus_per_worker=share.cpus or _share(cluster.cpus, count, most=1),
        gpus_per_worker=share.gpus or _share(max(1, cluster.gpus), count, most=1),
        device="cuda",
        resources=share.resources,
    )


def _on_cpus(cluster: Session, workers: int | None, share: Share) -> Crew:
    """Only machines that have the resources asked for by name count."""
    named = dict(share.resources)
    fitting = [node for node in cluster.nodes if all(node.get(n, 0) >= named[n] for n in named)]
    machines = [int(node.get("CPU", 0)) for node in fitting if node.get("CPU", 0) >= 1] or [1]
    lanes = _usual_lanes(machines) if workers is None else _fitting_lanes(machines, workers)
    if share.cpus is not None:
        lanes = max(1, int(share.cpus))
    count = workers or max(1, cluster.places({"CPU": lanes, **named}))
    even = lanes if _room(machines, lanes) >= count else _part(machines, count)
    return Crew(
        workers=count,
        lanes=lanes,
        cpus_per_worker=share.cpus or even,
        gpus_per_worker=0,
        device="cpu",
        resources=share.resources,
    )


def _usual_lanes(machines: Sequence[int]) -> int:
    """As many as split each machine evenly, and no more than `CPU_LANES`."""
    return min(cpus // math.ceil(cpus / CPU_LANES) for cpus in machines)


def _fitting_lanes(machines: Sequence[int], workers: int) -> int:
    """The most with which all workers find room, none of them spread over two machines."""
    lanes = max(1, min(max(machines), sum(machines) // workers))
    while lanes > 1 and _room(machines, lanes) < workers:
        lanes -= 1
    return lanes


def _room(machines: Sequence[int], lanes: int) -> int:
    return sum(cpus // lanes for cpus in machines)


def _part(machines: Sequence[int], workers: int) -> float:
    """Less than one CPU for each worker: the most that lets all find room."""
    part = _share(sum(machines), workers, most=1)
    while sum(int(cpus / part) for cpus in machines) < workers:
        part = math.floor(part * 9_900) / 10_000
    return part


def _share(total: int, count: int, *, most: int) -> float:
    """Whole units where there are enough, else a fraction; Ray counts in ten-thousandths."""
    if total >= count:
        return min(most, total // count)
    return math.floor(total / count * 10_000) / 10_000
