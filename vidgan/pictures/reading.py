"""A photograph's file in: its pictures, upright, with all that is to be kept."""

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from itertools import islice

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from vidgan.errors import InputError, VidganError
from vidgan.pictures.color import read_colors, read_deep_colors
from vidgan.pictures.deep import is_deep, read_deep, upright
from vidgan.pictures.metadata import read_metadata
from vidgan.pictures.picture import MOST_PIXELS, Levels, Picture
from vidgan.pictures.size import MOST_PAGES, tiff_sizes
from vidgan.pictures.transparency import fill_hidden

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")  # by content; Pillow would start Ghostscript for an EPS
MOST_PIXELS_TOGETHER = 100 * MOST_PIXELS
"""Of all pages of a TIFF: 500 scans of 600 dpi, 2,000 of 300 dpi. Pages can share their pixels, so
that a small file may claim any number."""

_SUBFILE_TYPE, _BITS, _PREVIEW_OR_MASK = 254, 258, 1 | 4
_PILLOW_IGNORED = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as `warnings` keeps it


def read_pictures(data: bytes, name: str) -> Iterator[Picture]:
    """The picture of a file, or the pages of a TIFF, one after the other.

    Of the several pictures that a phone puts into one JPEG file (MPO), the first counts; previews
    and masks among a TIFF's pages do not. `name` is for error messages.

    Raises:
        InputError: not an image, damaged, animated, too large, or of a kind that would lose depth.
    """
    silence_pillow()
    with _told_of(data, name), Image.open(BytesIO(data), formats=FORMATS) as file:
        places = list(_places(file, data, name))
        for place in places:
            file.seek(place)
            yield _read(file, data, place, name)


def _places(file: Image.Image, data: bytes, name: str) -> Iterator[int]:
    if isinstance(file, TiffImagePlugin.TiffImageFile):
        yield from _pages(file, data, name)
        return
    frames = getattr(file, "n_frames", 1)
    if frames > 1 and file.format != "MPO":
        raise InputError(
            f"{name} is an animation of {frames} pictures, which is not supported; make a film "
            "of it or give one picture"
        )
    yield 0


def _pages(file: TiffImagePlugin.TiffImageFile, data: bytes, name: str) -> Iterator[int]:
    if any(islice(tiff_sizes(data), MOST_PAGES, None)):
        raise InputError(_too_many(name))  # before Pillow looks for all of them
    pixels = 0
    for place in range(file.n_frames):
        file.seek(place)
        if not int(file.tag_v2.get(_SUBFILE_TYPE, 0)) & _PREVIEW_OR_MASK:
            pixels += file.width * file.height
            yield place
    if pixels > MOST_PIXELS_TOGETHER:
        raise InputError(_too_many(name))
    if not pixels:
        raise InputError(
            f"{name} has only a preview where its picture should be, as camera raw files have; "
            "develop it and give the result"
        )


def _read(file: ImageFile.ImageFile, data: bytes, place: int, name: str) -> Picture:
    _check_kind(file, name)
    deep = is_deep(file)  # asked now: a PNG is loaded for its EXIF data, which may come last
    metadata = read_metadata(file, data)
    profile = file.info.get("icc_profile") or b""
    kind = "JPEG" if file.format == "MPO" else file.format or ""
    compression = str(file.info.get("compression", ""))
    levels: Levels
    alpha: Levels | None
    if deep:
        stored, alpha = read_deep(partial(_open_at, data, place))
        levels, colors = read_deep_colors(stored, profile)
    else:
        compression = "lossless" if kind == "WEBP" and _is_lossless(data) else compression
        image = upright(file)
        with_alpha = image.has_transparency_data
        alpha = np.asarray(image.convert("RGBA").getchannel("A")) if with_alpha else None
        levels, colors = read_colors(image, profile)
    return Picture(
        levels=levels if alpha is None else fill_hidden(levels, alpha),
        alpha=alpha,
        colors=colors,
        metadata=metadata,
        kind=kind,
        compression=compression,
    )


def _open_at(data: bytes, place: int) -> ImageFile.ImageFile:
    file = Image.open(BytesIO(data), formats=FORMATS)
    file.seek(place)
    return file


def _check_kind(file: Image.Image, name: str) -> None:
    if file.width * file.height > MOST_PIXELS:
        raise InputError(_too_large(name))
    bits = getattr(file, "tag_v2", {}).get(_BITS, (8,))
    odd = file.format == "TIFF" and max(bits) not in (1, 2, 4, 8, 16)
    if odd or file.mode in ("I", "F"):
        raise InputError(
            f"{name} has levels of {max(bits)} bits, floating-point or signed, which is not "
            "supported; convert it to 16 or 8 bits"
        )


def _is_lossless(data: bytes) -> bool:
    """Whether a WebP's picture is in a VP8L chunk (RFC 9649)."""
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if kind == b"VP8L":
            return True
        at += 8 + size + size % 2
    return False


@contextmanager
def _told_of(data: bytes, name: str) -> Iterator[None]:
    try:
        yield
    except (VidganError, MemoryError):
        raise
    except Image.DecompressionBombError as exc:
        raise InputError(_too_large(name)) from exc
    except Exception as exc:  # a damaged file can raise anything
        raise InputError(
            f"{name} is not an image that can be read ({_reason(data, exc)}); repair or remove it"
        ) from exc


def _too_large(name: str) -> str:
    return (
        f"{name} has more than {MOST_PIXELS // 1_000_000} million pixels, which is not supported; "
        "scale it down or cut it into parts"
    )


def _too_many(name: str) -> str:
    return (
        f"{name} has more than {MOST_PAGES:,} pages, or pages of more than "
        f"{MOST_PIXELS_TOGETHER // 1_000_000:,} million pixels together, which is not supported; "
        "cut it into parts"
    )


def _reason(data: bytes, error: Exception) -> str:
    if not data:
        return "it is empty"
    # Pillow's own text names an object in memory.
    if isinstance(error, UnidentifiedImageError):
        return "of no known format"
    return str(error).partition("\n")[0] or type(error).__name__


def silence_pillow() -> None:
    """Ignore Pillow's warnings: of odd tags in files, and of sizes it still accepts.

    `warnings.catch_warnings` would not do: a worker reads in several threads at once.
    """
    if _PILLOW_IGNORED not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")
