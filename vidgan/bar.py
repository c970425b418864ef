"""Progress on the screen: a bar where there is a terminal, lines in a log, or silence."""

import sys
from typing import Any, Never

from tqdm import tqdm

from cluster.actor import Event, WorkerLost, WorkerStarted, WorkerStatus
from vidgan.lines import one_line
from vidgan.log_lines import LogLines
from vidgan.progress import Named, Progress, Tally

_MOMENT = 1.0
"""Seconds."""


def shown_progress(*, quiet: bool) -> Progress:
    """What fits standard error, or nothing."""
    if quiet:
        return Progress()
    return Bar() if sys.stderr.isatty() else LogLines()


class Bar(Progress):
    """A tqdm bar on standard error: chunk, frames done, frames a second, time left."""

    def __init__(self) -> None:
        self._bar: tqdm[Never] | None = None
        self._chunks = 0
        self._tally = Tally()

    def looking(self, size: int) -> None:
        """Show a bar of bytes, if it takes longer than a moment."""
        self._show(total=size, unit="B", unit_scale=True, desc="looking through", delay=_MOMENT)

    def looked(self, size: int) -> None:
        """Move on."""
        if self._bar is not None:
            self._bar.update(size)

    def start(self, frames: int, chunks: int) -> None:
        """Show the bar; the workers need some seconds to start."""
        self._chunks = chunks
        self._show(total=frames, unit="frame", desc="starting workers")

    def reused(self, place: tuple[int, int], frames: int) -> None:
        """Move on without counting it as speed."""
        before = self._tally.frames
        self._tally.done(place, frames)
        if self._bar is not None:
            self._bar.initial += self._tally.frames - before
        self._move()

    def done(self, place: tuple[int, int], frames: int) -> None:
        """Move on."""
        self._tally.done(place, frames)
        self._move()

    def joining(self, output: Named) -> None:
        """Say what is being written."""
        if self._bar is not None:
            self._bar.set_description(f"writing {one_line(output.name)}")

    def hear(self, event: Event) -> None:
        """Move on by what workers say; say when one is lost."""
        if self._bar is None:
            return
        match event:
            case WorkerStarted():
                self._bar.set_description("translating")
            case WorkerStatus(place=worker, status=chunks):
                self._tally.hear(worker, chunks)
                self._move()
            case WorkerLost(place=lost, reason=reason):
                if lost is not None:
                    self._tally.lose(lost)
                self._bar.write(
                    f"a worker was lost ({reason}); its work is given to another", file=sys.stderr
                )

    def stop(self) -> None:
        """Leave the bar as it stands; one that has not moved would only stand above an error."""
        if self._bar is not None:
            self._bar.leave = self._tally.frames > 0
            self._bar.close()
            self._bar = None

    def _show(self, **settings: Any) -> None:
        self.stop()
        self._bar = tqdm(file=sys.stderr, **settings)

    def _move(self) -> None:
        if self._bar is None:
            return
        if chunk := self._tally.chunks:
            self._bar.set_description(
                f"translating, chunk {chunk} of {self._chunks}", refresh=False
            )
        self._bar.update(self._tally.frames - self._bar.n)
