"""How many workers there are, and what each may use."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.session import Session
from vidgan.errors import SettingsError

CPU_LANES = 8
"""Frames that one worker on a CPU translates at a time, where there are cores enough.

Lanes of one process share the weights and one start-up; beyond some eight they begin to wait for
each other at Python's lock. See docs/performance.md for one worker of two lanes against two of one.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The workers of a conversion and each one's share of the machine."""

    workers: int
    lanes: int
    cpus_per_worker: float
    gpus_per_worker: float
    device: str

    @classmethod
    def nobody(cls) -> "Crew":
        """No workers: there was nothing to do."""
        return cls(workers=0, lanes=0, cpus_per_worker=0, gpus_per_worker=0, device="none")


def share_out(cluster: Session, *, workers: int | None, device: str) -> Crew:
    """One worker for each GPU; without any, as few as fill all cores.

    Raises:
        SettingsError: CUDA is asked for and the cluster has no GPU.
    """
    if device == "cuda" and cluster.gpus == 0:
        raise SettingsError("--device cuda: there is no GPU here; choose --device cpu or auto")
    if device != "cpu" and cluster.gpus > 0:
        count = workers or cluster.gpus
        return Crew(
            workers=count,
            lanes=2,
            cpus_per_worker=_share(cluster.cpus, count, most=1),
            gpus_per_worker=_share(cluster.gpus, count, most=1),
            device="cuda",
        )
    machines = [cpus for cpus in cluster.node_cpus if cpus > 0] or [1]
    lanes = _usual_lanes(machines) if workers is None else _fitting_lanes(machines, workers)
    count = workers or _room(machines, lanes)
    return Crew(
        workers=count,
        lanes=lanes,
        cpus_per_worker=lanes if _room(machines, lanes) >= count else _part(machines, count),
        gpus_per_worker=0,
        device="cpu",
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
