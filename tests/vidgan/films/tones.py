"""Sound with a tone of its own in each channel, and in which channels each of them is heard."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from numpy.typing import NDArray

RATE = 48_000
LEVEL = 0.3


def pitches(layout: str) -> list[int]:
    """In Hz, by the channel; that for the bass is low enough for it."""
    return [
        80 if channel.name == "LFE" else 300 + 100 * number
        for number, channel in enumerate(AudioLayout(layout).channels)
    ]


def with_tones(source: Path, path: Path, codec: str, layout: str) -> Path:
    """A film once more, with two seconds of tones."""
    time = np.arange(2 * RATE) / RATE
    tones = np.stack([LEVEL * np.sin(2 * np.pi * pitch * time) for pitch in pitches(layout)])
    packed = np.ascontiguousarray(tones.T.astype(np.float32))
    with av.open(str(source)) as film, av.open(str(path), "w") as container:
        (video,) = (container.add_stream_from_template(s, opaque=True) for s in film.streams)
        sound: AudioStream = container.add_stream(codec, rate=RATE)  # type: ignore[assignment]
        sound.codec_context.layout = layout
        packets: list[Any] = [packet for packet in film.demux() if packet.size]
        for packet in packets:
            packet.stream = video
        for start in range(0, len(packed), RATE // 2):
            piece: Any = packed[start : start + RATE // 2].reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(piece, "flt", layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            packets += sound.encode(frame)
        packets += sound.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def tones_heard(path: Path, layout: str) -> tuple[AudioLayout, NDArray[np.float64]]:
    """The channels of a film's sound, and how loud each tone is in each of them.

    Of shape (tones, channels); 1 is as loud as it was made.
    """
    with av.open(str(path)) as container:
        (stream,) = container.streams.audio
        context = stream.codec_context
        packed = av.AudioResampler("flt", context.layout, RATE)
        pieces = [p for f in container.decode(stream) for p in packed.resample(f)]
        channels = context.layout.nb_channels
        samples = np.concatenate([p.to_ndarray().reshape(-1, channels) for p in pieces])
        found = AudioLayout(context.layout)
    middle = samples[RATE // 2 : 3 * RATE // 2]
    spectrum = np.abs(np.fft.rfft(middle, axis=0)) * 2 / len(middle) / LEVEL
    return found, np.asarray(spectrum[pitches(layout)], dtype=np.float64)
