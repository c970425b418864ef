"""What files say beside the picture, made fit for the translated one.

All that shows the old picture goes: EXIF's thumbnail, Photoshop's, XMP's; a TIFF's previews and
layers; gain maps and films that phones hang on to a JPEG. So does the rotation, which is applied.
"""

import re
import struct
from collections.abc import Iterator
from typing import cast

from PIL import ExifTags, Image, TiffImagePlugin

from vidgan.pictures.picture import Metadata
from vidgan.pictures.png import png_chunks, said_in_png

_PHOTOSHOP = b"Photoshop 3.0\0"
_BLOCK = b"8BIM"
_STALE_BLOCKS = frozenset({1033, 1036, 1039, 1041, 1058, 1059, 1060})
"""Two kinds of thumbnails; copies of profile, EXIF and XMP, kept elsewhere (Adobe Photoshop File
Formats, "Image Resource IDs")."""

_STALE_ATTRIBUTES = re.compile(
    rb'\s(?:tiff:Orientation|hdrgm:\w+|GCamera:M(?:otion|icro)\w+)="[^"]*"'
)
_STALE_ELEMENTS = (b"tiff:Orientation", b"xmp:Thumbnails", b"Container:Directory")
"""Of XMP."""

_ORIENTATION, _PLAIN_SIZE, _SIZE_IN_EXIF = 274, (256, 257), (40962, 40963)
_SUB_IFDS = (ExifTags.IFD.Exif.value, ExifTags.IFD.GPSInfo.value)
_PHOTOSHOP_TAG = 34377
_BYTE, _LONG = 1, 4  # types of tags
_TEXT_TAGS = (269, 270, 271, 272, 285, 297, 305, 306, 315, 316, 33432)
_RESOLUTION_TAGS = (282, 283, 296)
_IPTC_TAG = 33723
_PLACE_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113)  # GeoTIFF and GDAL
_TAGS = (*_TEXT_TAGS, *_RESOLUTION_TAGS, _IPTC_TAG)
"""Of a TIFF, beside EXIF; what else is there describes the old pixels, or may."""


def read_metadata(image: Image.Image, data: bytes) -> Metadata:
    """What an opened picture says, a TIFF before it is loaded; `data` is its whole file.

    Damaged EXIF data is left away: the picture is whole without.
    """
    exif = _exif_of(image)
    turned = exif.get(_ORIENTATION, 1) != 1
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    xmp = _fresh_xmp(xmp.encode() if isinstance(xmp, str) else xmp)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return Metadata(xmp=xmp, tags=_tiff_tags(image.tag_v2, exif, turned=turned))
    is_png = image.format == "PNG"
    return Metadata(
        exif=_exif_bytes(exif, turned=turned),
        xmp=xmp,
        photoshop=_without_stale(_photoshop_of(image)),
        comment=image.info.get("comment", b""),
        dpi=image.info.get("dpi"),
        chunks=tuple(said_in_png(png_chunks(data))) if is_png else (),
    )


def _fresh_xmp(xmp: bytes) -> bytes:
    """Without what no longer holds; in time that grows with its size alone, whatever it holds."""
    xmp = _STALE_ATTRIBUTES.sub(b"", xmp)
    for name in _STALE_ELEMENTS:
        xmp = b"".join(_outside(xmp, b"<%b>" % name, b"</%b>" % name))
    return xmp


def _outside(text: bytes, opening: bytes, closing: bytes) -> Iterator[bytes]:
    """What is not between an opening and the next closing, which `re` looks for again and again."""
    at = 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start)) >= 0:
        yield text[at:start]
        at = end + len(closing)
    yield text[at:]


def _exif_of(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # damaged EXIF data can raise anything
        return Image.Exif()


def _exif_bytes(exif: Image.Exif, *, turned: bool) -> bytes:
    """Without the thumbnail, which Pillow does not write."""
    try:
        kept = Image.Exif()  # the picture's own turns it, later
        kept.load(exif.tobytes() if len(exif) else b"")
        for tag in (_ORIENTATION, *_PLAIN_SIZE):
            kept.pop(tag, None)
        if turned and ExifTags.IFD.Exif in kept:  # Pillow writes one that was only asked for, too
            _swap(kept.get_ifd(ExifTags.IFD.Exif), *_SIZE_IN_EXIF)
        return kept.tobytes() if len(kept) else b""
    except Exception:  # as above: its parts are read only now
        return b""


def _swap(inner: dict[int, object], one: int, other: int) -> None:
    if one in inner and other in inner:
        inner[one], inner[other] = inner[other], inner[one]


def _tiff_tags(
    source: TiffImagePlugin.ImageFileDirectory_v2, exif: Image.Exif, *, turned: bool
) -> TiffImagePlugin.ImageFileDirectory_v2:
    kept = TiffImagePlugin.ImageFileDirectory_v2()
    # A turned picture lies elsewhere on its map.
    for tag in _TAGS if turned else (*_TAGS, *_PLACE_TAGS):
        if tag in source:
            _put(kept, tag, source[tag], source.tagtype[tag])
    blocks = source.get(_PHOTOSHOP_TAG, b"")
    blocks = blocks[0] if isinstance(blocks, tuple) else blocks  # by the type that it is said to be
    if isinstance(blocks, bytes):
        _put(kept, _PHOTOSHOP_TAG, _without_stale(blocks), _BYTE)
    for tag in _SUB_IFDS:
        _put(kept, tag, _sub_ifd(exif, tag, turned=turned), _LONG)
    return kept


def _sub_ifd(exif: Image.Exif, tag: int, *, turned: bool) -> dict[int, object]:
    try:
        inner = dict(exif.get_ifd(tag))
        if ExifTags.IFD.Interop in inner:
            inner[ExifTags.IFD.Interop.value] = dict(exif.get_ifd(ExifTags.IFD.Interop))
    except Exception:  # damaged
        return {}
    if turned:
        _swap(inner, *_SIZE_IN_EXIF)
    return inner


def _put(
    kept: TiffImagePlugin.ImageFileDirectory_v2, tag: int, value: object, type_code: int
) -> None:
    """Add a tag, if it can be written: values of damaged files may not fit their types."""
    if value in ({}, b"", ()):
        return
    trial = TiffImagePlugin.ImageFileDirectory_v2()
    try:
        for directory in (trial, kept):
            directory.tagtype[tag] = type_code
            directory[tag] = value
            trial.tobytes()
    except Exception:  # struct.error, TypeError, ... of any odd value
        kept.pop(tag, None)


def _photoshop_of(image: Image.Image) -> bytes:
    segments = cast("list[tuple[str, bytes]]", getattr(image, "applist", []))
    parts = [d for name, d in segments if name == "APP13" and d.startswith(_PHOTOSHOP)]
    return b"".join(part[len(_PHOTOSHOP) :] for part in parts)


def _without_stale(blocks: bytes) -> bytes:
    return b"".join(block for number, block in _blocks(blocks) if number not in _STALE_BLOCKS)


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each image resource block: 8BIM, number, padded name, padded data."""
    at = 0
    while data[at : at + 4] == _BLOCK and at + 12 <= len(data):
        (number,) = struct.unpack_from(">H", data, at + 4)
        name_end = at + 6 + (data[at + 6] + 2) // 2 * 2
        if name_end + 4 > len(data):
            return
        (size,) = struct.unpack_from(">I", data, name_end)
        end = name_end + 4 + (size + 1) // 2 * 2
        if name_end + 4 + size > len(data):
            return
        yield number, data[at:end]
        at = end
