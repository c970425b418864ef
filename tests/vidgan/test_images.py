"""Photographs come back as their owners expect."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vidgan.errors import InputError
from vidgan.images import translate_image

Frames = NDArray[np.uint8]


def negative(frames: Frames) -> Frames:
    return 255 - frames


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def decode(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def gradient(width: int = 24, height: int = 16) -> Frames:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 10, y * 15, x * 0 + 90], axis=2).astype(np.uint8)


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
    data = encode(Image.fromarray(rgba), "PNG", icc_profile=b"a profile")
    result = decode(translate_image(data, "a.png", negative))
    assert result.mode == "RGBA"
    assert np.array_equal(np.asarray(result)[..., 3], rgba[..., 3])
    assert result.info["icc_profile"] == b"a profile"


def test_grey_becomes_colour() -> None:
    data = encode(Image.fromarray(gradient()[..., 0]), "PNG")
    assert decode(translate_image(data, "a.png", negative)).mode == "RGB"


@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\n cut"])
def test_what_is_no_image_is_named(data: bytes) -> None:
    with pytest.raises(InputError, match=r"photo\.png is not an image"):
        translate_image(data, "photo.png", negative)


def test_16_bit_images_are_refused_not_crushed() -> None:
    data = encode(Image.fromarray(np.full((4, 4), 40_000, np.uint16)), "PNG")
    with pytest.raises(InputError, match="16-bit"):
        translate_image(data, "deep.png", negative)
