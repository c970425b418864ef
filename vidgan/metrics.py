"""The numbers of a conversion for Ray's metrics, which Prometheus reads from every machine's agent.

Recorded by the driver alone: results carry what workers measure. Ray puts `ray_` before each name
and `_total` behind those of counters: `ray_vidgan_frames_total`.
"""

from dataclasses import asdict, dataclass, field

from cluster.meters import Counter, Gauge, rise
from vidgan.timing import StageSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a conversion has come to by now; the first five only rise."""

    frames: int = 0
    chunks: int = 0
    retries: int = 0
    workers_lost: int = 0
    stages: StageSeconds = field(default_factory=StageSeconds)
    queue_depth: int = 0
    workers_ready: int = 0


class Metrics:
    """Tells Ray the numbers of one conversion; a process may make several, which add up."""

    def __init__(self) -> None:
        self._frames = Counter("vidgan_frames", "Frames translated, encoded and safe.")
        self._chunks = Counter("vidgan_chunks", "Chunks and photographs that are done.")
        self._retries = Counter("vidgan_retries", "Chunks put back because their worker was lost.")
        self._lost = Counter("vidgan_workers_lost", "Workers that died or were given up.")
        self._seconds = Counter("vidgan_stage_seconds", "Busy seconds by stage.", ("stage",))
        self._depth = Gauge("vidgan_queue_depth", "Chunks handed out and not yet done.")
        self._ready = Gauge("vidgan_workers_ready", "Workers that take chunks.")
        self._told = Numbers()

    def tell(self, now: Numbers) -> None:
        """Record what has changed since the last time."""
        told, self._told = self._told, now
        rise(self._frames, now.frames - told.frames)
        rise(self._chunks, now.chunks - told.chunks)
        rise(self._retries, now.retries - told.retries)
        rise(self._lost, now.workers_lost - told.workers_lost)
        before = asdict(told.stages)
        for stage, seconds in asdict(now.stages).items():
            rise(self._seconds, seconds - before[stage], stage=stage)
        self._depth.set(now.queue_depth)
        self._ready.set(now.workers_ready)
