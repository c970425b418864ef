"""TIFF of 8 or 16 bits, one page or many, with what its source says of them.

Pillow compresses, but has no colours of 16 bits, and writes no EXIF data beside compressed pixels.
To libtiff a page is handed as grey of 8 bits, as wide as its rows have bytes; the directory that
says what these bytes are is written here. Source: TIFF 6.0 (Adobe, 1992).
"""

from collections.abc import Iterable
from io import BytesIO

import numpy as np
from PIL import Image, TiffImagePlugin

from vidgan.pictures.picture import Bytes, Levels, Picture

Directory = TiffImagePlugin.ImageFileDirectory_v2

LARGEST = 2**32 - 1
"""Bytes of a file, whose places have 32 bits."""

_DEFLATE = "tiff_adobe_deflate"
_COMPRESSIONS = {"raw": 1, "tiff_lzw": 5, _DEFLATE: 8, "packbits": 32773}
_PREDICTED = (5, 8)
_SHORT, _LONG, _UNDEFINED, _BYTE = 3, 4, 7, 1
_RGB, _CONTIGUOUS, _HORIZONTAL, _UNASSOCIATED = 2, 1, 2, 2
_XMP, _ICC = 700, 34675
_HEADER = b"II\x2a\0\x08\0\0\0"


def write_tiff(pages: Iterable[Picture]) -> bytes:
    """A file of these pages; a compression that Pillow cannot write becomes deflate.

    Raises:
        ValueError: it would be larger than such a file can be.
    """
    out = bytearray(_HEADER)
    link = 4  # where the place of the next directory is to be written
    for page in pages:
        out += bytes(len(out) % 2)  # directories begin at even places
        start = len(out)
        directory, pixels = _page(page)
        packed = directory.tobytes(start)
        if start + len(packed) + len(pixels) > LARGEST:
            raise ValueError("its translation would be larger than a TIFF file can be")
        out[link : link + 4] = start.to_bytes(4, "little")
        link = start + 2 + 12 * len(directory)
        out += packed + pixels
    return bytes(out)


def _page(picture: Picture) -> tuple[Directory, bytes]:
    name = picture.compression if picture.compression in _COMPRESSIONS else _DEFLATE
    samples = picture.samples
    height, width, count = samples.shape
    predicted = _COMPRESSIONS[name] in _PREDICTED
    pixels, places, sizes, rows = _strips(_differences(samples) if predicted else samples, name)
    directory = Directory(_HEADER)
    for tag, value in picture.metadata.tags.items():
        directory.tagtype[tag] = picture.metadata.tags.tagtype[tag]
        directory[tag] = value
    _set(directory, _LONG, {256: width, 257: height, 273: places, 278: rows, 279: sizes})
    _set(directory, _SHORT, {258: (samples.itemsize * 8,) * count, 259: _COMPRESSIONS[name]})
    _set(directory, _SHORT, {262: _RGB, 277: count, 284: _CONTIGUOUS})
    _set(directory, _SHORT, {317: _HORIZONTAL} if predicted else {})
    _set(directory, _SHORT, {} if count == 3 else {338: _UNASSOCIATED})
    _set(directory, _BYTE, {_XMP: picture.metadata.xmp} if picture.metadata.xmp else {})
    _set(directory, _UNDEFINED, {_ICC: picture.colors.profile} if picture.colors.profile else {})
    return directory, pixels


def _set(directory: Directory, type_code: int, values: dict[int, object]) -> None:
    for tag, value in values.items():
        directory.tagtype[tag] = type_code
        directory[tag] = value


def _differences(samples: Levels) -> Levels:
    """Each sample less its left neighbour's (TIFF 6.0, section 14)."""
    out: Levels = samples.copy()
    out[:, 1:] -= samples[:, :-1]
    return out


def _strips(samples: Levels, name: str) -> tuple[bytes, tuple[int, ...], tuple[int, ...], int]:
    """Compressed strips in a row, where each begins, its size, and how many rows it has."""
    small = np.ascontiguousarray(samples.astype(samples.dtype.newbyteorder("<"), copy=False))
    grey: Bytes = small.reshape(len(samples), -1).view(np.uint8)
    file = BytesIO()
    Image.fromarray(grey).save(file, "TIFF", compression=None if name == "raw" else name)
    data = file.getbuffer()
    tags = Directory(bytes(data[:8]))  # opened as a picture, its width could seem an attack
    file.seek(tags.next)
    tags.load(file)
    starts, sizes, rows = tags[273], tags[279], int(tags.get(278, len(samples)))
    strips = [data[at : at + size] for at, size in zip(starts, sizes, strict=True)]
    places = tuple(int(p) for p in np.cumsum([0, *sizes[:-1]]))
    return b"".join(strips), places, tuple(sizes), rows
