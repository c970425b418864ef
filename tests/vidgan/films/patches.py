"""Films of plain patches, written by the book: ITU-T H.273's equations, sample by sample.

Nothing of the package has a part in it, so that what comes out of a conversion can be judged.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidgan.media.types import Color

PATCHES = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "grey": (128, 128, 128),
    "light skin": (224, 172, 105),
    "dark skin": (141, 85, 36),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
}
SIDE = 24
SIZE = (SIDE * len(PATCHES), 32)
_LUMA_WEIGHTS = {  # red, blue
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}

Samples = NDArray[np.float64]


def patches() -> Samples:
    """The picture, RGB (H, W, 3) in [0, 1]."""
    row = np.repeat(np.array(list(PATCHES.values())) / 255, SIDE, axis=0)
    return np.tile(row[None], (SIZE[1], 1, 1))


def to_yuv(rgb: Samples, matrix: int) -> Samples:
    """(..., 3) in [0, 1] -> luma in [0, 1] and two of chroma in [-0.5, 0.5]."""
    red, blue = _LUMA_WEIGHTS[matrix]
    luma = rgb @ [red, 1 - red - blue, blue]
    cb = (rgb[..., 2] - luma) / (2 - 2 * blue)
    cr = (rgb[..., 0] - luma) / (2 - 2 * red)
    return np.stack([luma, cb, cr], axis=-1)


def from_yuv(yuv: Samples, matrix: int) -> Samples:
    """The way back."""
    red, blue = _LUMA_WEIGHTS[matrix]
    r = yuv[..., 0] + (2 - 2 * red) * yuv[..., 2]
    b = yuv[..., 0] + (2 - 2 * blue) * yuv[..., 1]
    g = (yuv[..., 0] - red * r - blue * b) / (1 - red - blue)
    return np.stack([r, g, b], axis=-1)


def _scales(bits: int, *, full: bool) -> tuple[Samples, Samples]:
    """By what to multiply, and what to add, to get samples."""
    if full:
        return np.full(3, 2**bits - 1.0), np.array([0, 2 ** (bits - 1), 2 ** (bits - 1)])
    return np.array([219, 224, 224]) * 2.0 ** (bits - 8), np.array([16, 128, 128]) * 2 ** (bits - 8)


def bits_of(pixel_format: str) -> int:
    return max(part.bits for part in av.VideoFormat(pixel_format).components)


def make_frame(rgb: Samples, pixel_format: str, color: Color) -> av.VideoFrame:
    """A frame of planes: yuv..., gray... or gbrp...; RGB (H, W, 3) in [0, 1]."""
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], pixel_format)
    bits = bits_of(pixel_format)
    if pixel_format.startswith("gbrp"):
        planes = rgb[..., [1, 2, 0]] * (2**bits - 1)
    else:
        scale, shift = _scales(bits, full=color.full_range)
        planes = to_yuv(rgb, color.matrix) * scale + shift
    for index, plane in enumerate(frame.planes):
        down, across = rgb.shape[0] // plane.height, -(-rgb.shape[1] // plane.width)
        samples = planes[down // 2 :: down, across // 2 :: across, index]
        _fill(plane, samples.round().clip(0, 2**bits - 1), bits)
    frame.colorspace, frame.color_primaries = color.matrix, color.primaries
    frame.color_trc, frame.color_range = color.transfer, 2 if color.full_range else 1
    return frame


def _fill(plane: Any, samples: Samples, bits: int) -> None:
    kind = np.dtype("u1" if bits == 8 else "<u2")
    lines = np.frombuffer(memoryview(plane), kind).copy().reshape(plane.height, -1)
    lines[:, : plane.width] = samples
    plane.update(lines.tobytes())


def read_frame(frame: av.VideoFrame) -> Samples:
    """RGB (H, W, 3) of levels in [0, 255], by what the frame itself says; chroma is repeated."""
    bits = bits_of(frame.format.name)
    scale, shift = _scales(bits, full=frame.color_range == 2)
    planes = []
    for plane in frame.planes:
        kind = np.dtype("u1" if bits == 8 else "<u2")
        samples = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
        samples = samples[:, : plane.width].astype(float)
        for axis, (size, own) in enumerate(
            [(frame.height, plane.height), (frame.width, plane.width)]
        ):
            samples = np.repeat(samples, size // own, axis=axis)
        planes.append(samples)
    yuv = (np.stack(planes, axis=-1) - shift) / scale
    return from_yuv(yuv, int(frame.colorspace)) * 255


def write_frames(
    path: Path,
    frames: list[av.VideoFrame],
    *,
    codec: str = "ffv1",
    options: dict[str, str] | None = None,
    tagged: bool = True,
) -> None:
    """A film of 25 frames a second without sound."""
    first, options = frames[0], dict(options or {})
    if codec == "libx265":
        # Of fewer than three frames it takes decode times from memory that it never wrote, unless
        # it may not reorder them.
        options["x265-params"] = ":".join(
            filter(None, [options.get("x265-params"), "log-level=error", "bframes=0"])
        )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format.name
        context = stream.codec_context
        if tagged:
            context.colorspace, context.color_primaries = first.colorspace, first.color_primaries
            context.color_trc, context.color_range = first.color_trc, first.color_range
        for number, frame in enumerate(frames):
            if not tagged:
                frame.colorspace = frame.color_primaries = frame.color_trc = 2
                frame.color_range = 0
            frame.pts, frame.time_base = number, Fraction(1, 25)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
