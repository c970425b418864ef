"""Reading photographs as people have them: any of five formats in, upright sRGB out.

Damaged and hostile files end in one named error, never in a hang: only regular files are opened,
formats go by content alone, and Pillow's limit on pixels (about 179 million) holds.
"""

import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
KINDS = "JPEG, PNG, WebP, TIFF or BMP"
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")  # Pillow would start Ghostscript for an EPS

_PILLOW = r"PIL\."
_PILLOW_IGNORED = ("ignore", None, Warning, re.compile(_PILLOW), 0)  # as `warnings` keeps it
_WHITE = (255, 255, 255)
_SAME = 2  # levels; a profile that moves no colour by more is sRGB under some name
_COLOR_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}  # of a mode, as ICC calls it


class DataError(ValueError):
    """Training pictures cannot be used; the text names file or folder and says what to do."""


class UnreadableError(DataError):
    """The content of a file is not that of a whole picture: it will not be so later either."""


def read_image(path: Path) -> Tensor:
    """An image file as uint8 (3, H, W) sRGB, upright (EXIF rotation applied).

    Grey of 16 bits is scaled to 8, an embedded colour profile is converted to sRGB, and what is
    transparent lies over white. Of several pictures in one file the first counts.

    Raises:
        UnreadableError: the file is not a whole picture of a format in `KINDS`.
        DataError: the system does not give the file.
    """
    with open_picture(path) as file:
        file.load()
        pixels = _rgb_pixels(_upright(file))
    return torch.from_numpy(pixels).permute(2, 0, 1)


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """Open an image file, its header read; what goes wrong within names the file.

    Raises:
        UnreadableError, DataError: as `read_image`.
    """
    _silence_pillow()
    try:
        with _open_regular(path) as stream, Image.open(stream, formats=_FORMATS) as image:
            yield image
    except DataError:
        raise
    except UnidentifiedImageError as exc:
        raise UnreadableError(f"{path} is not a {KINDS} image: remove it") from exc
    except OSError as exc:
        if exc.errno is None:  # Pillow's own, not the system's
            raise _unreadable(path, exc) from exc
        raise DataError(
            f"{path} cannot be read ({exc.strerror}): check that it is there and may be read"
        ) from exc
    except Exception as exc:  # a damaged file can raise anything
        raise _unreadable(path, exc) from exc


def _unreadable(path: Path, error: Exception) -> UnreadableError:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return UnreadableError(f"{path} cannot be read as an image ({reason}): repair or remove it")


def _open_regular(path: Path) -> BinaryIO:
    """Open a file; a pipe or a device of that name would never end."""
    stream = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")  # noqa: SIM115 - the caller's
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise UnreadableError(f"{path} is not a regular file: remove it")
    return stream


def _silence_pillow() -> None:
    """Ignore Pillow's warnings: of odd tags in files, and of sizes it still accepts.

    `warnings.catch_warnings` would not do: pictures are read by several threads at once.
    """
    if _PILLOW_IGNORED not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW)


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data can raise anything; the pixels are whole
        return image


def _rgb_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Uint8 (H, W, 3) in sRGB. Pillow would clip grey levels of 16 bits instead of scaling them."""
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    if image.mode == "F":
        raise ValueError("its levels are floating-point numbers of no stated range")
    profile: bytes = image.info.get("icc_profile") or b""
    if not image.has_transparency_data:
        return np.array(_to_srgb(image, profile))
    with_alpha = image.convert("RGBA")
    colors, alpha = _to_srgb(with_alpha.convert("RGB"), profile), with_alpha.getchannel("A")
    over_white = Image.new("RGB", image.size, _WHITE)
    over_white.paste(colors, mask=alpha)
    return np.array(over_white)


def _eight_bits(image: Image.Image) -> Image.Image:
    levels = np.asarray(image, dtype=np.float32) / 257  # 65535 = 257 * 255
    if levels.min() < 0 or levels.max() > 255:
        raise ValueError("its levels are beyond 16 bits")
    return Image.fromarray(levels.round().astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    if image.mode not in _COLOR_SPACES:
        image = image.convert("RGB")
    transform = _transform_to_srgb(profile, image.mode) if profile else None
    if transform is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # it is None where the picture itself is changed
    return converted


@lru_cache(maxsize=32)
def _transform_to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None where there is nothing to convert: sRGB, damage, a profile of another colour space."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if source.profile.xcolor_space.strip() != _COLOR_SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
    return None if mode == "RGB" and _changes_nothing(transform) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    converted = ImageCms.applyTransform(Image.fromarray(colors), transform)
    difference = np.asarray(converted).astype(int) - colors
    return bool(np.abs(difference).max() <= _SAME)
