"""A photograph in, a photograph of the same kind out."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidgan.errors import InputError
from vidgan.pictures.change import apply_change
from vidgan.pictures.color import to_srgb
from vidgan.pictures.picture import Picture, to_8_bits
from vidgan.pictures.reading import read_pictures
from vidgan.pictures.writing import write_pictures
from vidgan.places import Place

Translate = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""Frames uint8 (N, H, W, 3) to the same shape."""


def translate_image(data: bytes, name: str, translate: Translate) -> bytes:
    """Translate an image file; the result is of the same format and depth, upright, alpha kept.

    The generator sees sRGB of 8 bits; the change it makes is brought back to the picture's own
    colours and levels. Metadata is carried over, without what shows the old picture. Grey pictures
    become colour ones; each page of a TIFF is translated. `name` is for error messages.

    Raises:
        InputError: not an image, damaged, animated, too large, or of a kind that would lose depth.
    """
    pictures = (_translated(picture, translate) for picture in read_pictures(data, name))
    try:
        return write_pictures(pictures)
    except ValueError as exc:  # sizes that a format cannot hold
        raise InputError(f"{name} cannot be written again ({exc}); cut it into parts") from exc


def open_image(data: bytes, name: str) -> tuple[str, Image.Image]:
    """The format of an image file, and its first picture, upright, of 8 bits.

    Raises as `translate_image` does, for all pages.
    """
    pictures = read_pictures(data, name)
    first = next(pictures)
    deque(pictures, maxlen=0)  # read, and forgotten
    return first.kind, Image.fromarray(to_8_bits(first.levels))


def check_image(path: Place) -> None:
    """Raise InputError where there is no such file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the name")


def read_image(path: Place) -> bytes:
    """The bytes of an image file.

    Raises:
        InputError: there is no such file, or it may not be read.
    """
    check_image(path)
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InputError(f"{path} cannot be read ({exc.strerror}); allow it first") from exc


def _translated(picture: Picture, translate: Translate) -> Picture:
    seen = to_srgb(picture.levels, picture.colors)
    made = translate(seen[np.newaxis])[0]
    levels = apply_change(picture.levels, seen, made, picture.colors)
    return replace(picture, levels=levels)
