"""A few frames spread evenly over a film, or a part of it, within seconds: for a look at it.

Each is sought: decoding starts at the keyframe before it. Where that does not work, the film is
read once, undecoded, and what little each frame needs is kept of it on the way; where its keyframes
are too far apart for that, it is read again. Other than `sample`, which takes many frames and may
leave some out.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from vidgan.errors import InputError
from vidgan.media.chunks import ChunkReader
from vidgan.media.clock import Clock
from vidgan.media.cues import finds_places
from vidgan.media.decode import decode_chunk
from vidgan.media.deinterlace import is_deinterlaced
from vidgan.media.frames import chunks_with
from vidgan.media.opening import demux, open_film
from vidgan.media.packets import Incoming
from vidgan.media.part import WHOLE, Part, origin_of, part_chunks
from vidgan.media.random_access import may_start_at
from vidgan.media.seen import seen_in_8_bits
from vidgan.media.sources import SHOWN_AS_DECODED, source_of
from vidgan.media.turn import upright
from vidgan.media.types import UNTREATED, Chunk, Film, Packet, Treatment, VideoStream

_NEAR = Fraction(1, 4)
"""Of the time between two frames: so far off, at most, is one that costs less."""
_FEW = 50
"""Frames that are decoded for one without looking for one that costs less."""
_BACK = (0, 1, 4, 16, 64)
"""Seconds before a wanted time, to which one goes in turn: not every container finds keyframes."""
_DEPTH = 16  # pictures that a codec may show later than it decodes them
_LONGEST_WAY = 1000
"""Packets from a keyframe to a wanted frame, which are held in memory; for more, see above."""
_KEPT = 4
"""Of a film that is read once, frames to choose one from, at most; half as many at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The frames that were chosen, and what is wrong with the film as far as it was read."""

    count: int
    chunks: Iterable[Chunk]
    """Once: what these frames need, each of them owned by one."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """Where frames are looked for, in ticks: from `first` on, before `end`."""

    first: int
    end: int

    def places(self, count: int) -> list[Fraction]:
        """The middles of so many equal stretches."""
        length = self.end - self.first
        return [self.first + Fraction((2 * n + 1) * length, 2 * count) for n in range(count)]

    def near(self, count: int) -> Fraction:
        """By how much a frame may lie beside one of so many places."""
        return _NEAR * (self.end - self.first) / count


def spread_frames(
    film: Film, count: int, *, treatment: Treatment = UNTREATED, part: Part = WHOLE
) -> Spread:
    """So many different frames, or all where there are fewer, at even distances in time.

    A quarter of the distance off at most, but where the film itself has no frame nearer. Of those
    that `part` leaves between the frames it takes, one is chosen only where it takes many.

    Raises:
        InputError: the film has to be read, and cannot be cut into chunks (see `ChunkReader`), or
            has no picture there.
    """
    found = _sought(film, count, treatment, part) if _says_times(film) else None
    if found is not None:
        return Spread(count=count, chunks=_merged(found))
    return _read(film, count, treatment, part)


def take_spread(
    film: Film, spread: Spread, treatment: Treatment = UNTREATED
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The chosen frames in order, each with its time in ticks, as `sample.take_frames` does."""
    for chunk in spread.chunks:
        for frame in decode_chunk(chunk, film.video, treatment):
            yield frame.pts, upright(seen_in_8_bits(frame.rgb, film.video), film.video)


def _says_times(film: Film) -> bool:
    """Each packet that of its picture."""
    has_slots = source_of(film.container).has_slots and film.video.codec not in SHOWN_AS_DECODED
    return not has_slots and not film.video.packed


def _neighbours(film: Film, treatment: Treatment) -> int:
    """How many pictures each needs beside it, before and after."""
    return int(is_deinterlaced(film.video, treatment.deinterlace))


