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
from typing import Any, cast

import av
import numpy as np
from av.packet import Packet as AvPacket
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vidgan.media.background import alpha_of, has_alpha, over, set_alpha
from vidgan.media.deinterlace import deinterlaced
from vidgan.media.one_size import cut_out, letterboxed, size_change, stored_size
from vidgan.media.restated import read_as_stated
from vidgan.media.types import (
    BLACK,
    UNTREATED,
    Chunk,
    Levels,
    Packet,
    RgbFrame,
    Treatment,
    VideoStream,
)
from vidgan.pictures.transparency import fill_hidden

_LATE_BY_AT_MOST = 4  # frames


def decode_chunk(
    chunk: Chunk,
    video: VideoStream,
    treatment: Treatment = UNTREATED,
    *,
    keeps_alpha: bool = False,
) -> Iterator[RgbFrame]:
    """The owned pictures of a chunk in order of presentation, each once, as stored (not rotated).

    What cannot be decoded is missing from the result, without an error. Fields become whole
    pictures, transparent ones lie over a background unless they are to keep their alpha, and those
    of another size are made to fit.
    """
    frames = _decode(_repaired(chunk, video), video)
    whole = deinterlaced(frames, video.fields, treatment.deinterlace)
    for pts, frame in _trusted(_in_order(whole, chunk), video):
        yield _picture(pts, frame, video, None if keeps_alpha else treatment.background or BLACK)


def _trusted(
    frames: Iterable[tuple[int, VideoFrame]], video: VideoStream
) -> Iterator[tuple[int, VideoFrame]]:
    """Without those of a size that comes once: damage makes headers up; twice the same is real.

    So is, as far as can be seen from here, the last one: the next chunk may go on in its size.
    """
    known = {stored_size(video)}
    held: tuple[int, VideoFrame] | None = None
    for pts, frame in frames:
        size = frame.width, frame.height
        if size not in known and (held is None or size != (held[1].width, held[1].height)):
            held = pts, frame
            continue
        if size not in known and held is not None:
            known.add(size)
            yield held
        held = None
        yield pts, frame
    if held is not None:  # nothing stands against it
        yield held


def _picture(
    pts: int,
    frame: VideoFrame,
    video: VideoStream,
    background: tuple[int, int, int] | None,
) -> RgbFrame:
    rgb, color = read_as_stated(frame, video)
    size = frame.width, frame.height
    resized = None if size == stored_size(video) else size_change(*size)
    changes = tuple(change for change in (resized, color) if change)
    if not has_alpha(frame.format.name):
        return RgbFrame(pts=pts, rgb=_sized(rgb, video), changes=changes)
    alpha = alpha_of(frame)
    if background is not None:
        laid = over(rgb, alpha, background)
        return RgbFrame(pts=pts, rgb=_sized(laid, video), changes=changes)
    deep = np.repeat(alpha[..., np.newaxis], 3, axis=2)
    return RgbFrame(
        pts=pts,
        rgb=_sized(fill_hidden(cast("Any", rgb), alpha), video),
        alpha=_sized(deep, video)[..., 0].astype(np.uint8),
        changes=changes,
    )


def _sized(rgb: Levels, video: VideoStream) -> Levels:
    size = rgb.shape[1], rgb.shape[0]
    if size != stored_size(video):
        return letterboxed(rgb, width=video.width, height=video.height)
    if video.cut is not None:
        return cut_out(rgb, video.cut, width=video.width, height=video.height)
    return rgb


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


def _repaired(chunk: Chunk, video: VideoStream) -> Sequence[Packet]:
    """The chunk's packets, after the keyframe before if their own first gives no picture."""
    if chunk.fallback is None or any(_decode(chunk.packets[:1], video)):
        return chunk.packets
    return [chunk.fallback, *chunk.packets]


def _decode(packets: Sequence[Packet], video: VideoStream) -> Iterator[VideoFrame]:
    """All that a decoder gives."""
    context = open_decoder(video)
    for packet in (*packets, None):
        with suppress(av.FFmpegError):  # this packet's picture is lost, the next ones may not be
            yield from context.decode(_with_times(packet, video.time_base) if packet else None)


def open_decoder(video: VideoStream) -> VideoCodecContext:
    """Of a stream, in one thread: an error would lose what is in flight on others."""
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
    if packet.alpha:
        set_alpha(made, packet.alpha)
    return made
