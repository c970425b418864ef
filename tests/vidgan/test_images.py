"""Photographs come back as their owners expect."""

import struct
import time
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.vidgan.photos import Frames, decode, encode, gradient, negative, same, shared_pages
from vidgan.errors import InputError
from vidgan.images import open_image, translate_image
from vidgan.pictures.size import count_pixels
from vidgan.tasks import ImageTask, cost_of


def test_png_is_translated_exactly() -> None:
    result = decode(translate_image(encode(Image.fromarray(gradient()), "PNG"), "a.png", negative))
    assert result.format == "PNG"
    assert np.array_equal(np.asarray(result), 255 - gradient())


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_stay_what_they_are(kind: str) -> None:
    data = encode(Image.fromarray(gradient()), kind, quality=95)
    result = decode(translate_image(data, "a", negative))
    assert result.format == kind
    error = np.abs(np.asarray(result.convert("RGB")).astype(int) - (255 - gradient()))
    assert error.mean() < 4


def test_a_rotated_photograph_is_translated_and_comes_out_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90 degrees to view
    data = encode(Image.fromarray(gradient()), "JPEG", exif=exif, quality=95)
    seen: list[tuple[int, ...]] = []

    def note(frames: Frames) -> Frames:
        seen.append(frames.shape)
        return frames

    result = decode(translate_image(data, "a.jpg", note))
    assert seen == [(1, 24, 16, 3)]
    assert result.size == (16, 24)
    assert result.getexif().get(0x0112, 1) == 1


def test_alpha_and_colour_profile_are_kept() -> None:
    rgba = np.dstack([gradient(), np.full((16, 24), 77, np.uint8)])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encode(Image.fromarray(rgba), "PNG", icc_profile=profile)
    result = decode(translate_image(data, "a.png", negative))
    assert result.mode == "RGBA"
    assert np.array_equal(np.asarray(result)[..., 3], rgba[..., 3])
    assert result.info["icc_profile"] == profile


def test_grey_becomes_colour() -> None:
    data = encode(Image.fromarray(gradient()[..., 0]), "PNG")
    assert decode(translate_image(data, "a.png", negative)).mode == "RGB"


@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\n cut"])
def test_what_is_no_image_is_named(data: bytes) -> None:
    with pytest.raises(InputError, match=r"photo\.png is not an image"):
        translate_image(data, "photo.png", negative)


def test_a_phone_s_file_of_several_pictures_becomes_one_jpeg() -> None:
    first, second = Image.fromarray(gradient()), Image.fromarray(255 - gradient())
    data = encode(first, "MPO", save_all=True, append_images=[second], quality=95)
    assert decode(data).format == "MPO"
    made = translate_image(data, "phone.jpg", negative)
    assert decode(made).format == "JPEG"
    error = np.abs(np.asarray(decode(made)).astype(int) - (255 - gradient()))
    assert error.mean() < 4


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_is_refused_not_reduced_to_one_picture(kind: str) -> None:
    first, second = Image.fromarray(gradient()), Image.fromarray(255 - gradient())
    data = encode(first, kind, save_all=True, append_images=[second])
    with pytest.raises(InputError, match=r"moving\.file is an animation of 2 pictures"):
        translate_image(data, "moving.file", negative)


@pytest.mark.parametrize("kind", ["EPS", "BMP", "GIF"])
def test_other_kinds_under_a_familiar_name_are_not_opened(kind: str) -> None:
    """Pillow hands an EPS to Ghostscript, which runs what is written in it."""
    data = encode(Image.fromarray(gradient()), kind)
    with pytest.raises(InputError, match=r"a\.png is not an image .*no known format"):
        translate_image(data, "a.png", negative)


