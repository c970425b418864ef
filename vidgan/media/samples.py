"""What FFmpeg's names of pixel formats mean: how deep they are, and of which kind."""

import av


def bits_of(pixel_format: str) -> int:
    """Of the deepest sample: 8, 10, 12 .. ; those of a palette have 8."""
    return max((part.bits for part in av.VideoFormat(pixel_format).components), default=0)


def is_rgb(pixel_format: str) -> bool:
    """Red, green and blue themselves, a palette of such, or black and white."""
    kind = av.VideoFormat(pixel_format)
    return kind.is_rgb or kind.has_palette or kind.is_bit_stream


def has_less_chroma(pixel_format: str) -> bool:
    """Fewer samples of chroma than of luma along each row: 4:2:0, 4:2:2, 4:1:1."""
    return av.VideoFormat(pixel_format).chroma_width(2) == 1


def is_grey(pixel_format: str) -> bool:
    """Luma alone, beside which there may be alpha."""
    return pixel_format.startswith(("gray", "ya"))
