"""Part of a film: from one time to another, or every so many frames."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from av.error import FFmpegError

from vidgan.errors import SettingsError
from vidgan.media.cues import finds_places
from vidgan.media.opening import demux, open_film
from vidgan.media.sources import source_of
from vidgan.media.types import Chunk, Film

_CLOCK = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,9}(?:\.\d{1,9})?)")
_SIXTY = 60
_LONGEST = 2
"""Seconds: of a packet of sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which frames are converted; times are seconds from the start of the file.

    Raises:
        SettingsError: it ends before it starts, or `every` is less than 1.
    """

    start: Fraction | None = None
    """The first frame is the first that is shown at this time or later."""
    end: Fraction | None = None
    """The last frame is the last that is shown before this time."""
    every: int = 1
    """Of these frames the first is taken, and each so many further on."""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise SettingsError(f"--every {self.every}: must be 1 or more")
        if self.end is not None and self.end <= (self.start or 0):
            raise SettingsError(
                f"--end {float(self.end):g}: must be later than --start {float(self.start or 0):g}"
            )

    @property
    def is_whole(self) -> bool:
        """All frames."""
        return self == WHOLE

    def of(self, chunks: Iterable[Chunk], *, tick: Fraction, origin: Fraction) -> Iterator[Chunk]:
        """Of these chunks those that hold frames of the part, owning these alone, numbered anew.

        Nothing is read beyond the end.

        Args:
            chunks: of the whole film, in order.
            tick: seconds, of the times of their frames.
            origin: the time of the start of the file, in seconds.
        """
        seen = index = 0
        first = None if self.start is None else origin + self.start
        last = None if self.end is None else origin + self.end
        for chunk in chunks:
            if last is not None and chunk.owned and chunk.owned[0] * tick >= last:
                return
            inside = [
                pts
                for pts in chunk.owned
                if (first is None or pts * tick >= first) and (last is None or pts * tick < last)
            ]
            mine = tuple(p for n, p in enumerate(inside, start=seen) if n % self.every == 0)
            seen += len(inside)
            if mine:
                yield replace(chunk, index=index, owned=mine)
                index += 1


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class Span:
    """From one time of a film to another, in seconds."""

    first: Fraction
    last: Fraction

    def clip(self, start: Fraction, end: Fraction) -> tuple[Fraction, Fraction] | None:
        """The part inside of something that lasts from `start` to `end`, if there is any."""
        start, end = max(start, self.first), min(end, self.last)
        return (start, end) if start < end else None


def origin_of(film: Film) -> Fraction:
    """The time of the start of a film's file, in seconds: of its first packet of any kind.

    A clock that runs freely has been made one that starts there at zero (`Clock`).
    """
    if source_of(film.container).may_have_seams:
        return Fraction(0)
    with open_film(film.path) as container:
        return Fraction(container.start_time or 0, av.time_base)


def late_by(film: Film, index: int, span: Span) -> Fraction:
    """How long after a span's start its first whole packet of sound begins, in seconds.

    0 where none lasts from before into it, where the film would have to be read to find out, or
    is damaged there. Only the packets around there are read.
    """
    try:
        return _late_by(film, index, span)
    except FFmpegError:
        return Fraction(0)


def _late_by(film: Film, index: int, span: Span) -> Fraction:
    before: tuple[Fraction, Fraction] | None = None
    with open_film(film.path) as container:
        if not finds_places(film, container):
            return Fraction(0)
        stream = container.streams[index]
        assert stream.time_base is not None
        container.seek(round((span.first - _LONGEST) / stream.time_base), stream=stream)
        for packet in demux(container, [stream]):
            if packet.pts is None:
                continue
            begin = packet.pts * packet.time_base
            end = begin + (packet.duration or 0) * packet.time_base
            if begin >= span.first:
                lasts = before is not None and (before[1] > span.first or before[0] == before[1])
                return min(begin, span.last) - span.first if lasts else Fraction(0)
            before = begin, end
    return max(Fraction(0), min(before[1], span.last) - span.first) if before else Fraction(0)


def parse_time(text: str) -> Fraction:
    """Seconds from `90`, `90.5`, `1:30`, `1:01:30.25`.

    Raises:
        ValueError: it is none of these.
    """
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a time: say seconds, or HOURS:MINUTES:SECONDS")
    hours, minutes, seconds = found.groups()
    if (minutes is not None and Fraction(seconds) >= _SIXTY) or (hours and int(minutes) >= _SIXTY):
        raise ValueError(
            f"{text!r} is not a time: of an hour or a minute, 0 to 59 can have gone by"
        )
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + Fraction(seconds)


def part_chunks(film: Film, chunks: Iterable[Chunk], part: Part) -> Iterator[Chunk]:
    """Of the chunks of a film those of a part of it, see `Part.of`."""
    if part.is_whole:
        return iter(chunks)
    return part.of(chunks, tick=film.video.time_base, origin=origin_of(film))