@pytest.mark.parametrize("size", [(60_000, 60_000), (13_400, 13_400)])
def test_a_picture_too_large_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    """A few bytes may claim any size; the second is the least that Pillow itself lets pass."""
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        crc = struct.pack(">I", zlib.crc32(kind + body))
        data += struct.pack(">I", len(body)) + kind + body + crc
    with pytest.raises(InputError, match=r"^bomb\.png has more than 178 million pixels.*parts$"):
        translate_image(data, "bomb.png", negative)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_file_cut_short_is_refused(kind: str) -> None:
    rng = np.random.default_rng(0)
    data = encode(Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)), kind)
    with pytest.raises(InputError, match=r"^cut is not an image that can be read.*remove it$"):
        translate_image(data[: len(data) // 2], "cut", negative)


def test_a_lossless_webp_stays_lossless() -> None:
    rgba = np.dstack([gradient(), np.full((16, 24), 99, np.uint8)])
    data = encode(Image.fromarray(rgba), "WEBP", lossless=True)
    result = np.asarray(decode(translate_image(data, "a.webp", negative)))
    assert np.array_equal(result[..., :3], 255 - gradient())
    assert np.array_equal(result[..., 3], rgba[..., 3])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_alpha_is_kept_in_whatever_way_it_is_stored(mode: str) -> None:
    rgba = np.dstack([gradient(), (gradient()[..., 0] // 128) * 255])
    picture = Image.fromarray(rgba)
    if mode == "PA":
        picture = picture.quantize(32)
    elif mode == "LA":
        picture = picture.convert("LA")
    data = encode(picture, "PNG")
    result = decode(translate_image(data, "a.png", same))
    assert result.mode == "RGBA"
    want = np.asarray(decode(data).convert("RGBA"))
    seen = want[..., 3] > 0
    assert np.array_equal(np.asarray(result)[seen], want[seen])
    assert np.array_equal(np.asarray(result)[..., 3], want[..., 3])


def test_what_nobody_sees_does_not_shine_over_the_edge() -> None:
    """The generator finds the colours of the edge behind it, not the white that a program left."""
    rgba = np.full((16, 24, 4), 255, np.uint8)
    rgba[:, :9] = (30, 60, 20, 255)
    rgba[:, 9:, 3] = 0
    seen: list[Frames] = []

    def note(frames: Frames) -> Frames:
        seen.append(frames)
        return frames

    translate_image(encode(Image.fromarray(rgba), "PNG"), "a.png", note)
    assert np.abs(seen[0][0].astype(int) - (30, 60, 20)).max() <= 2


@pytest.mark.parametrize("mode", ["1", "P"])
def test_pictures_of_few_colours_become_those_of_many(mode: str) -> None:
    picture = Image.fromarray(gradient()).convert(mode)
    result = decode(translate_image(encode(picture, "PNG"), "a.png", negative))
    assert result.mode == "RGB"
    assert np.array_equal(np.asarray(result), 255 - np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize(
    ("compression", "kept"),
    [
        (None, "raw"),
        ("tiff_lzw", "tiff_lzw"),
        ("tiff_adobe_deflate", "tiff_adobe_deflate"),
        ("packbits", "packbits"),
        ("tiff_deflate", "tiff_adobe_deflate"),
        ("jpeg", "tiff_adobe_deflate"),
    ],
)
def test_tiff_keeps_its_compression(compression: str | None, kept: str) -> None:
    mode = "RGB" if compression == "jpeg" else "RGBA"
    picture = Image.fromarray(gradient(240, 160)).convert(mode)
    data = encode(picture, "TIFF", compression=compression)
    result = decode(translate_image(data, "a.tif", negative))
    assert (result.format, result.mode, result.info["compression"]) == ("TIFF", mode, kept)
    want = 255 - np.asarray(decode(data).convert("RGB"))
    assert np.array_equal(np.asarray(result.convert("RGB")), want)


def test_every_page_of_a_tiff_is_translated_and_no_preview() -> None:
    pages = [Image.fromarray(gradient(24, 16 + 3 * i)) for i in range(3)]
    pages[1].encoderinfo = {"tiffinfo": {254: 1}, "compression": "tiff_lzw"}
    data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    result = decode(translate_image(data, "a.tif", negative))
    assert getattr(result, "n_frames", 1) == 2
    for place, page in enumerate([pages[0], pages[2]]):
        result.seek(place)
        assert np.array_equal(np.asarray(result), 255 - np.asarray(page))
    kind, first = open_image(data, "a.tif")
    assert (kind, first.size) == ("TIFF", (24, 16))


def test_a_raw_file_s_preview_is_not_taken_for_its_picture() -> None:
    data = encode(Image.fromarray(gradient()), "TIFF", tiffinfo={254: 1})
    with pytest.raises(InputError, match=r"raw\.tif has only a preview.*develop it"):
        translate_image(data, "raw.tif", negative)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_tiff_of_numbers_is_refused(kind: type[np.generic]) -> None:
    data = encode(Image.fromarray(np.zeros((4, 4), kind)), "TIFF")
    with pytest.raises(InputError, match=r"height\.tif has levels of 32 bits.*16 or 8 bits"):
        translate_image(data, "height.tif", negative)


def test_a_large_tiff_is_written_as_well_as_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Pillow takes for an attack is counted in pixels, not in bytes."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 16)
    data = encode(Image.fromarray(gradient()), "TIFF")
    assert np.array_equal(
        np.asarray(decode(translate_image(data, "a.tif", negative))), 255 - gradient()
    )


def test_contents_count_not_names() -> None:
    data = encode(Image.fromarray(gradient()), "PNG")
    assert decode(translate_image(data, "named.jpg", negative)).format == "PNG"


def test_of_many_pages_one_is_in_memory_at_a_time() -> None:
    """They share their pixels: 40 pages of 3 MB each, once they are in colour, from 7 kB."""
    data = shared_pages(40, (1000, 1000))
    translate_image(data, "a.tif", same)  # what is made once for all pictures
    tracemalloc.start()
    try:
        made = translate_image(data, "a.tif", same)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert getattr(decode(made), "n_frames", 1) == 40
    assert peak < 40_000_000


@pytest.mark.parametrize(
    "data",
    [shared_pages(20_001, (1, 1)), shared_pages(1200, (4000, 4000))],
    ids=["pages", "pixels"],
)
def test_more_pages_than_any_scan_has_are_refused_before_one_is_decoded(data: bytes) -> None:
    began = time.process_time()
    with pytest.raises(
        InputError, match=r"^many\.tif has more than 20,000 pages, or pages of more"
    ):
        translate_image(data, "many.tif", negative)
    assert time.process_time() - began < 2


def shared_tags(pages: int) -> bytes:
    """A TIFF whose pages, but for the first, all have the same 65,535 empty tags."""
    out, beyond = bytearray(shared_pages(1, (4, 4))), 2 + 12 * 65_535
    start = len(out)
    out[-4:] = struct.pack("<I", start)
    out += bytes(16 * pages + beyond + 4)
    for page in range(start, start + 16 * pages, 16):
        out[page : page + 2] = b"\xff\xff"
        out[page + beyond : page + beyond + 4] = struct.pack("<I", page + 16)
    return bytes(out)


def test_pages_of_endless_tags_are_refused() -> None:
    began = time.process_time()
    with pytest.raises(InputError, match=r"^a\.tif is not an image .*more than 2,000,000 tags"):
        translate_image(shared_tags(1000), "a.tif", negative)
    assert time.process_time() - began < 2


SIZES: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {},
    "MPO": {"save_all": True, "append_images": [Image.fromarray(gradient())]},
    "WEBP": {},
    "WEBP lossless": {"lossless": True},
    "WEBP exif": {"exif": b"Exif\0\0MM\0\x2a\0\0\0\x08\0\0\0\0\0\0"},
    "TIFF": {"save_all": True, "append_images": [Image.fromarray(gradient(100, 30))]},
    "TIFF big_tiff": {"big_tiff": True},
}


@pytest.mark.parametrize("kind", SIZES)
def test_pixels_are_counted_by_the_header(kind: str) -> None:
    data = encode(Image.fromarray(gradient(300, 200)), kind.partition(" ")[0], **SIZES[kind])
    together = 300 * 200 + (100 * 30 if kind == "TIFF" else 0)
    assert count_pixels(data) == together
    for length in range(0, len(data), 1 + len(data) // 500):  # cut off anywhere, it is a guess
        assert 1 <= count_pixels(data[:length]) <= max(together, 4 * length, 1)


def test_a_bilevel_scan_costs_its_pixels_not_its_bytes() -> None:
    page = Image.new("1", (2480, 3508), 1)
    data = encode(page, "TIFF", compression="group4", save_all=True, append_images=[page] * 4)
    assert len(data) < 20_000
    assert cost_of(ImageTask(job=0, name="scan.tif", data=data)) == 5 * 2480 * 3508


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + b"\xff\xe0\0\x02" * 2_000_000,
        b"\xff\xd8" + b"\xff" * 8_000_000,
        b"\xff\xd8\xff\xe0\0\0" * 100,
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 8,
        b"RIFF\xff\xff\xff\xffWEBPVP8X",
        b"II\x2a\0\x04\0\0\0" + b"\xff" * 8_000_000,
        b"MM\0\x2b\0\x08\0\0" + b"\xff" * 8_000_000,
        shared_pages(60_000, (30_000, 1)),
        shared_tags(20_000),
        b"",
    ],
    ids=range(10),
)
def test_a_header_of_an_attacker_is_counted_in_no_time(data: bytes) -> None:
    began = time.process_time()
    assert count_pixels(data) >= 1
    assert time.process_time() - began < 1
