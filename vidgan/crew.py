"""How many workers there are, and what each may use."""

import math
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
    cpus = max(1, cluster.cpus)
    if device != "cpu" and cluster.gpus > 0:
        count = workers or cluster.gpus
        return Crew(
            workers=count,
            lanes=2,
            cpus_per_worker=_share(cpus, count, most=1),
            gpus_per_worker=_share(cluster.gpus, count, most=1),
            device="cuda",
        )
    count = workers or math.ceil(cpus / CPU_LANES)
    return Crew(
        workers=count,
        lanes=max(1, cpus // count),
        cpus_per_worker=_share(cpus, count, most=cpus),
        gpus_per_worker=0,
        device="cpu",
    )


def _share(total: int, count: int, *, most: int) -> float:
    """Whole units where there are enough, else a fraction; Ray counts in ten-thousandths."""
    if total >= count:
        return min(most, total // count)
    return math.floor(total / count * 10_000) / 10_000
