"""Films that flash and beep at the same moments, and when they are seen and heard to do so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

PULSE = Fraction(1, 5)
"""Seconds of a flash and a beep."""


@dataclass(frozen=True, kw_only=True)
class Beeps:
    """A film of `seconds`, black and silent but for pulses that begin at `moments`."""

    seconds: int = 4
    moments: Sequence[Fraction] = (Fraction(1, 2), Fraction(2), Fraction(7, 2))
    frames_per_second: int = 10
    codec: str = "pcm_s16le"
    layout: str = "stereo"
    rate: int = 48_000
    sound_from: Fraction = Fraction(0)
    """Seconds; there is no packet of the sound before."""
    silent: tuple[Fraction, Fraction] | None = None
    """From when to when packets of the sound are missing."""


def write_beeps(path: Path, spec: Beeps) -> Path:
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "threads": "1", "bf": "0", "g": "50"}
        vp9 = {"cpu-used": "8", "deadline": "realtime", "threads": "1"}
        codec = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
        video: VideoStream = container.add_stream(  # type: ignore[assignment]
            codec, rate=spec.frames_per_second, options=vp9 if path.suffix == ".webm" else options
        )
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        sound: AudioStream = container.add_stream(spec.codec, rate=spec.rate)  # type: ignore[assignment]
        sound.codec_context.layout = spec.layout
        container.start_encoding()
        packets = [*_pictures(video, spec), *_sound(sound, spec)]
        for packet in sorted(packets, key=_decode_time):
            container.mux(packet)
    return path


def _decode_time(packet: "Packet[Any]") -> Fraction:
    return (packet.dts if packet.dts is not None else packet.pts or 0) * packet.time_base


def _is_on(seconds: NDArray[np.float64], spec: Beeps) -> NDArray[np.bool_]:
    starts = np.array([float(moment) for moment in spec.moments])
    latest = np.searchsorted(starts, seconds, "right") - 1
    since = seconds - starts[latest]
    return np.asarray((latest >= 0) & (since < float(PULSE)))


def _pictures(stream: VideoStream, spec: Beeps) -> Iterator["Packet[Any]"]:
    rate = spec.frames_per_second
    times = (np.arange(spec.seconds * rate) + 0.01) / rate
    for number, is_on in enumerate(_is_on(times, spec)):
        frame = av.VideoFrame(32, 32, "yuv420p")
        for plane, level in zip(frame.planes, (235 if is_on else 16, 128, 128), strict=True):
            plane.update(bytes([level]) * plane.buffer_size)
        frame.pts, frame.time_base = number, Fraction(1, rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _sound(stream: AudioStream, spec: Beeps) -> Iterator["Packet[Any]"]:
    context = stream.codec_context
    size, rate = context.frame_size or 1024, spec.rate
    resampler = av.AudioResampler(context.format, context.layout, rate)
    begin = round(spec.sound_from * rate)
    for start in range(begin, spec.seconds * rate, size):
        time = (np.arange(start, min(start + size, spec.seconds * rate)) / rate).astype(np.float64)
        tone = 0.5 * np.sin(2 * np.pi * 1000 * time) * _is_on(time, spec)
        plane = np.ascontiguousarray(tone[None, :].astype(np.float32))
        frame = av.AudioFrame.from_ndarray(plane, "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        for piece in resampler.resample(frame):
            yield from _shown(stream.encode(piece), spec)
    yield from _shown(stream.encode(None), spec)


def _shown(packets: "Sequence[Packet[Any]]", spec: Beeps) -> Iterator["Packet[Any]"]:
    for packet in packets:
        seconds = (packet.pts or 0) * packet.time_base
        if spec.silent is None or not spec.silent[0] <= seconds < spec.silent[1]:
            yield packet


def seen(path: Path) -> list[float]:
    """When the pictures turn bright, in seconds."""
    with av.open(str(path)) as container:
        found, was_on = [], False
        for frame in container.decode(video=0):
            is_on = bytes(frame.planes[0])[0] > 128
            if is_on and not was_on:
                assert frame.time is not None
                found.append(frame.time)
            was_on = is_on
        return found


def heard(path: Path, track: int = 0) -> list[float]:
    """When the sound gets loud after it was not, in seconds."""
    with av.open(str(path)) as container:
        found: list[float] = []
        last, mono = -1.0, None
        for frame in container.decode(container.streams.audio[track]):
            mono = mono or av.AudioResampler("fltp", "mono", frame.sample_rate)
            for piece in mono.resample(frame):
                loud = np.flatnonzero(np.abs(piece.to_ndarray()[0]) > 0.1)
                assert piece.pts is not None
                assert piece.time_base is not None
                begin = float(piece.pts * piece.time_base)
                for at in loud if loud.size else ():
                    moment = begin + float(at) / piece.sample_rate
                    if moment - last > float(PULSE) / 2:
                        found.append(moment)
                    last = moment
        return found