def _sought(film: Film, count: int, treatment: Treatment, part: Part) -> list[Chunk] | None:
    """None where one of them is not found, or two of them are the same."""
    found: list[Chunk] = []
    with open_film(film.path) as container:
        window = _window(film, container, part) if finds_places(film, container) else None
        if window is None:
            return None
        pictures = (window.end - window.first) * film.video.time_base * film.video.rate
        if part.every > 1 and pictures < _FEW * count * part.every:
            return None
        search = _Search(film, container, window, window.near(count), _neighbours(film, treatment))
        for place in window.places(count):
            chunk = search.at(place)
            if chunk is None or (found and chunk.owned <= found[-1].owned):
                return None
            found.append(chunk)
    return found


def _window(film: Film, container: InputContainer, part: Part) -> _Window | None:
    """None where there is nothing: reading has the words for it."""
    tick = film.video.time_base
    stream = container.streams[film.video.index]
    length = (film.duration or 0) / tick
    if stream.duration:  # sound may be longer
        length = min(length, Fraction(stream.duration))
    first = (stream.start_time or 0) - round(Clock(film, container).origin / tick)
    end = first + length
    if not part.is_whole:
        origin = origin_of(film)
        first = max(first, math.ceil((origin + (part.start or 0)) / tick))
        end = end if part.end is None else min(end, (origin + part.end) / tick)
    return _Window(first=first, end=math.ceil(end)) if first < end else None


class _Search:
    """Goes to places in a film, for what the frames there need."""

    def __init__(
        self,
        film: Film,
        container: InputContainer,
        window: _Window,
        near: Fraction,
        neighbours: int,
    ) -> None:
        self._film = film
        self._container = container
        self._window = window
        self._near = near
        self._neighbours = neighbours
        self._few = _FEW / (film.video.rate * film.video.time_base)

    def at(self, place: Fraction) -> Chunk | None:
        """A chunk that owns the frame at a place in time, or one near by that costs less."""
        for seconds in _BACK:
            packets = self._packets(place, seconds)
            if packets is None:
                return None
            if packets:
                return self._chosen(packets, place)
        return None

    def _chosen(self, packets: Sequence[Packet], place: Fraction) -> Chunk | None:
        times = sorted(packet.pts for packet in packets if not packet.is_discard)
        times = [pts for pts in times if pts >= packets[0].pts]
        if len(set(times)) < len(times):
            return None
        if self._is_far(packets[0].pts, place):
            place = Fraction(packets[0].pts)
        fitting = times[self._neighbours :] or times  # the first one of a GOP has none before it
        fitting = [pts for pts in fitting if self._window.first <= pts < self._window.end]
        if not fitting:
            return None
        pts = min(fitting, key=lambda pts: abs(pts - place))
        chunk = Chunk(index=0, packets=tuple(packets), owned=(pts,))
        return around(chunk, pts, self._film.video, neighbours=self._neighbours)

    def _is_far(self, keyframe: int, place: Fraction) -> bool:
        """It is many frames from a keyframe to a place, and yet the keyframe is near enough."""
        way = place - keyframe
        return keyframe >= self._window.first and self._few < way <= self._near

    def _packets(self, place: Fraction, back: int) -> list[Packet] | None:
        """From the last keyframe before a place to beyond it.

        Empty where no such keyframe comes, since the container has not gone far enough back. None
        where pictures say no time, the way is too long, or there is damage.
        """
        video = self._film.video
        clock = Clock(self._film, self._container)
        tick = video.time_base
        to = max(self._window.first, math.floor(place - back / tick)) if back else math.floor(place)
        stream = self._container.streams[video.index]
        incoming = Incoming(video, self._container, data=True)
        packets: list[Packet] = []
        beyond = 0
        try:
            self._container.seek(to + round(clock.origin / tick), stream=stream)
            for packet in demux(self._container, [stream]):
                clock.move(packet)
                for coming in incoming.take(packet):
                    time = coming.stated
                    if time is not None and time <= place and _may_start(coming.packet, video):
                        packets = []
                        if not back and self._is_far(time, place):
                            place = Fraction(time)
                    elif not packets and time is not None and time > place:
                        return []
                    elif not packets:
                        continue
                    if time is None:
                        return None
                    packets.append(coming.packet)
                    beyond += beyond > 0 or time > place
                if len(packets) > _LONGEST_WAY:
                    return None
                if beyond > _DEPTH:
                    break
        except av.FFmpegError:
            return None
        rest = [coming for coming in incoming.rest() if coming.stated is not None]
        return [*packets, *(coming.packet for coming in rest)] if packets else []


