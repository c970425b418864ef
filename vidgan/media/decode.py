"""Chunks of packets in, full-range RGB pictures out: exactly those that the chunk owns.

Damaged packets are treated as a plain decoder treats them: their pictures are missing or
concealed, and decoding goes on. A chunk's decoder starts afresh, though, where a plain one would
still have older pictures to conceal with; so if the first keyframe is damaged, it is given the
keyframe before.
"""

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from operator import itemgetter
from typing import Any

import av
from av.packet import Packet as AvPacket
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vidgan.errors import InputError
from vidgan.media.seen import read_levels
from vidgan.media.types import Chunk, Packet, RgbFrame, VideoStream

_LATE_BY_AT_MOST = 4  # frames


def decode_chunk(chunk: Chunk, video: VideoStream) -> Iterator[RgbFrame]:
    """The owned pictures of a chunk in order of presentation, each once, as stored (not rotated).

    What cannot be decoded is missing from the result, without an error.

    Raises:
        InputError: in the middle of the film the pictures change their size, or are interlaced.
    """
    odd_size: tuple[int, int] | None = None
    interlaced = 0
    for pts, frame in _in_order(_decode(_repaired(chunk, video), video), chunk):
        size = frame.width, frame.height
        interlaced += frame.interlaced_frame
        if interlaced == 2:  # once may be damage here too
            raise InputError(_is_interlaced(pts, video))
        if size == (video.width, video.height):
            yield RgbFrame(pts=pts, rgb=read_levels(frame, video))
        elif size == odd_size:
            raise InputError(_size_changes(size, pts, video))
        else:  # once may be damage, which makes headers up; twice the same is not
            odd_size = size


def _in_order(frames: Iterable[VideoFrame], chunk: Chunk) -> Iterator[tuple[int, VideoFrame]]:
    """Owned frames by strictly rising time; after damage, decoders give some a little late."""
    wanted = set(chunk.owned)
    waiting: list[tuple[int, VideoFrame]] = []
    latest: int | None = None
    for frame in frames:
        if frame.pts in wanted and (latest is None or frame.pts > latest):
            wanted.remove(frame.pts)
            insort(waiting, (frame.pts, frame), key=itemgetter(0))
        if len(waiting) > _LATE_BY_AT_MOST:
            latest, first = waiting.pop(0)
            yield latest, first
    yield from waiting


def _is_interlaced(pts: int, video: VideoStream) -> str:
    return (
        f"the video is interlaced from {float(pts * video.time_base):.3f} s on at the latest: "
        "that is not supported; deinterlace it with "
        "`ffmpeg -i IN -vf bwdif=deint=interlaced -c:v libx264 -crf 12 -c:a copy OUT.mkv` first"
    )


def _size_changes(size: tuple[int, int], pts: int, video: VideoStream) -> str:
    return (
        f"the video changes its size from {video.width}x{video.height} to {size[0]}x{size[1]} "
        f"at {float(pts * video.time_base):.3f} s, which is not supported; scale it to one size "
        f"with `ffmpeg -i IN -vf scale={video.width}:{video.height} OUT` first"
    )


def _repaired(chunk: Chunk, video: VideoStream) -> Sequence[Packet]:
    """The chunk's packets, after the keyframe before if their own first gives no picture."""
    if chunk.fallback is None or any(_decode(chunk.packets[:1], video)):
        return chunk.packets
    return [chunk.fallback, *chunk.packets]


def _decode(packets: Sequence[Packet], video: VideoStream) -> Iterator[VideoFrame]:
    """All that a decoder gives."""
    context = _open_decoder(video)
    for packet in (*packets, None):
        with suppress(av.FFmpegError):  # this packet's picture is lost, the next ones may not be
            yield from context.decode(_with_times(packet, video.time_base) if packet else None)


def _open_decoder(video: VideoStream) -> VideoCodecContext:
    """In one thread: an error would lose what is in flight on others."""
    context = av.CodecContext.create(video.codec, "r")
    assert isinstance(context, VideoCodecContext)
    context.extradata = video.extradata or None
    context.thread_count = 1
    if (coded := video.coded) is not None:
        context.width, context.height = coded.width, coded.height
        context.bits_per_coded_sample = coded.bits_per_sample
        if coded.tag:
            context.codec_tag = coded.tag
        if coded.pixel_format is not None:
            context.pix_fmt = coded.pixel_format
    return context


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
