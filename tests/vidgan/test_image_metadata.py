"""What photographs say of themselves is kept; what shows the old picture is not."""

import struct
import time

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from tests.vidgan.photos import Frames, decode, encode, gradient, negative, same
from vidgan.images import translate_image

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:creator="Ansel">'
    b"<xmp:Thumbnails>OLD PICTURE</xmp:Thumbnails></rdf:Description></x:xmpmeta>"
)
COPYRIGHT, ORIENTATION, EXIF_IFD, GPS_IFD = 33432, 274, 0x8769, 0x8825


def resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">H", number) + b"\0\0" + struct.pack(">I", len(data)) + data


IPTC = b"\x1c\x02\x74\x00\x06Ansel!"
RESOURCES = resource(1028, IPTC + b"\0") + resource(1036, b"OLD PICTURE!") + resource(1034, b"\1\0")


def camera_exif(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION], exif[COPYRIGHT] = orientation, "Ansel"
    exif[EXIF_IFD] = {0x829A: 0.004, 0xA002: 24, 0xA003: 16, 0x9286: b"ASCII\0\0\0note"}
    exif[GPS_IFD] = {1: "N", 2: (46.0, 30.0, 0.0)}
    read = Image.Exif()  # as from a file: Pillow's TIFF cannot be given another
    read.load(exif.tobytes())
    return read


