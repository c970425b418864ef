"""Animated WebP, which FFmpeg does not read: its pictures, whole, and how long each is shown."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidgan.errors import InputError
from vidgan.pictures.picture import MOST_PIXELS


def webp_pictures(path: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Each picture with the time it is shown for, in milliseconds: uint8 (H, W, 4) RGBA.

    Raises:
        InputError: damaged, or too large.
    """
    try:
        with Image.open(path, formats=("WEBP",)) as file:
            if file.width * file.height > MOST_PIXELS:
                raise InputError(f"{path} has more pixels than are supported; scale it down")
            for number in range(getattr(file, "n_frames", 1)):
                file.seek(number)
                picture = np.asarray(file.convert("RGBA"))
                yield max(1, round(file.info.get("duration", 0))), picture
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise InputError(f"{path} is damaged: its pictures cannot be read ({error})") from error
