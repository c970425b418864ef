"""Every kind of sample that a film may be stored in gives the colours that were put in."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from tests.vidgan.here import convert_here
from vidgan.media.chunks import ChunkReader
from vidgan.media.decode import decode_chunk
from vidgan.media.probe import probe
from vidgan.media.types import Film
from vidgan.options import Options

Pixels = NDArray[np.uint8]
SIZE = (96, 64)
PATCHES = [(220, 30, 40), (30, 200, 60), (20, 40, 210), (128, 128, 128), (224, 172, 140), (0, 0, 0)]
GREYS = [(n, n, n) for n in (0, 40, 128, 200, 235, 255)]

COLOURED: dict[str, tuple[str, str]] = {
    "yuv410p": ("a.mkv", "ffv1"),
    "yuv411p": ("a.mkv", "ffv1"),
    "yuv420p": ("a.mkv", "ffv1"),
    "yuv422p": ("a.avi", "huffyuv"),
    "yuv440p": ("a.mkv", "ffv1"),
    "yuv444p": ("a.avi", "utvideo"),
    "yuvj420p": ("a.mov", "mjpeg"),
    "yuvj422p": ("a.avi", "mjpeg"),
    "nv12": ("a.avi", "rawvideo"),
    "uyvy422": ("a.mov", "rawvideo"),
    "yuyv422": ("a.avi", "rawvideo"),
    "rgb24": ("a.mov", "png"),
    "bgr24": ("a.avi", "rawvideo"),
    "bgra": ("a.mkv", "ffv1"),
    "bgr0": ("a.mkv", "ffv1"),
    "argb": ("a.mov", "qtrle"),
    "gbrp": ("a.avi", "utvideo"),
    "bgr8": ("a.gif", "gif"),
    "rgb555be": ("a.mov", "qtrle"),
}
"""Pixel format -> a file and a codec that hold it."""
PURE = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (255, 255, 0), (0, 0, 0)]
"""What formats of few bits hold as well."""
LOSSY = {"yuvj420p": 4, "yuvj422p": 4, "bgr8": 3}
"""Levels by which a lossy codec, or FFmpeg's palette, may differ; 2 elsewhere."""


def drawn(patches: list[tuple[int, int, int]]) -> Pixels:
    """uint8 (H, W, 3): columns of 16 pixels."""
    return np.repeat(np.repeat(np.array([patches], np.uint8), 16, axis=1), SIZE[1], axis=0)


def write(path: Path, rgb: Pixels, *, codec: str, pixel_format: str, frames: int = 3) -> Film:
    """A film of such pictures; YUV in BT.601."""
    full_range = pixel_format.startswith("yuvj")
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = rgb.shape[1], rgb.shape[0], pixel_format
        context = stream.codec_context
        context.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
        context.colorspace = Colorspace.ITU601
        if codec == "mjpeg":
            context.qscale, context.global_quality = True, 118
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
                format=pixel_format,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
                dst_colorspace=Colorspace.ITU601,
            )
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return probe(path)


def pictures(film: Film) -> list[NDArray[np.int16]]:
    return [
        frame.rgb.astype(np.int16)
        for chunk in ChunkReader(film, frames_per_chunk=2)
        for frame in decode_chunk(chunk, film.video)
    ]


@pytest.mark.parametrize("pixel_format", COLOURED)
def test_patches_come_back(tmp_path: Path, pixel_format: str) -> None:
    name, codec = COLOURED[pixel_format]
    patches = PURE if pixel_format in {"bgr8", "rgb555be"} else PATCHES
    film = write(tmp_path / name, drawn(patches), codec=codec, pixel_format=pixel_format)
    made = pictures(film)
    assert len(made) == 3
    for picture in made:
        middles = picture[SIZE[1] // 2, 8::16]
        assert np.abs(middles - patches).max() <= LOSSY.get(pixel_format, 2)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "ffv1")])
def test_greys_come_back_whatever_their_range(
    tmp_path: Path, name: str, codec: str, full_range: bool
) -> None:
    rgb = drawn(GREYS)
    luma = rgb[..., 0] if full_range else np.round(16 + rgb[..., 0] * (219 / 255)).astype(np.uint8)
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        options = {"qp": "0"} if codec == "libx264" else {}
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "gray"
        stream.codec_context.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
        frame = av.VideoFrame.from_ndarray(luma, format="gray")
        frame.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    [picture] = pictures(probe(path))
    assert np.abs(picture[SIZE[1] // 2, 8::16] - GREYS).max() <= 2


SIZES = [(1, 1), (2, 1), (1, 3), (3, 3), (33, 17), (4, 3000), (9000, 6)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_any_size_goes_in_and_comes_out(
    tmp_path: Path, identity_file: Path, size: tuple[int, int]
) -> None:
    coarse = np.random.default_rng(3).integers(0, 256, (size[1] // 4 + 1, size[0] // 4 + 1, 3))
    rgb = coarse.astype(np.uint8).repeat(4, 0).repeat(4, 1)[: size[1], : size[0]]
    source = write(tmp_path / "a.mov", rgb, codec="png", pixel_format="rgb24")
    options = Options(weights=identity_file, precision="fp32", crf=0)
    convert_here(source.path, tmp_path / "out.mkv", options)
    made = pictures(probe(tmp_path / "out.mkv"))
    assert len(made) == 3
    for picture in made:
        assert picture.shape == rgb.shape
        assert np.abs(picture.mean((0, 1)) - rgb.mean((0, 1))).max() < 3


def test_8k_is_decoded(tmp_path: Path) -> None:
    rgb = np.zeros((4320, 7680, 3), np.uint8)
    rgb[:, :3840] = PATCHES[4]
    film = write(tmp_path / "a.mkv", rgb, codec="mjpeg", pixel_format="yuvj420p", frames=1)
    [picture] = pictures(film)
    assert picture.shape == rgb.shape
    assert np.abs(picture[2000, 100] - PATCHES[4]).max() <= 4
    assert picture[2000, 7000].max() <= 4
