"""Where the time of a conversion goes: seconds by stage, measured where they are spent."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Literal, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

DriverStage = Literal["start", "demux", "ledger", "waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSeconds:
    """Busy seconds of each stage; stages run side by side, so the sum may exceed the wall's."""

    start: float = 0.0
    """The driver: Ray starts or is connected to, and workers get ready."""
    demux: float = 0.0
    """The driver: inputs are looked through and cut into chunks."""
    decode: float = 0.0
    """Workers: compressed packets to pictures."""
    translate: float = 0.0
    """Workers: the generator, in all lanes together."""
    encode: float = 0.0
    """Workers: pictures to compressed packets."""
    ledger: float = 0.0
    """The driver: finished chunks are taken and written down."""
    join: float = 0.0
    """The driver's second thread: outputs are put together, read back and compared."""
    waiting: float = 0.0
    """The driver: it has nothing to do but wait for workers."""

    def __add__(self, other: "StageSeconds") -> "StageSeconds":
        mine, theirs = asdict(self), asdict(other)
        return StageSeconds(**{stage: mine[stage] + theirs[stage] for stage in mine})

    def rounded(self) -> dict[str, float]:
        """Seconds by the stage's name, to the millisecond."""
        return {stage: round(seconds, 3) for stage, seconds in asdict(self).items()}


STAGES = tuple(field.name for field in fields(StageSeconds))


class Stopwatch:
    """Adds up the seconds of calls, from any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seconds = 0.0

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function; gives back what it gives, raises what it raises."""
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            self.add(time.perf_counter() - began)

    def add(self, seconds: float) -> None:
        """Count so many more."""
        with self._lock:
            self.seconds += seconds

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """Count what it takes to make each item, not what is done with it."""
        source = iter(items)
        try:
            while True:
                try:
                    item = self.call(next, source)
                except StopIteration:
                    return
                yield item
        finally:
            _close(source)


class Clock:
    """Books each moment of one thread to one stage, or to none: a stage interrupts the one around.

    So the driver's seconds never count twice, though the map asks for tasks while it is waited for.
    """

    def __init__(self) -> None:
        self._seconds: dict[DriverStage | None, float] = {}
        self._stage: DriverStage | None = None
        self._since = time.perf_counter()

    @contextmanager
    def stage(self, stage: DriverStage) -> Iterator[None]:
        """Book what the block takes."""
        before = self._turn_to(stage)
        try:
            yield
        finally:
            self._turn_to(before)

    def each(self, stage: DriverStage, items: Iterable[T]) -> Iterator[T]:
        """Book what it takes to make each item, not what is done with it."""
        source = iter(items)
        try:
            while True:
                with self.stage(stage):
                    try:
                        item = next(source)
                    except StopIteration:
                        return
                yield item
        finally:
            _close(source)

    def move(self, source: DriverStage, target: DriverStage) -> None:
        """All that was booked to a stage so far belongs to another one."""
        self._turn_to(self._stage)
        moved = self._seconds.pop(source, 0.0)
        self._seconds[target] = self._seconds.get(target, 0.0) + moved

    def seconds(self) -> StageSeconds:
        """What has been booked by now."""
        self._turn_to(self._stage)
        return StageSeconds(**{stage: s for stage, s in self._seconds.items() if stage is not None})

    def _turn_to(self, stage: DriverStage | None) -> DriverStage | None:
        now, before = time.perf_counter(), self._stage
        self._seconds[before] = self._seconds.get(before, 0.0) + now - self._since
        self._stage, self._since = stage, now
        return before


def _close(source: Iterator[object]) -> None:
    if (close := getattr(source, "close", None)) is not None:
        close()
