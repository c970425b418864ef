"""A film from its description: the pictures, and a file with all streams."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from tests.vidgan.films.spec import FilmSpec, codec_options
from tests.vidgan.films.tracks import (
    Packets,
    audio_packets,
    cover_packets,
    open_audio,
    open_cover,
    open_subtitles,
    subtitle_packets,
    two_chapters,
)
from vidgan.media.color import from_rgb, plain_format
from vidgan.media.types import Color

AUDIO_CODEC = {".webm": "libopus"}
BT601_LIMITED = Color(matrix=6, primaries=6, transfer=6, full_range=False)
UNTAGGED = Color(matrix=2, primaries=2, transfer=2, full_range=False)
EXACT_INPUT = {"yuv420p", "yuv422p", "yuv444p"}

os.environ.setdefault("SVT_LOG", "0")  # the AV1 encoder is chatty


def _open_video(container: OutputContainer, spec: FilmSpec) -> VideoStream:
    options = codec_options(spec) | (spec.codec_options or {})
    quality = int(options.pop("qscale", 0))
    stream: VideoStream = container.add_stream(  # type: ignore[assignment]
        spec.codec, rate=Fraction(spec.rate), options=options
    )
    stream.width, stream.height = spec.size
    stream.pix_fmt = spec.pixel_format
    context = stream.codec_context
    context.time_base = stream.time_base = spec.tick
    if quality:
        context.qscale, context.global_quality = True, 118 * quality
    if spec.sample_aspect_ratio is not None:
        context.sample_aspect_ratio = spec.sample_aspect_ratio
    if (tags := spec.tagged_as or spec.color) is not None:
        context.colorspace, context.color_primaries = tags.matrix, tags.primaries
        context.color_trc, context.color_range = tags.transfer, 2 if tags.full_range else 1
    if spec.rotation or spec.mirrored:
        stream.set_display_rotation(spec.rotation, hflip=spec.mirrored)
    return stream


def _picture(number: int, pts: int, spec: FilmSpec) -> av.VideoFrame:
    plain = plain_format(spec.pixel_format)
    frame = from_rgb(
        spec.draw(number, spec.size),
        pts=pts,
        time_base=spec.tick,
        color=spec.color or BT601_LIMITED,
        pixel_format=plain if plain in EXACT_INPUT else "yuv444p",
    )
    if plain not in EXACT_INPUT:
        frame = frame.reformat(format=spec.pixel_format)
    tags = spec.tagged_as or spec.color or UNTAGGED
    frame.colorspace, frame.color_primaries = tags.matrix, tags.primaries
    frame.color_trc = tags.transfer
    frame.color_range = 0 if tags is UNTAGGED else 2 if tags.full_range else 1
    return frame


def _video_packets(stream: VideoStream, spec: FilmSpec) -> Packets:
    packets: Packets = []
    for number, pts in enumerate(spec.times):
        packets += stream.encode(_picture(number, pts, spec))
    return packets + stream.encode(None)


def write_film(path: Path, spec: FilmSpec) -> None:
    """Encode all streams, then write their packets in the order of their decode times."""
    audio = spec.audio if isinstance(spec.audio, str) else AUDIO_CODEC.get(path.suffix, "aac")
    with av.open(str(path), "w", options=spec.container_options or {}) as container:
        container.metadata.update(spec.metadata or {})
        if spec.chapters:
            container.set_chapters(two_chapters(spec.seconds))
        videos = [_open_video(container, spec) for _ in range(spec.video_tracks)]
        sound = open_audio(container, audio) if spec.audio else None
        lines = open_subtitles(container, path.suffix) if spec.subtitles else None
        cover = open_cover(container) if spec.cover else None
        container.start_encoding()
        packets = cover_packets(cover) if cover else []
        for stream in videos:
            packets += _video_packets(stream, spec)
        packets += audio_packets(sound, spec.seconds) if sound else []
        packets += subtitle_packets(lines, spec.seconds) if lines else []
        for packet in sorted(packets, key=_decode_time):
            container.mux(packet)


def _decode_time(packet: "Packet[Any]") -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return (ticks or 0) * packet.time_base
