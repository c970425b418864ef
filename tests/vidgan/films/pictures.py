"""Pictures that carry a number, and how to read it again."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Draw = Callable[[int, tuple[int, int]], Pixels]
"""A picture by its number, of a width and height."""

BITS = 12


def draw(number: int, size: tuple[int, int]) -> Pixels:
    """A moving picture, uint8 (H, W, 3).

    Its top eighth is `number` in white and black blocks, the next one their negative.
    """
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    red = 128 + 90 * np.sin(2 * np.pi * (x / width + number / 48))
    green = 128 + 90 * np.cos(2 * np.pi * (y / height - number / 36))
    blue = 100 + 60 * np.sin(0.35 * x + 0.2 * y + 0.3 * number)
    rgb = np.stack([red, green, blue], axis=2).round().astype(np.uint8)
    left = (3 * number) % max(1, width - width // 6)
    rgb[height // 2 : height // 2 + height // 6, left : left + width // 6] = (230, 200, 40)
    _stamp(rgb, number)
    return rgb


def _cells(rgb: Pixels) -> Iterator[tuple[int, Pixels, Pixels]]:
    """Of each bit: its number, its block, and the block of its negative."""
    height, width = rgb.shape[:2]
    row = height // 8
    for bit in range(BITS):
        columns = slice(bit * width // BITS, (bit + 1) * width // BITS)
        yield bit, rgb[:row, columns], rgb[row : 2 * row, columns]


def _stamp(rgb: Pixels, number: int) -> None:
    for bit, block, negative in _cells(rgb):
        is_set = number >> bit & 1
        block[:], negative[:] = (235, 20) if is_set else (20, 235)


def read(rgb: Pixels) -> int:
    """The number that a picture shows."""
    return sum(1 << bit for bit, block, negative in _cells(rgb) if block.mean() > negative.mean())
