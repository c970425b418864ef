"""What FFmpeg's names of pixel formats mean: how deep, of what kind, and whether of use here."""

import av

MOST_BITS = 16
_NO_PICTURE = ("bayer", "xyz", "mono")
"""A camera's raw mosaic, the colours of digital cinema, and one bit for each pixel."""


def bits_of(pixel_format: str) -> int:
    """Of the deepest sample: 8, 10, 12 .. ; those of a palette have 8."""
    return max((part.bits for part in av.VideoFormat(pixel_format).components), default=0)


def is_rgb(pixel_format: str) -> bool:
    """Red, green and blue themselves, or a palette of such."""
    kind = av.VideoFormat(pixel_format)
    return kind.is_rgb or kind.has_palette


def is_grey(pixel_format: str) -> bool:
    """Luma alone, beside which there may be alpha."""
    return pixel_format.startswith(("gray", "ya"))


def can_be_converted(pixel_format: str) -> bool:
    """Whether its pictures become RGB, and right: whole numbers of up to 16 bits of YUV or RGB."""
    is_whole = 0 < bits_of(pixel_format) <= MOST_BITS and "f16" not in pixel_format
    return is_whole and not pixel_format.startswith(_NO_PICTURE)
