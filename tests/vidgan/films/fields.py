"""Interlaced films: each picture is woven of two, half a frame apart in time."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
SIZE = (128, 96)
RATE = 25


def moving(time: float, size: tuple[int, int] = SIZE) -> Pixels:
    """A picture at a time in frames, uint8 (H, W, 3): a bar that moves over a soft ground."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([100 + 50 * np.sin(x / 17), 90 + 40 * np.cos(y / 23), 80 + x / 4], axis=2)
    left = (6 * time) % (width - 20)
    rgb[(x >= left) & (x < left + 20)] = (230, 210, 60)
    return rgb.round().astype(np.uint8)


def woven(number: int, size: tuple[int, int] = SIZE, *, top_first: bool = True) -> Pixels:
    """The lines of two moments in one picture."""
    first, second = moving(number, size), moving(number + 0.5, size)
    picture = first.copy()
    if top_first:
        picture[1::2] = second[1::2]
    else:
        picture[0::2] = second[0::2]
    return picture


def write_fields(
    path: Path,
    *,
    codec: str,
    options: dict[str, str],
    frames: int,
    pixel_format: str = "yuv422p",
    progressive: bool = False,
    top_first: bool = True,
    size: tuple[int, int] = SIZE,
) -> Path:
    """A film of such pictures; `progressive` ones are of one moment each."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options={"threads": "1"} | options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = Fraction(1, RATE)
        for number in range(frames):
            picture = woven(number, size, top_first=top_first)
            if progressive:
                picture = moving(number, size)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format=pixel_format)  # 4:2:2: fields do not share colour
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
