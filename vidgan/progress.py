"""How far a long piece of work has come: who hears of it, and how frames are counted."""

from typing import Protocol

from cluster.actor import Event, Place
from vidgan.tasks import ChunksUnderWay


class Named(Protocol):
    """A file, on this machine or elsewhere."""

    @property
    def name(self) -> str:
        """Its own name, without where it is."""


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

    def joining(self, output: Named) -> None:
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
        self._chunks = 0
        self._all_below: dict[int, int] = {}
        """Of each job: so many of its first chunks are safe."""
        self._beyond: set[tuple[int, int]] = set()
        """Chunks that are safe, and not among those; few, as they come nearly in order."""
        self._under_way: dict[Place, ChunksUnderWay] = {}

    def done(self, place: tuple[int, int], frames: int) -> None:
        """A chunk is safe; said twice, as after work was begun again, it counts once."""
        if self._is_safe(place):
            return
        self._safe += frames
        self._chunks += 1
        self._beyond.add(place)
        job, first = place[0], self._all_below.get(place[0], 0)
        while (job, first) in self._beyond:
            self._beyond.remove((job, first))
            first += 1
        self._all_below[job] = first

    def hear(self, worker: Place, chunks: ChunksUnderWay) -> None:
        """A worker says how far its chunks are."""
        self._under_way[worker] = chunks

    def lose(self, worker: Place) -> None:
        """A worker is no more."""
        self._under_way.pop(worker, None)

    @property
    def frames(self) -> int:
        """How many frames to show."""
        self._shown = max(self._shown, self._safe + int(sum(self._begun().values())))
        return self._shown

    @property
    def chunks(self) -> int:
        """How many chunks are safe or under way."""
        return self._chunks + len(self._begun())

    def _begun(self) -> ChunksUnderWay:
        return {
            place: frames
            for chunks in self._under_way.values()
            for place, frames in chunks.items()
            if not self._is_safe(place)
        }

    def _is_safe(self, place: tuple[int, int]) -> bool:
        job, index = place
        return index < self._all_below.get(job, 0) or place in self._beyond
