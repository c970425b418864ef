"""A translated photograph's file out, of its source's kind, with all that was kept."""

from collections.abc import Iterable
from io import BytesIO
from itertools import chain

from PIL import Image

from vidgan.pictures.picture import Picture, to_8_bits
from vidgan.pictures.png import write_png
from vidgan.pictures.tiff import write_tiff

QUALITY = 95
"""Of lossy formats: a second compression should not be seen."""

_IN_SEGMENT = 65_533 - 14  # bytes of Photoshop's in a JPEG segment


def write_pictures(pictures: Iterable[Picture]) -> bytes:
    """One file of the first picture's kind; only a TIFF has further ones, taken one at a time."""
    pages = iter(pictures)
    first = next(pages)
    match first.kind:
        case "TIFF":
            return write_tiff(chain((first,), pages))
        case "PNG":
            return write_png(first)
        case "WEBP":
            return _webp(first)
        case _:
            return _jpeg(first)


def _jpeg(picture: Picture) -> bytes:
    said, out = picture.metadata, BytesIO()
    dpi = said.dpi if said.dpi and all(0 < n < 65_535 for n in said.dpi) else (0, 0)
    _image(picture).save(
        out,
        "JPEG",
        quality=QUALITY,
        subsampling=0,
        exif=said.exif,
        xmp=said.xmp,
        comment=said.comment,
        dpi=dpi,
        icc_profile=picture.colors.profile,
        extra=_photoshop_segments(said.photoshop),
    )
    return out.getvalue()


def _photoshop_segments(blocks: bytes) -> bytes:
    parts = [blocks[at : at + _IN_SEGMENT] for at in range(0, len(blocks), _IN_SEGMENT)]
    head = b"Photoshop 3.0\0"
    return b"".join(
        b"\xff\xed" + (2 + len(head) + len(part)).to_bytes(2, "big") + head + part for part in parts
    )


def _webp(picture: Picture) -> bytes:
    said, out = picture.metadata, BytesIO()
    _image(picture).save(
        out,
        "WEBP",
        quality=QUALITY,
        lossless=picture.compression == "lossless",
        exif=said.exif,
        xmp=said.xmp,
        icc_profile=picture.colors.profile,
    )
    return out.getvalue()


def _image(picture: Picture) -> Image.Image:
    return Image.fromarray(to_8_bits(picture.samples))
