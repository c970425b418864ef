"""Progress in a log, as a batch system keeps it: whole lines, few, each of use by itself."""

import sys
import time
from collections import deque
from collections.abc import Callable

from cluster.actor import (
    Event,
    ItemRetried,
    Place,
    WorkerLost,
    WorkerReleased,
    WorkerStarted,
    WorkerStatus,
)
from vidgan.lines import one_line
from vidgan.progress import Named, Progress, Tally

LEAST_SECONDS = 2.0
"""Between two lines, however fast it goes."""
OFTEN_SECONDS = 10.0
"""Between two lines at first..."""
SELDOM_SECONDS = 60.0
"""...and in the end: a night's log is read in the morning."""
WINDOW_SECONDS = 60.0
"""Over which speed is measured: chunks end in bursts, and a film may get harder."""
_ENOUGH_SECONDS = 5.0
"""That must have been measured before anything is foretold."""


class Speed:
    """Frames a second over the last minute."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()
        self._latest = (0.0, 0)

    def note(self, now: float, frames: int) -> None:
        """So many frames were there at `now`, in seconds."""
        self._latest = (now, frames)
        if not self._samples or now - self._samples[-1][0] >= 1:
            self._samples.append(self._latest)
        while len(self._samples) > 1 and now - self._samples[1][0] >= WINDOW_SECONDS:
            self._samples.popleft()

    @property
    def rate(self) -> float | None:
        """Frames a second; None until enough was seen, or where nothing moves."""
        if not self._samples:
            return None
        (began, before), (now, frames) = self._samples[0], self._latest
        seconds = now - began
        return (
            (frames - before) / seconds if seconds >= _ENOUGH_SECONDS and frames > before else None
        )


class LogLines(Progress):
    """A line for each tenth of the way; ten seconds apart at most, later on a minute."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], object] | None = None,
    ) -> None:
        self._clock = clock
        self._say_line = say or _to_standard_error
        self._tally = Tally()
        self._speed = Speed()
        self._workers: set[Place] = set()
        self._total = 0
        self._given = 0  # frames that cost nothing: an earlier try had done them
        self._began = self._said_at = clock()
        self._said_frames = 0
        self._looked = self._size = 0

    def looking(self, size: int) -> None:
        """Nothing, yet: mostly it takes no time."""
        self._size = size

    def looked(self, size: int) -> None:
        """Now and then, how much was looked through."""
        self._looked += size
        if self._clock() - self._said_at >= self._interval:
            self._say(f"looking through: {self._looked / 1e9:.1f} of {self._size / 1e9:.1f} GB")

    def start(self, frames: int, chunks: int) -> None:
        """What is ahead."""
        self._total = frames
        self._say(f"starting workers for {frames:,} frames in {chunks:,} chunk{_s(chunks)}")

    def reused(self, place: tuple[int, int], frames: int) -> None:
        """Move on without counting it as speed."""
        before = self._tally.frames
        self._tally.done(place, frames)
        self._given += self._tally.frames - before
        self._move()

    def done(self, place: tuple[int, int], frames: int) -> None:
        """Move on."""
        self._tally.done(place, frames)
        self._move()

    def joining(self, output: Named) -> None:
        """Say what is being written."""
        self._say(f"writing {output.name}")

    def hear(self, event: Event) -> None:
        """Move on by what workers say; say when one is lost, or work is done again."""
        match event:
            case WorkerStarted(place=place):
                self._workers.add(place)
                self._speed.note(self._clock(), self._tally.frames - self._given)
            case WorkerStatus(place=place, status=chunks):
                self._tally.hear(place, chunks)
                self._move()
            case WorkerLost(place=lost, reason=reason):
                if lost is not None:
                    self._workers.discard(lost)
                    self._tally.lose(lost)
                self._say(f"a worker was lost ({reason}); its work is given to another")
            case WorkerReleased(place=released) if released is not None:
                self._workers.discard(released)
            case ItemRetried(attempts=attempts):
                self._say(f"a part is tried again, after {attempts} attempt{_s(attempts)}")

    def stop(self) -> None:
        """How far it came, if that was not said."""
        if self._tally.frames > self._said_frames:
            self._say_progress()

    @property
    def _interval(self) -> float:
        elapsed = self._clock() - self._began
        return min(SELDOM_SECONDS, max(OFTEN_SECONDS, elapsed / 10))

    def _move(self) -> None:
        now, frames = self._clock(), self._tally.frames
        self._speed.note(now, frames - self._given)
        is_next_tenth = 10 * frames // max(1, self._total) > (
            10 * self._said_frames // max(1, self._total)
        )
        if now - self._said_at >= (LEAST_SECONDS if is_next_tenth else self._interval):
            self._say_progress()

    def _say_progress(self) -> None:
        frames, rate = self._tally.frames, self._speed.rate
        facts = [
            f"translating: {frames:,} of {self._total:,} frames "
            f"({100 * frames // max(1, self._total)} %)"
        ]
        if rate is not None:
            facts.append(f"{rate:.1f} frames/s")
            if left := self._total - frames:
                facts.append(f"about {_roughly(left / rate)} left")
        if self._workers:
            facts.append(f"{len(self._workers)} worker{_s(len(self._workers))}")
        self._said_frames = frames
        self._say(", ".join(facts))

    def _say(self, line: str) -> None:
        self._said_at = self._clock()
        self._say_line(line)


def _to_standard_error(line: str) -> None:
    """In one write, which no other process's words can get into."""
    sys.stderr.write(f"{one_line(line)}\n")
    sys.stderr.flush()


def _roughly(seconds: float) -> str:
    if seconds < 90:
        return f"{max(10, 10 * round(seconds / 10))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _s(number: int) -> str:
    return "" if number == 1 else "s"
