"""How far a long piece of work has come: a bar for people, silence for programs."""

import sys
from pathlib import Path
from typing import Never, Protocol

from tqdm import tqdm

from cluster.actor import Event, ItemRetried, Place, WorkerLost, WorkerStarted, WorkerStatus
from vidgan.tasks import ChunksUnderWay


class Progress(Protocol):
    """Who hears how a conversion goes; called in the driver's thread alone."""

    def start(self, frames: int) -> None:
        """Work begins; about `frames` frames are to be done."""

    def reused(self, frames: int) -> None:
        """These frames were done by an earlier try."""

    def done(self, place: tuple[int, int], frames: int) -> None:
        """The frames of a (job, chunk) are finished and safe."""

    def joining(self, output: Path) -> None:
        """An output is being written."""

    def hear(self, event: Event) -> None:
        """A worker came, went, or said how far it is."""

    def stop(self) -> None:
        """The work is over, however it ended."""


class Silent:
    """Says nothing."""

    def start(self, frames: int) -> None:
        """Nothing."""

    def reused(self, frames: int) -> None:
        """Nothing."""

    def done(self, place: tuple[int, int], frames: int) -> None:
        """Nothing."""

    def joining(self, output: Path) -> None:
        """Nothing."""

    def hear(self, event: Event) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


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
        """A chunk is safe."""
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
        begun = {
            place: frames
            for chunks in self._under_way.values()
            for place, frames in chunks.items()
            if place not in self._finished
        }
        self._shown = max(self._shown, self._safe + sum(begun.values()))
        return self._shown

    @property
    def newest_chunk(self) -> int | None:
        """The number, from 1, of the last chunk begun."""
        chunks = [place[1] + 1 for known in self._under_way.values() for place in known]
        return max(chunks, default=None)


class Bar:
    """A tqdm bar on standard error: chunk, frames done, frames a second, time left."""

    def __init__(self) -> None:
        self._bar: tqdm[Never] | None = None
        self._tally = Tally()

    def start(self, frames: int) -> None:
        """Show the bar; the workers need some seconds to start."""
        self._bar = tqdm(total=frames, unit="frame", file=sys.stderr, desc="starting workers")

    def reused(self, frames: int) -> None:
        """Move on without counting it as speed."""
        if self._bar is not None and frames:
            self._bar.initial += frames
            self._bar.update(frames)

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
            self._bar.leave = self._bar.n > 0
            self._bar.close()

    def _move(self) -> None:
        if self._bar is None:
            return
        if (chunk := self._tally.newest_chunk) is not None:
            self._bar.set_description(f"translating, chunk {chunk}", refresh=False)
        self._bar.update(self._bar.initial + self._tally.frames - self._bar.n)
