"""Frames of a film for training, evenly over its length: which ones, and taking them.

Colours are those a conversion sees: the same decoding, the same matrices. Where a film's keyframes
are as dense as the frames wanted, those alone are read, by seeking; else it is decoded as a whole.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet as AvPacket
from numpy.typing import NDArray

from vidgan.media.background import read_alpha
from vidgan.media.chunks import ChunkReader
from vidgan.media.decode import decode_chunk
from vidgan.media.frames import chunks_with
from vidgan.media.opening import demux, open_film
from vidgan.media.random_access import may_start_at
from vidgan.media.seen import seen_in_8_bits
from vidgan.media.turn import upright
from vidgan.media.types import UNTREATED, Chunk, Film, Packet, Treatment

MOST_DECODED = 50
"""So many frames are decoded for one that is wanted, at most; of a longer film fewer are taken."""

_ENOUGH = 0.9  # keyframes for each frame wanted, that they may stand for all frames
_ENOUGH_OF_LONG = 0.25  # the same, where decoding all would take more than `MOST_DECODED`


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """The place of one frame in a film."""

    pts: int
    """Ticks."""
    share: float
    """Of the film's length, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which frames of a film to take."""

    spots: tuple[Spot, ...]
    """In order, each once."""
    keyframes_alone: bool
    warnings: tuple[str, ...] = ()


def film_seconds(film: Film) -> Fraction:
    """How long a film is; where its container does not say, it is read through.

    Raises:
        InputError: it would have to be read through, and cannot be cut (see `ChunkReader`).
    """
    if film.duration:
        return film.duration
    times = _all_times(film)[0]
    return (times[-1] - times[0]) * film.video.time_base if times else Fraction(0)


def choose_frames(film: Film, shares: Sequence[float]) -> Choice:
    """The frames nearest to these shares (0 to 1, rising) of a film's length, each once.

    Keyframes before them are taken instead where there is one for nearly each; of a long film
    (`MOST_DECODED`) also where there are but a quarter as many.

    Raises:
        InputError: the film cannot be cut into chunks (see `ChunkReader`).
    """
    is_long = film.frames_expected > MOST_DECODED * len(shares)
    is_whole = film.video.fields == "progressive"  # else one picture alone does not suffice
    keyframes = _keyframes_before(film, shares) if film.duration and is_whole else []
    if len(keyframes) >= (_ENOUGH_OF_LONG if is_long else _ENOUGH) * len(shares):
        return Choice(
            spots=tuple(keyframes),
            keyframes_alone=True,
            warnings=tuple(_sparse(film, found=len(keyframes), wanted=len(shares))),
        )
    times, warnings = _all_times(film)
    spots = _spots((_nearest(times, share) for share in shares), times) if times else ()
    return Choice(spots=spots, keyframes_alone=False, warnings=tuple(warnings))


def take_frames(
    film: Film, choice: Choice, treatment: Treatment = UNTREATED
) -> Iterator[tuple[Spot, NDArray[np.uint8]]]:
    """The chosen frames in order, upright, uint8 (H, W, 3) full-range RGB.

    Those that cannot be decoded are missing.
    """
    spots = {spot.pts: spot for spot in choice.spots}
    if choice.keyframes_alone:
        chunks = _key_chunks(film, choice.spots)
    else:
        chunks = chunks_with(film, spots, treatment)
    for chunk in chunks:
        for frame in decode_chunk(chunk, film.video, treatment):
            yield spots[frame.pts], upright(seen_in_8_bits(frame.rgb, film.video), film.video)


def _sparse(film: Film, *, found: int, wanted: int) -> Iterator[str]:
    if found < _ENOUGH * wanted:
        yield (
            f"{film.path} gives {found} frames instead of {wanted}: its keyframes are far apart, "
            "or its end is missing"
        )


def _all_times(film: Film) -> tuple[list[int], list[str]]:
    """All presentation times, rising, and what is wrong with the film."""
    reader = ChunkReader(film, data=False)
    return [pts for chunk in reader for pts in chunk.owned], reader.warnings


def _nearest(times: Sequence[int], share: float) -> int:
    wanted = times[0] + share * (times[-1] - times[0])
    place = bisect_left(times, wanted)
    return min(times[max(0, place - 1) : place + 1], key=lambda pts: abs(pts - wanted))


def _spots(chosen: Iterable[int], times: Sequence[int]) -> tuple[Spot, ...]:
    length = max(1, times[-1] - times[0])
    return tuple(Spot(pts=pts, share=(pts - times[0]) / length) for pts in sorted(set(chosen)))


def _keyframes_before(film: Film, shares: Sequence[float]) -> list[Spot]:
    """The keyframes at which decoding may start before these shares of the length, in order."""
    video = film.video
    length = float((film.duration or 0) / video.time_base)
    found = set()
    with open_film(film.path) as container:
        start = container.streams[video.index].start_time or 0
        for share in shares:
            packet = _keyframe_at(container, film, start + int(share * length))
            if packet is not None and may_start_at(
                packet.data, codec=video.codec, extradata=video.extradata
            ):
                again = _keyframe_at(container, film, packet.pts)
                if again is not None and again.pts == packet.pts:  # not every container seeks right
                    found.add(packet.pts)
    return [Spot(pts=pts, share=(pts - start) / length) for pts in sorted(found)]


def _key_chunks(film: Film, spots: Sequence[Spot]) -> Iterator[Chunk]:
    """A chunk of each chosen keyframe alone."""
    with open_film(film.path) as container:
        for spot in spots:
            packet = _keyframe_at(container, film, spot.pts)
            if packet is not None and packet.pts == spot.pts:
                yield Chunk(index=0, packets=(packet,), owned=(spot.pts,))


def _keyframe_at(container: InputContainer, film: Film, ticks: int) -> Packet | None:
    """The last keyframe not after a time, or the next where damage hides it."""
    stream = container.streams[film.video.index]
    try:
        container.seek(ticks, stream=stream)
        for packet in demux(container, [stream]):
            if packet.size and packet.is_keyframe and packet.pts is not None:
                return _plain(packet, packet.pts)
    except av.FFmpegError:
        pass
    return None


def _plain(packet: "AvPacket[Any]", pts: int) -> Packet:
    return Packet(
        data=bytes(packet),
        pts=pts,
        dts=packet.dts,
        duration=packet.duration or 0,
        is_keyframe=True,
        alpha=read_alpha(packet),
    )
