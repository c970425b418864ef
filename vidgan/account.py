"""What a conversion costs, kept while it runs: for its report, and for Ray's metrics."""

import time

from cluster.actor import Event, ItemRetried, Place, WorkerLost, WorkerReleased, WorkerStarted
from vidgan.metrics import Metrics, Numbers
from vidgan.tasks import Result
from vidgan.timing import Clock, StageSeconds, Stopwatch

_TELL_SECONDS = 1.0
"""Between two times that Ray is told, which passes it on more seldom."""


class Account:
    """Hears of workers and results, in the driver's thread; `joining` may run in another."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.joining = Stopwatch()
        self.retries = 0
        self.workers_lost = 0
        self._frames = 0
        self._chunks = 0
        self._open = 0
        self._ready: set[Place] = set()
        self._begun = False
        self._by_workers = StageSeconds()
        self._metrics: Metrics | None = None
        self._told_at = 0.0

    def connect(self) -> None:
        """From now on Ray is there, and is told."""
        self._metrics = Metrics()

    def disconnect(self) -> None:
        """Tell Ray the last numbers: soon it may be gone."""
        self._open = 0
        self._ready.clear()
        self._tell()
        self._metrics = None

    @property
    def seconds(self) -> StageSeconds:
        """Where the time has gone by now."""
        driver = self.clock.seconds() + StageSeconds(join=self.joining.seconds)
        return driver + self._by_workers

    def hand_out(self) -> None:
        """A task is on its way."""
        self._open += 1

    def take(self, result: Result | None) -> None:
        """A task came back; None where every worker that was given it died of it."""
        self._open -= 1
        if result is not None:
            self._by_workers += result.seconds
        self._tell_now_and_then()

    def done(self, frames: int) -> None:
        """A task's result is safe."""
        self._chunks += 1
        self._frames += frames

    def hear(self, event: Event) -> None:
        """Count; what was waited for before the first worker was ready is the start."""
        match event:
            case WorkerStarted(place=place):
                self._ready.add(place)
                if not self._begun:
                    self.clock.move("waiting", "start")
                self._begun = True
            case WorkerLost(place=gone):
                self.workers_lost += 1
                self._forget(gone)
            case WorkerReleased(place=gone):
                self._forget(gone)
            case ItemRetried():
                self.retries += 1
        self._tell_now_and_then()

    def _forget(self, place: Place | None) -> None:
        if place is not None:
            self._ready.discard(place)

    def _tell_now_and_then(self) -> None:
        """Not before the first worker is ready: what is waiting until then turns out as start."""
        if self._begun and time.monotonic() - self._told_at >= _TELL_SECONDS:
            self._tell()

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        if self._metrics is not None:
            self._metrics.tell(
                Numbers(
                    frames=self._frames,
                    chunks=self._chunks,
                    retries=self.retries,
                    workers_lost=self.workers_lost,
                    stages=self.seconds,
                    queue_depth=self._open,
                    workers_ready=len(self._ready),
                )
            )
