"""A film's pictures counted: all of them, or within a moment, by the index or a look at some."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal

import av
from av.container import InputContainer
from av.packet import Packet

from vidgan.media.clock import Clock
from vidgan.media.count import Count, count_film
from vidgan.media.opening import demux, open_film
from vidgan.media.sources import source_of
from vidgan.media.types import Film

MOMENT = 0.15
"""Seconds of reading. What can be read within them is then counted in full, as films are before
they are converted, which takes a few times as long."""

LEAST = 1 << 22
"""Bytes that are read however long it takes, so that what is said of a small film is the same each
time."""

_REORDERED = 16
"""Of the pictures that were read last, others may be shown in between that were not read."""

Basis = Literal["read", "index", "guess"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What is known of the pictures of a film, and by what."""

    count: Count
    """Of a film that was not read: its frames alone."""
    basis: Basis
    """Whether all was read; else `count.frames` is what the index says, or a guess."""
    start: Fraction | None
    """Seconds at which the first picture is shown, where a time is stated."""
    is_steady: bool
    """All pictures that were looked at are shown equally long."""
    is_trimmed: bool
    """An edit list hides pictures at the beginning."""


@dataclass(slots=True, kw_only=True)
class _Look:
    """The packets from the beginning, as many as were read within the moment."""

    times: list[int]
    """Of shown pictures, in ticks, rising."""
    shown: int
    """Packets of these, whether a time is stated or not."""
    hidden: int
    position: int
    """Bytes read."""
    size: int
    """Bytes of the file; 0 where they are not known."""
    is_whole: bool


def glance(film: Film, *, full: bool = False, moment: float = MOMENT, least: int = LEAST) -> Glance:
    """Count a film's pictures; in `full`, or as well as can be in `moment` seconds of reading.

    At `least` so many bytes are read.

    Raises:
        InputError: as `count_film`, where it is read to its end.
    """
    look = _look(film, moment, least)
    count, basis = _count(film, look, full=full)
    return Glance(
        count=count,
        basis=basis,
        start=look.times[0] * film.video.time_base if look.times else None,
        is_steady=_is_steady(look),
        is_trimmed=look.hidden > 0,
    )


def _count(film: Film, look: _Look, *, full: bool) -> tuple[Count, Basis]:
    if full or look.is_whole:
        return count_film(film), "read"
    if film.frames_promised:
        return _only(film.frames_promised), "index"
    return _only(_guessed(film, look)), "guess"


def _only(frames: int) -> Count:
    return Count(frames=frames, chunks=0, missing_frames=0, warnings=())


def _look(film: Film, moment: float, least: int) -> _Look:
    look = _Look(times=[], shown=0, hidden=0, position=0, size=0, is_whole=False)
    has_slots = source_of(film.container).has_slots
    end, read = time.monotonic() + moment, 0
    with open_film(film.path) as container:
        look.size = max(0, container.size)
        clock = Clock(film, container)
        for packet in _packets(container):
            clock.move(packet)
            read += packet.size  # numbered pictures have no place in a file
            look.position = max(look.position, packet.pos or 0)
            if packet.stream_index == film.video.index and packet.size:
                look.hidden += packet.is_discard
                look.shown += not packet.is_discard
                time_stated = packet.dts if has_slots else packet.pts
                if time_stated is not None and not packet.is_discard:
                    look.times.append(time_stated)
            if read >= least and time.monotonic() > end:
                break
        else:
            look.is_whole = True
    look.times.sort()
    return look


def _packets(container: InputContainer) -> Iterator["Packet[Any]"]:
    """Until the end, or the first error: `count_film` has words for that."""
    try:
        yield from demux(container)
    except av.FFmpegError:
        return


def _guessed(film: Film, look: _Look) -> int:
    """As dense as those seen, over the stated length; else over the bytes of the file."""
    times = look.times
    span = (times[-1] - times[0]) * film.video.time_base if times else Fraction(0)
    if film.duration and span:
        return max(look.shown, round(film.duration * (len(times) - 1) / span))
    return max(look.shown, look.shown * look.size // max(1, look.position))


def _is_steady(look: _Look) -> bool:
    """But for the rounding to whole ticks."""
    times = look.times if look.is_whole else look.times[:-_REORDERED]
    steps = [later - sooner for sooner, later in pairwise(times)]
    return not steps or max(steps) - min(steps) <= 1
