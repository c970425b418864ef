"""How far a long piece of work has come: a bar for people, silence for programs."""

import sys
from pathlib import Path
from typing import Any, Never

from tqdm import tqdm

from cluster.actor import Event, ItemRetried, Place, WorkerLost, WorkerStarted, WorkerStatus
from vidgan.tasks import ChunksUnderWay

_MOMENT = 1.0
"""Seconds."""


class Progress:
    """Hears how a conversion goes, in the driver's thread alone; this one says nothing of it."""

    def looking(self, size: int) -> None:
        """Inputs of `size` bytes are looked through, before any work."""

    def looked(self, size: int) -> None:
        """So many bytes more have been looked through."""

    def start(self, frames: int, chunks: int) -> None:
        """Work begins on so many frames, in so many chunks."""

    def reused(self, place: tuple[int, int], frames: int) -> None:
        """The frames of a (job, chunk) were done by an earlier try."""

    def done(self, place: tuple[int, int], frames: int) -> None:
        """The frames of a (job, chunk) are finished and safe."""

    def joining(self, output: Path) -> None:
        """An output is being written."""

    def hear(self, event: Event) -> None:
        """A worker came, went, or said how far it is."""

    def stop(self) -> None:
        """The work is over, however it ended."""


class Tally:
    """Counts frames: those that are safe, and those of chunks still under way.

    A worker's word may be a second old; a chunk that is done meanwhile counts once, and the sum
    never goes back (as it would when a worker is lost, and what it had begun is done again).
    """

    def __init__(self) -> None:
        self._safe = 0
        self._shown = 0
        self._finished: set[tuple[int, int]] = set()
        self._under_way: dict[Place, ChunksUnderWay] = {}

    def done(self, place: tuple[int, int], frames: int) -> None:
        """A chunk is safe; said twice, as after work was begun again, it counts once."""
        if place not in self._finished:
            self._safe += frames
            self._finished.add(place)

    def hear(self, worker: Place, chunks: ChunksUnderWay) -> None:
        """A worker says how far its chunks are."""
        self._under_way[worker] = chunks

    def lose(self, worker: Place) -> None:
        """A worker is no more."""
        self._under_way.pop(worker, None)

    @property
    def frames(self) -> int:
        """How many frames to show."""
        self._shown = max(self._shown, self._safe + sum(self._begun().values()))
        return self._shown

    @property
    def chunks(self) -> int:
        """How many chunks are safe or under way."""
        return len(self._finished) + len(self._begun())

    def _begun(self) -> ChunksUnderWay:
        return {
            place: frames
            for chunks in self._under_way.values()
            for place, frames in chunks.items()
            if place not in self._finished
        }


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

    def joining(self, output: Path) -> None:
        """Say what is being written."""
        if self._bar is not None:
            self._bar.set_description(f"writing {output.name}")

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
            case ItemRetried():
                pass

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
