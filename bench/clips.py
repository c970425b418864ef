"""The films that the benches convert: the example clip, to and fro, at any size and length."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

MEADOW = Path(__file__).parents[1] / "examples" / "meadow.mp4"
RATE = 24
AUDIO_RATE = 48_000
AUDIO_FRAME = 1024


def pictures(frames: int, *, width: int, height: int) -> Iterator[Picture]:
    """`frames` pictures of the example clip, uint8 (H, W, 3), scaled and cropped to the size.

    The clip has 132 frames; a longer film plays it forwards, backwards, forwards and so on, so
    that there are no cuts but its own.
    """
    shown = list(islice(_scaled(width, height), frames))
    return islice(cycle(shown + shown[-2:0:-1]), frames)


def _scaled(width: int, height: int) -> Iterator[Picture]:
    with av.open(str(MEADOW)) as container:
        for frame in container.decode(video=0):
            scale = max(width / frame.width, height / frame.height)
            w, h = (round(side * scale) for side in (frame.width, frame.height))
            rgb = frame.reformat(width=w, height=h, format="rgb24").to_ndarray()
            top, left = (h - height) // 2, (w - width) // 2
            yield np.ascontiguousarray(rgb[top : top + height, left : left + width], np.uint8)


def make_film(path: Path, *, frames: int, width: int, height: int, gop: int = 250) -> None:
    """Write a film with x264's defaults, a keyframe at least every `gop` frames, and AAC sound.

    One frame after the other, so that memory does not grow with the length.
    """
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"g": str(gop)})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.time_base = Fraction(1, RATE)
        sound: AudioStream = container.add_stream("aac", rate=AUDIO_RATE)
        sound.codec_context.layout = "stereo"
        tone = _tone()
        heard = 0
        for number, picture in enumerate(pictures(frames, width=width, height=height)):
            container.mux(video.encode(_frame(picture, number)))
            while heard * RATE < (number + 1) * AUDIO_RATE:
                container.mux(sound.encode(next(tone)))
                heard += AUDIO_FRAME
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def _frame(picture: Picture, number: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def _tone() -> Iterator[av.AudioFrame]:
    """440 Hz for ever."""
    start = 0
    while True:
        t = np.arange(start, start + AUDIO_FRAME) / AUDIO_RATE
        wave = (0.2 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
        yield frame
        start += AUDIO_FRAME
