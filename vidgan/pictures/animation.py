"""Animated WebP, which FFmpeg does not read: its pictures, whole, and how long each is shown."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidgan.errors import InputError
from vidgan.pictures.picture import MOST_PIXELS

_ANIMATED_WEBP = 0b10
_HEAD = 21
_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS_LOOKED_AT = 100


def is_animation(path: Path) -> bool:
    """Whether a WebP or PNG file says that it moves; False of all else, or of what is not there."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":  # RFC 9649
                return len(head) == _HEAD and bool(head[20] & _ANIMATED_WEBP)
            if head[:8] != _PNG:
                return False
            file.seek(8)
            for _ in range(_CHUNKS_LOOKED_AT):
                size, kind = struct.unpack(">I4s", file.read(8))
                if kind in {b"acTL", b"IDAT"}:
                    return bool(kind == b"acTL")
                file.seek(size + 4, 1)
    except (OSError, ValueError, struct.error):
        pass
    return False


def is_animated_webp(path: Path) -> bool:
    """Of the two, the one that FFmpeg does not read."""
    return is_animation(path) and not _is_png(path)


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


def _is_png(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == _PNG
