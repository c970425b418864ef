"""Chunks that bring pictures before their first one, and the one after their last one."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from vidgan.media.random_access import may_start_at
from vidgan.media.types import Chunk, Packet, VideoStream


def overlapping(
    chunks: Iterable[Chunk], video: VideoStream, *, pictures: int = 1
) -> Iterator[Chunk]:
    """The same chunks in order, owning the same, with more packets where they need them.

    Before: those from a keyframe of the chunk before, from which its last `pictures` are exact, or
    as many as it has.
    After: in a GOP that is cut into parts, those up to the next picture; other chunks have the
    next keyframe already. Held in memory are three chunks.
    """
    before: Chunk | None = None
    chunk: Chunk | None = None
    for after in chunks:
        if chunk is not None:
            yield _with_neighbours(chunk, before, after, video, pictures)
        before, chunk = chunk, after
    if chunk is not None:
        yield _with_neighbours(chunk, before, None, video, pictures)


def pictures_before(chunk: Chunk, most: int) -> tuple[int, ...]:
    """The times of the last pictures before those that a chunk owns, of those it shows exactly."""
    packets = chunk.packets
    if not chunk.owned or most == 0:
        return ()
    times = {packet.pts for packet in packets if not packet.is_discard}
    earlier = sorted(pts for pts in times if packets[0].pts <= pts < chunk.owned[0])
    return tuple(earlier[-most:])


def _with_neighbours(
    chunk: Chunk, before: Chunk | None, after: Chunk | None, video: VideoStream, pictures: int
) -> Chunk:
    packets = chunk.packets
    if after is not None and after.owned and not _has(packets, after.owned[0]):
        longer = _up_to(after.packets, after.owned[0])
        packets = longer if _is_same(longer[0], packets[0]) else packets + longer
    if before is not None and before.owned:
        first = before.owned[-pictures:][0]
        if not _shows(packets, first):
            packets = (*_from_picture(before, first, packets[0], video), *packets)
    return replace(chunk, packets=packets)


def _has(packets: tuple[Packet, ...], pts: int) -> bool:
    return any(packet.pts == pts and not packet.is_discard for packet in packets)


def _shows(packets: tuple[Packet, ...], pts: int) -> bool:
    """Whether it is there, and not one of those before the keyframe, which need the GOP before."""
    return pts >= packets[0].pts and _has(packets, pts)


def _up_to(packets: tuple[Packet, ...], pts: int) -> tuple[Packet, ...]:
    """Parts of a GOP all begin alike."""
    ends = [n for n, packet in enumerate(packets, 1) if packet.pts == pts]
    return packets[: ends[0]] if ends else packets


def _from_picture(
    chunk: Chunk, first: int, after: Packet, video: VideoStream
) -> tuple[Packet, ...]:
    """What the pictures of a chunk from one on need, up to the packet that the next begins with."""
    packets = chunk.packets
    own = next((n for n, p in enumerate(packets) if n and _is_same(p, after)), len(packets))
    starts = [
        n
        for n, packet in enumerate(packets[:own])
        if packet.is_keyframe
        and packet.pts <= first
        and may_start_at(packet.data, codec=video.codec, extradata=video.extradata)
    ]
    return packets[starts[-1] if starts else 0 : own]


def _is_same(packet: Packet, other: Packet) -> bool:
    return packet is other or (packet.pts == other.pts and packet.data == other.data)
