"""Chunks that bring the picture before their first one and the one after their last one."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from vidgan.media.random_access import may_start_at
from vidgan.media.types import Chunk, Packet, VideoStream


def overlapping(chunks: Iterable[Chunk], video: VideoStream) -> Iterator[Chunk]:
    """The same chunks in order, owning the same, with more packets where they need them.

    Before: those from the last keyframe of the chunk before, from which its last picture is exact.
    After: in a GOP that is cut into parts, those up to the next picture; other chunks have the
    next keyframe already. Held in memory are three chunks.
    """
    before: Chunk | None = None
    chunk: Chunk | None = None
    for after in chunks:
        if chunk is not None:
            yield _with_neighbours(chunk, before, after, video)
        before, chunk = chunk, after
    if chunk is not None:
        yield _with_neighbours(chunk, before, None, video)


def _with_neighbours(
    chunk: Chunk, before: Chunk | None, after: Chunk | None, video: VideoStream
) -> Chunk:
    packets = chunk.packets
    if after is not None and after.owned and not _has(packets, after.owned[0]):
        longer = _up_to(after.packets, after.owned[0])
        packets = longer if _is_same(longer[0], packets[0]) else packets + longer
    if before is not None and before.owned and not _shows(packets, before.owned[-1]):
        packets = (*_last_gop(before, packets[0], video), *packets)
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


def _last_gop(chunk: Chunk, after: Packet, video: VideoStream) -> tuple[Packet, ...]:
    """What the last picture of a chunk needs, up to the packet that the next chunk begins with."""
    last = chunk.owned[-1]
    packets = chunk.packets
    own = next((n for n, p in enumerate(packets) if n and _is_same(p, after)), len(packets))
    starts = [
        n
        for n, packet in enumerate(packets[:own])
        if packet.is_keyframe
        and packet.pts <= last
        and may_start_at(packet.data, codec=video.codec, extradata=video.extradata)
    ]
    return packets[starts[-1] if starts else 0 : own]


def _is_same(packet: Packet, other: Packet) -> bool:
    return packet is other or (packet.pts == other.pts and packet.data == other.data)
