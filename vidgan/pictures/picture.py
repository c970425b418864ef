"""What is kept of a photograph between its two files."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms, TiffImagePlugin

Bytes = NDArray[np.uint8]
Levels = NDArray[np.uint8] | NDArray[np.uint16]
"""Of 8 bits in [0, 255] or of 16 bits in [0, 65535]."""

MOST_PIXELS = 178_000_000
"""Of a picture: just below where Pillow suspects an attack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colors:
    """What the levels of a picture mean. Without transforms they are taken for sRGB."""

    profile: bytes | None = None
    """ICC profile that is written to the output."""
    to_srgb: ImageCms.ImageCmsTransform | None = None
    from_srgb: ImageCms.ImageCmsTransform | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What files say beside the picture, fit for the translated one: upright, no old thumbnails."""

    exif: bytes = b""
    """As JPEG, PNG and WebP hold it; empty where there is none."""
    xmp: bytes = b""
    photoshop: bytes = b""
    """Image resource blocks, in which JPEG keeps IPTC."""
    comment: bytes = b""
    dpi: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Type and data of PNG's chunks."""
    tags: TiffImagePlugin.ImageFileDirectory_v2 = field(
        default_factory=TiffImagePlugin.ImageFileDirectory_v2
    )
    """TIFF's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture, upright."""

    levels: Levels
    """(H, W, 3)"""
    alpha: Levels | None
    """(H, W) of the same depth; 0 is transparent."""
    colors: Colors
    metadata: Metadata
    kind: str
    """Pillow's name of the file's format."""
    compression: str = ""
    """Pillow's name of what a TIFF uses; "lossless" of a WebP that is so."""

    @property
    def samples(self) -> Levels:
        """Levels and alpha together: (H, W, 3) or (H, W, 4)."""
        if self.alpha is None:
            return self.levels
        parts: list[NDArray[Any]] = [self.levels, self.alpha]
        joined: Levels = np.dstack(parts)
        return joined


def to_8_bits(levels: Levels) -> Bytes:
    """The nearest levels of 8 bits; 65535 = 257 * 255."""
    if levels.dtype == np.uint8:
        return levels.astype(np.uint8, copy=False)
    return (levels // 257 + (levels % 257 > 128)).astype(np.uint8)
