"""Frames that a demuxer skips without a word: parts of a Matroska file that cannot be read.

The index of an mp4 tells how many frames there are. Matroska's does not: where a cluster is
damaged FFmpeg looks for the next one. In a whole file, packets lie end to end but for headers of
some bytes; so where a hole of bytes meets a jump in time, frames are missing.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from av.packet import Packet

from vidgan.media.types import Film

_HEADERS = 64  # bytes between two packets at most; 24 were seen, where a cluster begins
_NAMED = 20  # all missing frames are counted; so many gaps are named


class Holes:
    """Sees every packet of every stream, and the times that are left; then says what is missing."""

    def __init__(self, film: Film) -> None:
        self.missing = 0
        """Frames, by the usual rate of the film."""
        self._film = film
        self._rate = film.video.rate * film.video.time_base
        self._is_matroska = "matroska" in film.container
        self._holes: list[tuple[int, int]] = []  # from the keyframe before to the picture after
        self._gaps: list[tuple[int, int]] = []
        self._skipped = 0  # bytes, since the last picture
        self._end: int | None = None
        self._keyframe: int | None = None
        self._latest: int | None = None

    def see(self, packet: "Packet[Any]") -> None:
        """Take note of the next packet, in the order of the file."""
        if not self._is_matroska or not packet.size or packet.pos is None or packet.pos < 0:
            return
        if self._end is not None:
            self._skipped += max(0, packet.pos - self._end - _HEADERS)
        self._end = packet.pos + packet.size
        if packet.stream_index == self._film.video.index and packet.pts is not None:
            if self._skipped and self._keyframe is not None:
                self._holes.append((self._keyframe, packet.pts))
            self._skipped = 0
            if packet.is_keyframe:
                self._keyframe = packet.pts

    def look(self, times: Sequence[int]) -> None:
        """Look for gaps in the next presentation times, which rise."""
        if not times:
            return
        if self._holes:
            before = [] if self._latest is None else [self._latest]
            for a, b in pairwise([*before, *times]):
                frames = round((b - a) * self._rate) - 1
                if frames > 0 and any(start <= b and a <= end for start, end in self._holes):
                    self.missing += frames
                    self._gaps.append((a, b))
        self._latest = times[-1]

    def missing_between(self, first: int, last: int) -> int:
        """Of the frames that are missing, those in gaps that begin and end between two times."""
        inside = ((a, b) for a, b in self._gaps if first <= a and b <= last)
        return sum(round((b - a) * self._rate) - 1 for a, b in inside)

    @property
    def warnings(self) -> list[str]:
        """One line, or none."""
        if not self.missing:
            return []
        seconds = self._film.video.time_base
        named = ", ".join(
            f"{float(a * seconds):.3f} to {float(b * seconds):.3f}" for a, b in self._gaps[:_NAMED]
        )
        more = f" and {len(self._gaps) - _NAMED} more" if len(self._gaps) > _NAMED else ""
        return [
            f"{self._film.path}: {self.missing} frame{'s' * (self.missing > 1)} (by its usual "
            f"rate) cannot be read, the file is damaged; missing (seconds) {named}{more}"
        ]
