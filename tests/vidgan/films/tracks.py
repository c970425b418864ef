"""What comes with the pictures: sound, subtitles, a cover, chapters."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import SubtitleSet
from av.video.stream import VideoStream

from tests.vidgan.films.pictures import draw

if TYPE_CHECKING:
    from av.container.core import Chapter

Packets: TypeAlias = "list[Packet[Any]]"
Line: TypeAlias = tuple[int, int, str]

ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
AUDIO_RATE = 48_000


def open_audio(container: OutputContainer, encoder: str) -> AudioStream:
    stream: AudioStream = container.add_stream(encoder, rate=AUDIO_RATE)  # type: ignore[assignment]
    stream.codec_context.layout = "stereo"
    stream.metadata["language"] = "eng"
    return stream


def audio_packets(stream: AudioStream, seconds: float) -> Packets:
    """A tone that rises, so that a shift in time would show."""
    t = np.arange(round(seconds * AUDIO_RATE)) / AUDIO_RATE
    tone = (0.3 * np.sin(2 * np.pi * (220 + 100 * t) * t)).astype(np.float32)
    frame_size = stream.codec_context.frame_size or 1024
    packets: Packets = []
    for start in range(0, len(tone), frame_size):
        piece = np.ascontiguousarray(np.stack([tone[start : start + frame_size]] * 2))
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def open_subtitles(container: OutputContainer, suffix: str) -> SubtitleStream:
    codec = {".mkv": "srt", ".webm": "webvtt"}.get(suffix, "mov_text")
    stream: SubtitleStream = container.add_stream(codec)  # type: ignore[assignment]
    stream.codec_context.subtitle_header = ASS_HEADER
    stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
    stream.metadata["language"] = "eng"
    return stream


def subtitle_packets(stream: SubtitleStream, seconds: float) -> Packets:
    """One line per half second, shown for 0.4 s."""
    packets = []
    for number in range(int(2 * seconds)):
        line = SubtitleSet.create(b"0,0,Default,,0,0,0,,Line %d" % number, 0, 400)
        packet = stream.codec_context.encode_subtitle(line)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = 500 * number
        packet.duration = 400
        packets.append(packet)
    return packets


def line_packets(stream: SubtitleStream, lines: Sequence[Line]) -> Packets:
    """Lines in the notation of ASS, each with its start and its length in milliseconds."""
    packets = []
    for number, (start, length, text) in enumerate(lines):
        dialogue = f"{number},0,Default,,0,0,0,,{text}".encode()
        packet = stream.codec_context.encode_subtitle(SubtitleSet.create(dialogue, 0, length))
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = start
        packet.duration = length
        packets.append(packet)
    return packets


def with_subtitles(source: Path, path: Path, codec: str, lines: Sequence[Line]) -> Path:
    """A film once more, with lines of text."""
    with av.open(str(source)) as film, av.open(str(path), "w") as container:
        streams = [container.add_stream_from_template(s, opaque=True) for s in film.streams]
        text: SubtitleStream = container.add_stream(codec)  # type: ignore[assignment]
        text.codec_context.subtitle_header = ASS_HEADER
        text.time_base = text.codec_context.time_base = Fraction(1, 1000)
        text.metadata["language"] = "eng"
        packets = [packet for packet in film.demux() if packet.size]
        for packet in packets:
            packet.stream = streams[packet.stream.index]
        for packet in sorted([*packets, *line_packets(text, lines)], key=_seconds):
            container.mux(packet)
    return path


def _seconds(packet: "Packet[Any]") -> Fraction:
    return (packet.dts or 0) * packet.time_base


def with_packets(
    source: Path, path: Path, codec: str, packets: Sequence[tuple[int, bytes]]
) -> Path:
    """A film once more, and a stream of packets that were made elsewhere; times in milliseconds."""
    with av.open(str(source)) as film, av.open(str(path), "w") as container:
        streams = [container.add_stream_from_template(s, opaque=True) for s in film.streams]
        extra = container.add_mux_stream(codec)
        extra.time_base = Fraction(1, 1000)
        made: Packets = [packet for packet in film.demux() if packet.size]
        for packet in made:
            packet.stream = streams[packet.stream.index]
        for start, data in packets:
            packet = Packet(data)
            packet.stream, packet.time_base = extra, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = 300
            made.append(packet)
        for packet in sorted(made, key=_seconds):
            container.mux(packet)
    return path


def open_cover(container: OutputContainer) -> VideoStream:
    stream = container.add_stream("mjpeg", rate=1)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
    stream.disposition = Disposition.attached_pic
    return stream


def cover_packets(stream: VideoStream) -> Packets:
    frame = av.VideoFrame.from_ndarray(draw(0, (64, 48)), format="rgb24")
    frame = frame.reformat(format="yuvj420p")
    frame.pts, frame.time_base = 0, Fraction(1)
    return stream.encode(frame) + stream.encode(None)


def two_chapters(seconds: float) -> "list[Chapter]":
    borders = [0, round(seconds * 500), round(seconds * 1000)]
    return [
        {
            "id": number,
            "start": borders[number],
            "end": borders[number + 1],
            "time_base": Fraction(1, 1000),
            "metadata": {"title": f"Chapter {number + 1}"},
        }
        for number in range(2)
    ]
