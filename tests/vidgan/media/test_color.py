"""Colour: textbook values on the way out, the same picture back."""

import threading
from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from vidgan.media.color import (
    from_rgb,
    guess_unspecified,
    to_8_bits,
    to_deep_rgb,
    to_rgb,
)
from vidgan.media.types import Color

PATCHES = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
    "white": (255, 255, 255),
    "light skin": (224, 172, 105),
    "dark skin": (141, 85, 36),
}
LUMA_WEIGHTS = {  # red, blue
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
}


def color_of(matrix: int, *, full_range: bool) -> Color:
    return Color(matrix=matrix, primaries=matrix, transfer=matrix, full_range=full_range)


def flat(rgb: tuple[int, int, int], width: int = 32, height: int = 16) -> NDArray[np.uint8]:
    return np.full((height, width, 3), rgb, dtype=np.uint8)


def textbook_yuv(rgb: tuple[int, int, int], color: Color) -> tuple[float, float, float]:
    """ITU-T H.273, equations for 8 bits."""
    kr, kb = LUMA_WEIGHTS[color.matrix]
    r, g, b = (value / 255 for value in rgb)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    if color.full_range:
        return 255 * y, min(255.0, 255 * cb + 128), min(255.0, 255 * cr + 128)
    return 219 * y + 16, 224 * cb + 128, 224 * cr + 128


def write(rgb: NDArray[np.uint8], color: Color, pixel_format: str) -> av.VideoFrame:
    return from_rgb(rgb, pts=7, time_base=Fraction(1, 24), color=color, pixel_format=pixel_format)


def samples(frame: av.VideoFrame) -> tuple[int, int, int]:
    """The first sample of each plane."""
    y, cb, cr = (bytes(plane)[0] for plane in frame.planes)
    return y, cb, cr


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", LUMA_WEIGHTS)
def test_patches_are_written_by_the_book_and_come_back(
    matrix: int, full_range: bool, pixel_format: str
) -> None:
    color = color_of(matrix, full_range=full_range)
    for name, rgb in PATCHES.items():
        frame = write(flat(rgb), color, pixel_format)
        written = np.array(samples(frame))
        assert np.abs(written - textbook_yuv(rgb, color)).max() < 1.1, name
        error = np.abs(to_rgb(frame, color).astype(int) - flat(rgb))
        assert error.max() <= 2, f"{name}: {error.max()}"


def test_red_luma_is_what_the_standards_print() -> None:
    red = flat((255, 0, 0))
    assert samples(write(red, color_of(1, full_range=False), "yuv420p"))[0] == 63
    assert samples(write(red, color_of(6, full_range=False), "yuv420p"))[0] in (81, 82)


def test_the_frame_for_the_encoder_carries_time_and_tags() -> None:
    color = Color(matrix=5, primaries=5, transfer=6, full_range=False)
    frame = write(flat((10, 20, 30)), color, "yuv420p")
    assert (frame.pts, frame.time_base, frame.format.name) == (7, Fraction(1, 24), "yuv420p")
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (5, 5, 6)
    assert frame.color_range == 1
    assert frame.pict_type == 0


def test_yuvj_is_full_range_yuv() -> None:
    color = color_of(6, full_range=True)
    white = write(flat((255, 255, 255)), color, "yuvj420p")
    assert white.format.name == "yuv420p"
    assert samples(white) == (255, 128, 128)


@pytest.mark.parametrize("size", [(97, 65), (33, 64), (64, 31), (16, 16)])
def test_odd_sizes_and_padded_lines(size: tuple[int, int]) -> None:
    width, height = size
    ramp = np.linspace(0, 255, width)[None, :, None] * np.linspace(0.5, 1, height)[:, None, None]
    rgb = np.repeat(ramp, 3, axis=2).round().astype(np.uint8)
    color = color_of(1, full_range=False)
    back = to_rgb(write(rgb, color, "yuv420p"), color)
    assert back.shape == (height, width, 3)
    assert back.flags.c_contiguous
    assert np.abs(back.astype(int) - rgb).max() <= 2