def with_thumbnail(exif: Image.Exif) -> bytes:
    """A second directory, as cameras have it: a little JPEG of the picture."""
    data = exif.tobytes()
    small = encode(Image.fromarray(gradient(8, 8)), "JPEG")
    body = bytearray(data[6:])
    order = "<" if body[:2] == b"II" else ">"
    (count,) = struct.unpack_from(order + "H", body, 8)
    place = len(body)
    struct.pack_into(order + "I", body, 10 + 12 * count, place)
    at = place + 2 + 2 * 12 + 4
    body += struct.pack(order + "H", 2)
    body += struct.pack(order + "HHII", 513, 4, 1, at)
    body += struct.pack(order + "HHII", 514, 4, 1, len(small))
    return b"Exif\0\0" + bytes(body) + bytes(4) + small


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_data_is_kept_and_the_rotation_applied(kind: str) -> None:
    data = encode(Image.fromarray(gradient()), kind, exif=camera_exif())
    result = decode(translate_image(data, "a", same))
    assert result.size == (16, 24)
    exif = result.getexif()
    assert exif.get(ORIENTATION, 1) == 1
    assert exif[COPYRIGHT] == "Ansel"
    inner = exif.get_ifd(EXIF_IFD)
    assert inner[0x829A] == pytest.approx(0.004)
    assert (inner[0xA002], inner[0xA003]) == (16, 24)
    assert inner[0x9286] == b"ASCII\0\0\0note"
    assert exif.get_ifd(GPS_IFD)[2] == (46, 30, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_every_rotation_is_applied_once(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encode(Image.fromarray(gradient()), kind, exif=exif)
    turned: list[Frames] = [
        *[gradient(), gradient()[:, ::-1], gradient()[::-1, ::-1], gradient()[::-1]],
        *[gradient().transpose(1, 0, 2), np.rot90(gradient(), -1)],
        *[gradient()[::-1, ::-1].transpose(1, 0, 2), np.rot90(gradient())],
    ]
    result = decode(translate_image(data, "a", same))
    assert np.array_equal(np.asarray(result), turned[orientation - 1])


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_the_thumbnail_of_the_old_picture_is_gone(kind: str) -> None:
    exif = with_thumbnail(camera_exif(1))
    data = encode(Image.fromarray(gradient()), kind, exif=exif)
    assert decode(data).getexif().get_ifd(ExifTags.IFD.IFD1)[514]
    result = decode(translate_image(data, "a", negative))
    assert result.getexif().get_ifd(ExifTags.IFD.IFD1) == {}
    assert result.getexif()[COPYRIGHT] == "Ansel"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_xmp_is_kept_without_what_no_longer_holds(kind: str) -> None:
    picture = Image.fromarray(gradient())
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        data = encode(picture, kind, pnginfo=info)
    elif kind == "TIFF":
        data = encode(picture, kind, tiffinfo={700: XMP})
    else:
        data = encode(picture, kind, xmp=XMP)
    made = translate_image(data, "a", negative)
    result = decode(made)
    xmp = result.info.get("xmp") or result.info["XML:com.adobe.xmp"].encode()
    assert b'dc:creator="Ansel"' in xmp
    assert b"OLD PICTURE" not in made
    assert b"Orientation" not in xmp
    assert result.size == (16, 24)  # where EXIF says nothing, XMP's rotation counts


@pytest.mark.parametrize(
    ("stale", "closing"),
    [
        (b"<tiff:Orientation>", b""),
        (b"<xmp:Thumbnails>", b""),
        (b"</xmp:Thumbnails><Container:Directory>", b""),
        (b"<tiff:Orientation>6", b"</tiff:Orientation>"),
        (b' tiff:Orientation="', b""),
        (b" hdrgm:version", b""),
    ],
)
def test_xmp_of_an_attacker_takes_no_longer_than_another(stale: bytes, closing: bytes) -> None:
    xmp = b"<x:xmpmeta>" + (stale + closing) * 20_000 + b'<kept dc:creator="Ansel"/></x:xmpmeta>'
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=True)
    data = encode(Image.fromarray(gradient()), "PNG", pnginfo=info)
    began = time.process_time()
    made = decode(translate_image(data, "a.png", same))
    assert time.process_time() - began < 2
    assert 'dc:creator="Ansel"' in made.info["XML:com.adobe.xmp"]


def test_jpeg_keeps_iptc_comment_and_resolution() -> None:
    segment = b"Photoshop 3.0\0" + RESOURCES
    extra = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
    picture = Image.fromarray(gradient())
    data = encode(picture, "JPEG", extra=extra, comment=b"hello", dpi=(300, 300))
    made = translate_image(data, "a.jpg", negative)
    result = decode(made)
    assert result.info["photoshop"][1028].startswith(IPTC)
    assert result.info["photoshop"][1034] == b"\1\0"
    assert result.info["comment"] == b"hello"
    assert result.info["dpi"] == (300, 300)
    assert b"OLD PICTURE" not in made


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_tiff_keeps_its_tags(compression: str | None) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[305], tags[315] = "a hill", "Program", "Ansel"
    tags.tagtype[33723] = tags.tagtype[34377] = tags.tagtype[37724] = 7
    tags[33723], tags[34377] = IPTC, RESOURCES
    tags[37724] = b"OLD PICTURE in layers"
    picture = Image.fromarray(gradient())
    data = encode(picture, "TIFF", tiffinfo=tags, dpi=(240, 240), compression=compression)
    made = translate_image(data, "a.tif", negative)
    result = decode(made)
    assert isinstance(result, TiffImagePlugin.TiffImageFile)
    kept = result.tag_v2
    assert (kept[270], kept[305], kept[315]) == ("a hill", "Program", "Ansel")
    assert kept[33723] == IPTC
    assert kept[34377].startswith(resource(1028, IPTC + b"\0"))
    assert result.info["dpi"] == (240, 240)
    assert b"OLD PICTURE" not in made


def test_a_map_keeps_its_place() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[33550] = tags.tagtype[33922] = 12
    tags[33550], tags[33922] = (10.0, 10.0, 0.0), (0.0, 0.0, 0.0, 600_000.0, 5_100_000.0, 0.0)
    data = encode(Image.fromarray(gradient()), "TIFF", tiffinfo=tags)
    result = decode(translate_image(data, "a.tif", negative))
    assert isinstance(result, TiffImagePlugin.TiffImageFile)
    assert result.tag_v2[33550] == (10, 10, 0)
    assert result.tag_v2[33922][3:5] == (600_000, 5_100_000)


def test_png_keeps_its_texts_resolution_and_gamma() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Ansel")
    info.add_text("Description", "long " * 300, zip=True)
    info.add_itxt("Title", "Hügel", lang="de", tkey="Titel")
    info.add(b"gAMA", struct.pack(">I", 100_000))
    data = encode(Image.fromarray(gradient()), "PNG", pnginfo=info, dpi=(300, 300))
    result = decode(translate_image(data, "a.png", negative))
    assert isinstance(result, PngImagePlugin.PngImageFile)
    assert (result.text["Author"], result.text["Title"]) == ("Ansel", "Hügel")
    assert result.text["Description"] == "long " * 300
    assert result.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert result.info["gamma"] == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_data_costs_itself_alone(kind: str) -> None:
    data = encode(Image.fromarray(gradient()), kind, exif=b"Exif\0\0MM\0\x2a\0\0\xff\xffrubbish")
    result = decode(translate_image(data, "a", same))
    assert result.size == (24, 16)