def _read(film: Film, count: int, treatment: Treatment, part: Part) -> Spread:
    reader = ChunkReader(film)
    neighbours = _neighbours(film, treatment)
    times: list[int] = []
    kept: list[Chunk] = []
    stride = 1
    for number, chunk in enumerate(part_chunks(film, reader, part)):
        times += chunk.owned
        if number % stride == 0:
            pts = chunk.owned[min(neighbours, len(chunk.owned) - 1)]
            kept.append(around(chunk, pts, film.video, neighbours=neighbours))
        if len(kept) == _KEPT * count:
            del kept[1::2]
            stride *= 2
    if not times:
        if reader.frames:
            raise InputError(f"{film.path}: no picture of it lies between --start and --end")
        raise InputError(f"{film.path}: there is no picture in it; check that a player shows one")
    chosen = _of_kept(kept, times, count)
    if not chosen:
        wanted = _even(times, count)
        count = len(wanted)
        chosen = (
            around(chunk, pts, film.video, neighbours=neighbours)
            for chunk in chunks_with(film, wanted, treatment)
            for pts in chunk.owned
        )
    return Spread(count=count, chunks=_merged(chosen), warnings=tuple(reader.warnings))


def _window_of(times: Sequence[int]) -> _Window:
    """As long as if the last one were shown as long as the others are on average."""
    step = round((times[-1] - times[0]) / (len(times) - 1)) if len(times) > 1 else 1
    return _Window(first=times[0], end=times[-1] + max(1, step))


def _of_kept(
    kept: Sequence[Chunk], times: Sequence[int], count: int
) -> "list[Chunk] | Iterator[Chunk]":
    """Nothing where they are not near enough to the places wanted."""
    window = _window_of(times)
    chosen = [
        min(kept, key=lambda chunk: abs(chunk.owned[0] - place)) for place in window.places(count)
    ]
    pairs = zip(chosen, window.places(count), strict=True)
    is_even = all(abs(chunk.owned[0] - place) <= window.near(count) for chunk, place in pairs)
    return chosen if is_even else []


def _even(times: Sequence[int], count: int) -> list[int]:
    """So many of these times, or all, each once; those nearest to even places as far as can be."""
    chosen: set[int] = set()
    for place in _window_of(times).places(min(count, len(times))):
        left = (pts for pts in times if pts not in chosen)
        chosen.add(min(left, key=lambda pts: abs(pts - place)))
    return sorted(chosen)


def around(chunk: Chunk, pts: int, video: VideoStream, *, neighbours: int = 0) -> Chunk:
    """Of a chunk what one of its pictures needs, and so many more on either side of it."""
    packets = chunk.packets
    shown = sorted({packet.pts for packet in packets if not packet.is_discard})
    place = shown.index(pts)
    needed = shown[max(0, place - neighbours) : place + neighbours + 1]
    places = [n for n, p in enumerate(packets) if p.pts in needed and not p.is_discard]
    starts = (
        n
        for n in range(min(places), -1, -1)
        if packets[n].pts <= needed[0] and _may_start(packets[n], video)
    )
    start = next(starts, 0)
    return replace(
        chunk,
        packets=packets[start : max(places) + 1],
        owned=(pts,),
        fallback=None if start else chunk.fallback,
    )


def _may_start(packet: Packet, video: VideoStream) -> bool:
    return (
        packet.is_keyframe
        and not packet.is_discard
        and may_start_at(packet.data, codec=video.codec, extradata=video.extradata)
    )


def _merged(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Those in a row that begin alike as one: a long GOP is decoded once."""
    held: Chunk | None = None
    for chunk in chunks:
        if held is None:
            held = chunk
        elif held.packets[0].pts == chunk.packets[0].pts:
            longer = max(held.packets, chunk.packets, key=len)
            held = replace(held, packets=longer, owned=held.owned + chunk.owned)
        else:
            yield held
            held = chunk
    if held is not None:
        yield held
