"""Chunks of packets in, full-range RGB pictures out: exactly those that the chunk owns.

Damaged packets are treated as a plain decoder treats them: their pictures are missing or
concealed, and decoding goes on. A chunk's decoder starts afresh, though, where a plain one would
still have older pictures to conceal with; so if the first keyframe is damaged, it is given the
keyframe before.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
from av.codec.context import ThreadType
from av.packet import Packet as AvPacket
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vidgan.errors import InputError
from vidgan.media.color import to_rgb
from vidgan.media.types import Chunk, Packet, RgbFrame, VideoStream


def decode_chunk(chunk: Chunk, video: VideoStream, *, threads: int = 1) -> Iterator[RgbFrame]:
    """The owned pictures of a chunk in order of presentation, each once, as stored (not rotated).

    What cannot be decoded is missing from the result, without an error.

    Raises:
        InputError: the pictures change their size in the middle of the film.
    """
    wanted = set(chunk.owned)
    odd_size: tuple[int, int] | None = None
    latest: int | None = None
    for frame in _decode(_repaired(chunk, video), video, threads=threads):
        pts = frame.pts
        if pts is None or pts not in wanted or (latest is not None and pts <= latest):
            continue
        size = frame.width, frame.height
        if size != (video.width, video.height):
            # Once may be damage, which makes headers up; twice the same is not.
            if size == odd_size:
                raise InputError(_size_changes(size, pts, video))
            odd_size = size
            continue
        latest = pts
        yield RgbFrame(pts=pts, rgb=to_rgb(frame, video.color))


def _size_changes(size: tuple[int, int], pts: int, video: VideoStream) -> str:
    return (
        f"the video changes its size from {video.width}x{video.height} to {size[0]}x{size[1]} "
        f"at {float(pts * video.time_base):.3f} s, which is not supported; scale it to one size "
        f"with `ffmpeg -i IN -vf scale={video.width}:{video.height} OUT` first"
    )


def _repaired(chunk: Chunk, video: VideoStream) -> Iterable[Packet]:
    """The chunk's packets, after the keyframe before if their own first gives no picture."""
    if chunk.fallback is None or any(_decode(chunk.packets[:1], video, threads=1)):
        return chunk.packets
    return [chunk.fallback, *chunk.packets]


def _decode(packets: Iterable[Packet], video: VideoStream, *, threads: int) -> Iterator[VideoFrame]:
    context = _open_decoder(video, threads)
    for packet in packets:
        yield from _feed(context, _with_times(packet, video.time_base))
    yield from _feed(context, None)


def _open_decoder(video: VideoStream, threads: int) -> VideoCodecContext:
    context = av.CodecContext.create(video.codec, "r")
    assert isinstance(context, VideoCodecContext)
    context.extradata = video.extradata or None
    context.thread_count = threads
    context.thread_type = ThreadType.AUTO
    return context


def _feed(context: VideoCodecContext, packet: "AvPacket[Any] | None") -> list[VideoFrame]:
    try:
        return context.decode(packet)
    except av.FFmpegError:
        return []  # damaged: this packet's picture is lost, the next ones may not be


def _with_times(packet: Packet, time_base: Fraction) -> "AvPacket[Any]":
    """A discarded picture goes without its time, which another one may have as well."""
    made = AvPacket(len(packet.data))
    made.update(packet.data)  # AvPacket(data) would lack the padding that decoders read beyond
    made.pts = None if packet.is_discard else packet.pts
    made.dts = packet.dts
    made.duration = packet.duration
    made.time_base = time_base
    made.is_keyframe = packet.is_keyframe
    return made