def test_a_smooth_picture_keeps_its_mean_through_420() -> None:
    """swscale's shortcut darkens every picture by more than one level."""
    y, x = np.mgrid[0:128, 0:128] / 128
    rgb = np.stack([90 + 60 * x, 80 + 90 * y, 140 - 50 * x * y], axis=2).round().astype(np.uint8)
    color = color_of(1, full_range=False)
    error = to_rgb(write(rgb, color, "yuv420p"), color).astype(float) - rgb
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.3
    assert np.abs(error).mean() < 1


def test_the_picture_outlives_its_frame_and_later_ones() -> None:
    color = color_of(1, full_range=False)
    kept = to_rgb(write(flat((200, 100, 50)), color, "yuv420p"), color)
    for level in range(64):
        to_rgb(write(flat((level, level, level)), color, "yuv420p"), color)
    assert np.abs(kept.astype(int) - (200, 100, 50)).max() <= 2


def test_the_input_array_is_only_read_and_may_be_a_view() -> None:
    color = color_of(1, full_range=False)
    wide = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)
    wide.flags.writeable = False
    view = wide[:, ::2]
    direct = write(np.ascontiguousarray(view), color, "yuv444p")
    assert np.array_equal(write(view, color, "yuv444p").to_ndarray(), direct.to_ndarray())


def test_threads_do_not_disturb_each_other() -> None:
    results: dict[int, NDArray[np.uint8]] = {}

    def work(level: int) -> None:
        color = color_of(1 if level % 2 else 6, full_range=False)
        for _ in range(20):
            results[level] = to_rgb(write(flat((level, 0, 0)), color, "yuv420p"), color)

    threads = [threading.Thread(target=work, args=(level,)) for level in (100, 151, 200, 251)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {k: bool(np.abs(v.astype(int) - (k, 0, 0)).max() <= 2) for k, v in results.items()} == {
        100: True,
        151: True,
        200: True,
        251: True,
    }


def test_16_bits_become_the_nearest_8() -> None:
    levels = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(to_8_bits(levels), np.rint(levels / 257).astype(np.uint8))
    eight = levels[:256].astype(np.uint8)
    assert np.array_equal(to_8_bits(eight), eight)


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p10le", "yuv444p12le"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_deep_pictures_come_back_finer_than_levels_of_8_bits(
    matrix: int, full_range: bool, pixel_format: str
) -> None:
    y, x = np.mgrid[0:64, 0:96] / 96
    smooth = np.stack([0.2 + 0.5 * x, 0.3 + 0.4 * y, 0.6 - 0.2 * x * y], axis=2)
    rgb = (smooth * 65535).round().astype(np.uint16)
    color = color_of(matrix, full_range=full_range)
    frame = from_rgb(rgb, pts=7, time_base=Fraction(1, 24), color=color, pixel_format=pixel_format)
    error = np.abs(to_deep_rgb(frame, color)[4:-4, 4:-4] / 257 - rgb[4:-4, 4:-4] / 257)
    assert error.mean() < 0.2
    assert error.max() < 1
    assert np.array_equal(to_rgb(frame, color), to_8_bits(to_deep_rgb(frame, color)))


@pytest.mark.parametrize(
    ("size", "given", "filled"),
    [
        ((1920, 1080), (2, 2, 2), (1, 1, 1)),
        ((1280, 534), (2, 2, 2), (1, 1, 1)),
        ((720, 576), (2, 2, 2), (6, 6, 6)),
        ((720, 576), (5, 2, 2), (5, 5, 6)),
        ((640, 360), (1, 2, 2), (1, 1, 1)),
        ((1920, 1080), (6, 2, 13), (6, 6, 13)),
        ((640, 480), (4, 2, 2), (4, 6, 6)),
        ((640, 480), (2, 1, 1), (6, 1, 1)),
        ((640, 480), (2, 9, 2), (9, 9, 14)),
        ((1920, 1080), (9, 2, 2), (9, 9, 14)),
        ((640, 480), (0, 2, 2), (0, 1, 13)),
    ],
)
def test_unspecified_colour_is_guessed_as_players_do(
    size: tuple[int, int], given: tuple[int, int, int], filled: tuple[int, int, int]
) -> None:
    matrix, primaries, transfer = given
    color = Color(matrix=matrix, primaries=primaries, transfer=transfer, full_range=True)
    guess = guess_unspecified(color, width=size[0], height=size[1])
    assert (guess.matrix, guess.primaries, guess.transfer) == filled
    assert guess.full_range
