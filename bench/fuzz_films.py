"""The small films that bench/fuzz.py damages: one for each kind that people have."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from PIL import Image

FRAMES, SIZE, RATE = 24, (64, 48), 24
AUDIO_RATE = 48_000
_ASS = b"[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, Text\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a film is made of."""

    codec: str
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"g": "8"})
    sound: Sequence[str] = ()
    lines: str | None = None
    size: tuple[int, int] = SIZE
    color: tuple[int, int, int] | None = None
    """Primaries, transfer and matrix, by their numbers in H.273."""
    container: dict[str, str] = field(default_factory=dict)


_QUIET = "log-level=none:cpu-independent=1"
_X264 = {"g": "8", "bf": "2", "x264-params": _QUIET}
_FIELDS = {"g": "8", "x264-params": _QUIET + ":tff=1"}
_X265 = {"g": "8", "x265-params": "log-level=none"}
_VP9 = {"g": "8", "cpu-used": "8", "deadline": "realtime"}
_HLG = (9, 18, 9)
_DNXHR = {"profile": "dnxhr_lb"}

KINDS = {
    "h264.mp4": Kind(codec="libx264", options=_X264, sound=("aac",), lines="mov_text"),
    "plain.mp4": Kind(codec="libx264", options=_X264),
    "fragments.mp4": Kind(
        codec="libx264",
        options=_X264,
        sound=("aac",),
        container={"movflags": "frag_keyframe+empty_moov"},
    ),
    "fields.mov": Kind(codec="libx264", options=_FIELDS, sound=("pcm_s16le",)),
    "h264.ts": Kind(codec="libx264", options=_X264, sound=("mp2",)),
    "two.m2ts": Kind(codec="libx264", options=_X264, sound=("ac3", "aac")),
    "h264.flv": Kind(codec="libx264", options=_X264, sound=("aac",)),
    "flv1.flv": Kind(codec="flv"),
    "h263.3gp": Kind(codec="h263", size=(128, 96)),
    "hevc.mkv": Kind(codec="libx265", options=_X265, sound=("flac", "libopus"), lines="srt"),
    "hlg.mkv": Kind(codec="libx265", pixels="yuv420p10le", options=_X265, color=_HLG),
    "deep.mp4": Kind(codec="libx265", pixels="yuv420p10le", options=_X265),
    "vp9.webm": Kind(codec="libvpx-vp9", options=_VP9, sound=("libopus",), lines="webvtt"),
    "vp8.webm": Kind(codec="libvpx"),
    "av1.mp4": Kind(codec="libsvtav1", options={"g": "8", "preset": "12"}),
    "mpeg4.avi": Kind(codec="mpeg4", options={"g": "8", "bf": "2"}, sound=("libmp3lame",)),
    "mjpeg.avi": Kind(codec="mjpeg", pixels="yuvj420p", sound=("pcm_u8",)),
    "mpeg2.mpg": Kind(codec="mpeg2video", sound=("mp2",)),
    "fields.vob": Kind(codec="mpeg2video", options={"g": "8", "flags": "+ildct+ilme"}),
    "wmv2.wmv": Kind(codec="wmv2", sound=("wmav2",)),
    "msmpeg4.asf": Kind(codec="msmpeg4"),
    "mpeg2.mxf": Kind(codec="mpeg2video", sound=("pcm_s16le",)),
    "dnxhr.mov": Kind(codec="dnxhd", pixels="yuv422p", options=_DNXHR, size=(256, 120)),
    "prores.mov": Kind(codec="prores_ks", pixels="yuva444p10le"),
    "ffv1.mkv": Kind(codec="ffv1"),
    "vp8.ogv": Kind(codec="libvpx", sound=("libopus",)),
    "apng.apng": Kind(codec="apng", pixels="rgb24"),
    "gif.gif": Kind(codec="gif", pixels="rgb8"),
    "raw.y4m": Kind(codec="wrapped_avframe", options={}),
}


