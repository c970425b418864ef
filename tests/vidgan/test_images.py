"""Photographs come back as their owners expect."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

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


def test_16_bit_images_are_refused_not_crushed() -> None:
    data = encode(Image.fromarray(np.full((4, 4), 40_000, np.uint16)), "PNG")
    with pytest.raises(InputError, match="16-bit"):
        translate_image(data, "deep.png", negative)


def test_a_profile_that_is_not_of_rgb_is_not_put_on_an_rgb_picture() -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"GRAY"
    data = encode(Image.fromarray(gradient()[..., 0]), "PNG", icc_profile=bytes(profile))
    assert "icc_profile" not in decode(translate_image(data, "a.png", negative)).info


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


@pytest.mark.parametrize("kind", ["EPS", "TIFF", "BMP", "GIF"])
def test_other_kinds_under_a_familiar_name_are_not_opened(kind: str) -> None:
    """Pillow hands an EPS to Ghostscript, which runs what is written in it."""
    data = encode(Image.fromarray(gradient()), kind)
    with pytest.raises(InputError, match=r"a\.png is not an image .*no known format"):
        translate_image(data, "a.png", negative)
