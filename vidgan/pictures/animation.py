"""Animated WebP, which FFmpeg does not read: its pictures, whole, and how long each is shown."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidgan.errors import InputError
from vidgan.pictures.picture import MOST_PIXELS
from vidgan.pictures.reading import silence_pillow

MOST_PIXELS_TOGETHER = 100 * MOST_PIXELS
"""Of all pictures of an animation: five minutes in HD. It holds them as differences of some bytes,
so that a small file can ask for any number."""

_LONGEST_SIDE = 16384
"""Pixels of a picture of WebP. An animation's canvas may say more, in 24 bits; what says so is
damaged, and each of its pictures would fill memory."""


def webp_pictures(path: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Each picture with the time it is shown for, in milliseconds: uint8 (H, W, 4) RGBA.

    Raises:
        InputError: damaged, or too large.
    """
    silence_pillow()
    try:
        with Image.open(path, formats=("WEBP",)) as file:
            frames = getattr(file, "n_frames", 1)
            if max(file.size) > _LONGEST_SIDE:
                raise InputError(
                    f"{path} is damaged: it says that its pictures have {file.width}x{file.height} "
                    f"pixels, and WebP has {_LONGEST_SIDE} a side at most"
                )
            if file.width * file.height > MOST_PIXELS:
                raise _too_large(path)
            if file.width * file.height * frames > MOST_PIXELS_TOGETHER:
                raise InputError(
                    f"{path} is an animation of {frames} pictures of {file.width}x{file.height}, "
                    f"more than {MOST_PIXELS_TOGETHER // 1_000_000:,} million pixels together, "
                    "which is not supported; scale it down or cut it into parts"
                )
            for number in range(frames):
                file.seek(number)
                picture = np.asarray(file.convert("RGBA"))
                yield max(1, round(file.info.get("duration", 0))), picture
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except Exception as error:  # a damaged file can raise anything
        raise InputError(f"{path} is damaged: its pictures cannot be read ({error})") from error


def _too_large(path: Path) -> InputError:
    return InputError(
        f"{path} has more than {MOST_PIXELS // 1_000_000} million pixels in a picture, which is "
        "not supported; scale it down"
    )
