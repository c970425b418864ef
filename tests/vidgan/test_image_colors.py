"""Photographs with colour profiles: generators see sRGB, owners get their own colours back."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.vidgan.photos import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    Frames,
    decode,
    encode,
    gradient,
    grey_profile,
    negative,
    rgb_profile,
    same,
    table_profile,
)
from vidgan.images import translate_image

PROFILES = {
    "Adobe RGB": rgb_profile(ADOBE_RGB, 563 / 256),
    "Display P3": rgb_profile(DISPLAY_P3, None),
    "ProPhoto": rgb_profile(PROPHOTO, 1.8),
}
RED = {"Adobe RGB": (219, 0, 0), "Display P3": (234, 51, 35), "ProPhoto": (179, 70, 26)}
"""sRGB's red, in these; the values that are published for them."""


def plain(color: tuple[int, ...]) -> Image.Image:
    return Image.fromarray(np.full((4, 4, len(color)), color, np.uint8))


def seen_of(data: bytes) -> Frames:
    """The picture as the generator gets it."""
    seen: list[Frames] = []

    def note(frames: Frames) -> Frames:
        seen.append(frames)
        return frames

    translate_image(data, "a", note)
    (frames,) = seen
    return frames.reshape(frames.shape[1:])


def red(frames: Frames) -> Frames:
    return np.full_like(frames, (255, 0, 0))


def corners(inks: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Lab at the corners of a device's colours: grey, by how much of them there is."""
    amounts = np.array([bin(i).count("1") for i in range(2**inks)])
    light = 100 * (1 - amounts / inks) if inks == 4 else 100 * amounts / inks
    return np.column_stack([light, light * 0, light * 0])


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_colours_beyond_srgb_come_back_where_nothing_is_changed(name: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    pixels[0, :3] = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    data = encode(Image.fromarray(pixels), kind, icc_profile=PROFILES[name])
    result = decode(translate_image(data, "a", same))
    assert np.array_equal(np.asarray(result), pixels)
    assert result.info["icc_profile"] == PROFILES[name]


@pytest.mark.parametrize("name", PROFILES)
def test_the_generator_sees_srgb_and_its_colours_are_brought_back(name: str) -> None:
    data = encode(plain(RED[name]), "PNG", icc_profile=PROFILES[name])
    assert np.abs(seen_of(data)[0, 0].astype(int) - (255, 0, 0)).max() <= 3
    grey = encode(plain((128, 128, 128)), "PNG", icc_profile=PROFILES[name])
    made = decode(translate_image(grey, "a", red))
    assert np.abs(np.asarray(made)[0, 0].astype(int) - RED[name]).max() <= 3


def test_a_vivid_colour_that_is_changed_leaves_no_tint() -> None:
    data = encode(plain((0, 255, 0)), "PNG", icc_profile=PROFILES["Display P3"])
    made = decode(translate_image(data, "a", lambda f: f * 0 + 240))
    assert np.abs(np.asarray(made).astype(int) - 240).max() <= 2


def test_a_picture_of_many_rows_is_changed_in_all() -> None:
    """Colours are brought back by 256 rows at a time."""
    pixels = gradient(4, 600)
    data = encode(Image.fromarray(pixels), "PNG", icc_profile=PROFILES["Display P3"])
    result = np.asarray(decode(translate_image(data, "a", lambda f: 255 - (255 - f))))
    assert np.array_equal(result, pixels)


def test_srgb_under_another_name_is_left_alone() -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encode(Image.fromarray(gradient()), "PNG", icc_profile=made)
    assert np.array_equal(seen_of(data), gradient())
    assert np.array_equal(
        np.asarray(decode(translate_image(data, "a", negative))), 255 - gradient()
    )


def test_grey_with_a_profile_becomes_srgb_and_says_so() -> None:
    grey = np.full((4, 4), 128, np.uint8)
    data = encode(Image.fromarray(grey), "PNG", icc_profile=grey_profile(1.0))
    assert np.abs(seen_of(data).astype(int) - 188).max() <= 1  # sRGB of half the light
    result = decode(translate_image(data, "a.png", same))
    assert result.mode == "RGB"
    assert result.info["icc_profile"][16:20] == b"RGB "
    assert result.info["icc_profile"][24:36] == bytes.fromhex("07d000010001000000000000")


def test_grey_tagged_with_a_profile_of_rgb_is_in_its_colours() -> None:
    grey = Image.fromarray(gradient()[..., 0])
    data = encode(grey, "JPEG", icc_profile=PROFILES["Adobe RGB"], quality=100)
    result = decode(translate_image(data, "a.jpg", same))
    assert result.mode == "RGB"
    assert result.info["icc_profile"] == PROFILES["Adobe RGB"]
    error = np.abs(np.asarray(result).astype(int) - np.asarray(grey)[..., np.newaxis])
    assert error.max() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_become_srgb_by_their_profile(kind: str) -> None:
    """Half of all four inks is L* 50; without a profile Pillow's simple rule would make it 64."""
    inks = Image.new("CMYK", (8, 8), (128, 128, 128, 128))
    data = encode(inks, kind, icc_profile=table_profile(b"CMYK", corners(4)))
    result = decode(translate_image(data, "a", same))
    assert (result.format, result.mode) == (kind, "RGB")
    assert np.abs(np.asarray(result).astype(int) - 118).max() <= 3  # sRGB of L* 50
    assert result.info["icc_profile"][16:20] == b"RGB "


def test_inks_without_a_profile_are_not_inverted() -> None:
    """Adobe's JPEG holds them inverted, and says so in a segment that Pillow writes, too."""
    data = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    assert b"Adobe" in data
    made = np.asarray(decode(translate_image(data, "a.jpg", same)))
    assert np.abs(made.astype(int) - (255, 0, 0)).max() <= 4


def test_lab_is_read() -> None:
    lab = Image.merge("LAB", [Image.new("L", (4, 4), n) for n in (128, 128, 128)])
    result = decode(translate_image(encode(lab, "TIFF"), "a.tif", same))
    assert result.mode == "RGB"
    assert np.abs(np.asarray(result).astype(int) - 119).max() <= 2  # sRGB of L* 50


def test_a_profile_without_a_way_back_gives_srgb() -> None:
    data = encode(plain((128, 128, 128)), "PNG", icc_profile=table_profile(b"RGB ", corners(3)))
    result = decode(translate_image(data, "a.png", same))
    assert np.abs(np.asarray(result).astype(int) - 119).max() <= 3
    assert result.info["icc_profile"][16:20] == b"RGB "
    assert result.info["icc_profile"] != decode(data).info["icc_profile"]


@pytest.mark.parametrize(
    "profile", [b"not a profile", PROFILES["Display P3"][:200], grey_profile(2.2)]
)
def test_a_profile_that_cannot_be_used_is_left_away(profile: bytes) -> None:
    data = encode(Image.fromarray(gradient()), "PNG", icc_profile=profile)
    result = decode(translate_image(data, "a.png", negative))
    assert np.array_equal(np.asarray(result), 255 - gradient())
    assert "icc_profile" not in result.info


def test_alpha_and_wide_colours_together() -> None:
    rgba = np.dstack([gradient(), np.full((16, 24), 77, np.uint8)])
    data = encode(Image.fromarray(rgba), "PNG", icc_profile=PROFILES["ProPhoto"])
    assert np.array_equal(np.asarray(decode(translate_image(data, "a.png", same))), rgba)
