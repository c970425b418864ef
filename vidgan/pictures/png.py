"""PNG by its chunks: what they say is kept as it is, and levels of 16 bits are written.

Pillow has no colours of 16 bits. Source: the PNG specification, third edition (W3C, 2025).
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidgan.pictures.picture import Bytes, Picture

Chunk = tuple[bytes, bytes]
"""Type and data."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_CHUNKS = frozenset({b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI"})
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_XMP = b"XML:com.adobe.xmp"
_OTHERS_OWN = frozenset({_XMP, b"Raw profile type exif", b"Raw profile type APP1"}) | {
    b"Raw profile type icc",
    b"Raw profile type icm",
    b"Raw profile type xmp",
}
"""Texts that are written as what they are."""
_LEVEL = 6  # of zlib: its own default
_RGB, _RGBA = 2, 6
_SUB, _UP = 1, 2


def png_chunks(data: bytes) -> Iterator[Chunk]:
    """All whole chunks of a file."""
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += size + 12


def said_in_png(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The chunks that say something of the picture and hold for its translation."""
    for kind, data in chunks:
        text = kind in _TEXT_CHUNKS and data.partition(b"\0")[0] not in _OTHERS_OWN
        if text or kind in _COLOR_CHUNKS or kind == b"pHYs":
            yield kind, data


def write_png(picture: Picture) -> bytes:
    """A PNG file of 8 or 16 bits, with all metadata."""
    samples = picture.samples
    if samples.dtype == np.uint8:
        body = _encoded_by_pillow(samples.astype(np.uint8, copy=False))
    else:
        body = _encoded(samples.astype(np.uint16, copy=False))
    header, *pixels = body
    chunks = [header, *_metadata(picture), *pixels, (b"IEND", b"")]
    return _SIGNATURE + b"".join(_packed(*chunk) for chunk in chunks)


def _metadata(picture: Picture) -> Iterator[Chunk]:
    said, profile = picture.metadata, picture.colors.profile
    if profile is not None:
        yield b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)
    # A profile overrides the short descriptions of colours, which may not be of what is written.
    yield from (c for c in said.chunks if profile is None or c[0] not in _COLOR_CHUNKS)
    if said.xmp:
        yield b"iTXt", _XMP + b"\0\0\0\0\0" + said.xmp
    if said.exif:
        yield b"eXIf", said.exif.removeprefix(b"Exif\0\0")


def _packed(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _encoded_by_pillow(samples: Bytes) -> list[Chunk]:
    out = BytesIO()
    Image.fromarray(samples).save(out, "PNG")
    return [chunk for chunk in png_chunks(out.getvalue()) if chunk[0] in (b"IHDR", b"IDAT")]


def _encoded(samples: NDArray[np.uint16]) -> list[Chunk]:
    height, width, count = samples.shape
    kind = _RGB if count == 3 else _RGBA
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return [(b"IHDR", header), (b"IDAT", b"".join(_compressed_rows(samples)))]


def _compressed_rows(samples: NDArray[np.uint16]) -> Iterator[bytes]:
    pack = zlib.compressobj(_LEVEL)
    above = np.zeros(samples[0].size * 2, np.uint8)
    step = samples.shape[2] * 2
    for row in samples:
        line = row.astype(">u2").reshape(-1).view(np.uint8)
        yield pack.compress(_filtered(line, above, step))
        above = line
    yield pack.flush()


def _filtered(line: Bytes, above: Bytes, step: int) -> bytes:
    """A row less its left or upper neighbours, whichever leaves less: §12.7's rule of thumb."""
    left = line.copy()
    left[step:] -= line[:-step]
    upper = line - above
    sums = [int(np.abs(rest.view(np.int8).astype(np.int16)).sum()) for rest in (left, upper)]
    kind, rest = (_SUB, left) if sums[0] <= sums[1] else (_UP, upper)
    return bytes([kind]) + rest.tobytes()