def make_films(folder: Path) -> Iterator[Path]:
    """All of them, of the same bytes each time."""
    folder.mkdir()
    os.environ.setdefault("SVT_LOG", "0")
    for name, kind in KINDS.items():
        _write(folder / name, kind)
        yield folder / name
    yield _write_webp(folder / "moving.webp")


def _write(path: Path, kind: Kind) -> None:
    with av.open(str(path), "w", options={"fflags": "+bitexact", **kind.container}) as container:
        video: Any = container.add_stream(kind.codec, rate=RATE, options=dict(kind.options))
        (video.width, video.height), video.pix_fmt = kind.size, kind.pixels
        video.codec_context.thread_count = 1
        if kind.color is not None:
            primaries, transfer, matrix = kind.color
            context = video.codec_context
            context.color_primaries, context.color_trc = primaries, transfer
            context.colorspace, context.color_range = matrix, 1
        sounds = [_open_sound(container, codec) for codec in kind.sound]
        text = None if kind.lines is None else _open_lines(container, kind.lines)
        container.start_encoding()
        packets = [*_pictures(video, kind)]
        for sound in sounds:
            packets += _tone(sound)
        packets += _words(text) if text is not None else []
        for packet in sorted(packets, key=_seconds):
            container.mux(packet)


def _seconds(packet: "Packet[Any]") -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return (ticks or 0) * packet.time_base


def _picture(number: int, size: tuple[int, int]) -> Any:
    """uint8 (H, W, 3): ramps that move."""
    width, height = size
    ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 2 + 9 * number)
    return np.stack([ramp, ramp[::-1], 255 - ramp], -1).astype(np.uint8)


def _pictures(stream: Any, kind: Kind) -> Iterator["Packet[Any]"]:
    for number in range(FRAMES):
        frame = av.VideoFrame.from_ndarray(_picture(number, kind.size), format="rgb24")
        frame = frame.reformat(format=kind.pixels)
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _open_sound(container: Any, codec: str) -> Any:
    stream = container.add_stream(codec, rate=AUDIO_RATE)
    if codec == "wmav2":
        stream.codec_context.bit_rate = 64_000
    stream.codec_context.layout = "stereo"
    stream.metadata["language"] = "eng"
    return stream


def _tone(stream: Any) -> Iterator["Packet[Any]"]:
    context = stream.codec_context
    size = context.frame_size or 1024
    resampler = av.AudioResampler(context.format, context.layout, AUDIO_RATE)
    for start in range(0, AUDIO_RATE * FRAMES // RATE, size):
        wave = np.sin(2 * np.pi * 440 * np.arange(start, start + size) / AUDIO_RATE)
        plane = np.ascontiguousarray(wave[None].astype(np.float32) / 3)
        frame = av.AudioFrame.from_ndarray(plane, "fltp", "mono")
        frame.sample_rate, frame.pts = AUDIO_RATE, start
        frame.time_base = Fraction(1, AUDIO_RATE)
        for piece in resampler.resample(frame):
            yield from stream.encode(piece)
    yield from stream.encode(None)


def _open_lines(container: Any, codec: str) -> Any:
    stream = container.add_stream(codec)
    stream.codec_context.subtitle_header = _ASS
    stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
    return stream


def _words(stream: Any) -> Iterator["Packet[Any]"]:
    from av.subtitles.subtitle import SubtitleSet

    for number in range(3):
        line = SubtitleSet.create(b"%d,0,Default,,0,0,0,,Line %d" % (number, number), 0, 250)
        packet = stream.codec_context.encode_subtitle(line)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = 300 * number
        packet.duration = 250
        yield packet


def _write_webp(path: Path) -> Path:
    first, *rest = (Image.fromarray(_picture(number, SIZE)) for number in range(FRAMES))
    first.save(path, save_all=True, append_images=rest, duration=40, quality=60)
    return path
