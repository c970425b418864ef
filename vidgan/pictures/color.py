"""From a picture's own colours to the sRGB that generators know, and back (ICC.1)."""

from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from vidgan.pictures.picture import Bytes, Colors, Levels, to_8_bits

_SPACES = {"L": "GRAY", "CMYK": "CMYK"}  # of a mode, as ICC calls it
_SAME = 2  # levels; a profile that moves no colour by more is sRGB under some name
_DATE = slice(24, 36)  # of the making of a profile, in its header


def read_colors(image: Image.Image, profile: bytes) -> tuple[Bytes, Colors]:
    """An 8-bit picture of any mode as RGB levels (H, W, 3), and what they mean.

    A profile of RGB stays the picture's own. Generators make colour, which a profile of grey or
    CMYK cannot hold; such pictures become sRGB and say so. The same goes for a profile that knows
    only the way from the device (scanners', cameras'). One that is damaged, or of other colours
    than the picture has, is left away, as viewers ignore it.
    """
    own = _opened(profile)
    space = "" if own is None else own.profile.xcolor_space.strip()
    if image.mode == "LAB":
        own, space = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "Lab"
    mode = {"LA": "L", "1": "L"}.get(image.mode, image.mode)
    if own is not None and space == ("Lab" if mode == "LAB" else _SPACES.get(mode)):
        to_srgb = _transform(own, _srgb(), mode, "RGB")
        if to_srgb is not None:
            plain = image if image.mode == mode else image.convert(mode)
            return _applied(plain, to_srgb), Colors(profile=srgb_profile())
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    if own is None or space != "RGB":
        return np.asarray(rgb), Colors()
    return _read_rgb(rgb, profile, own)


def _read_rgb(
    rgb: Image.Image, profile: bytes, own: ImageCms.ImageCmsProfile
) -> tuple[Bytes, Colors]:
    to_srgb = _transform(own, _srgb(), "RGB", "RGB")
    if to_srgb is None:
        return np.asarray(rgb), Colors()
    if _changes_nothing(to_srgb):
        return np.asarray(rgb), Colors(profile=profile)
    from_srgb = _transform(_srgb(), own, "RGB", "RGB")
    if from_srgb is None:
        return _applied(rgb, to_srgb), Colors(profile=srgb_profile())
    return np.asarray(rgb), Colors(profile=profile, to_srgb=to_srgb, from_srgb=from_srgb)


def read_deep_colors(
    levels: NDArray[np.uint16], profile: bytes
) -> tuple[NDArray[np.uint16], Colors]:
    """The same of 16 bits: grey (H, W) or RGB (H, W, 3) in, RGB out."""
    if levels.ndim == 2:
        # Pillow converts 8 bits only; a curve through 256 levels has 65536.
        ramp = np.arange(256, dtype=np.uint8)[np.newaxis]
        curves, colors = read_colors(Image.fromarray(ramp), profile)
        places = np.arange(65536)
        tables = [np.interp(places, ramp[0] * 257.0, c * 257.0) for c in curves[0].T]
        return np.stack([t.round().astype(np.uint16)[levels] for t in tables], axis=2), colors
    coarse = to_8_bits(levels)
    rgb, colors = read_colors(Image.fromarray(coarse), profile)
    if np.array_equal(rgb, coarse):
        return levels, colors
    fine = levels.astype(np.int32) - coarse.astype(np.int32) * 257
    return (rgb.astype(np.int32) * 257 + fine).clip(0, 65535).astype(np.uint16), colors


def to_srgb(levels: Levels, colors: Colors) -> Bytes:
    """What a generator sees: uint8 (H, W, 3)."""
    return _through(to_8_bits(levels), colors.to_srgb)


def from_srgb(seen: Bytes, colors: Colors) -> Bytes:
    """The way back: uint8 (H, W, 3) in the picture's own colours."""
    return _through(seen, colors.from_srgb)


def srgb_profile() -> bytes:
    """The profile of sRGB, always the same bytes: Pillow's tells when it was made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_DATE] = bytes((7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))  # 1 January 2000
    return bytes(profile)


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile | None:
    try:
        return ImageCms.ImageCmsProfile(BytesIO(profile)) if profile else None
    except (OSError, ImageCms.PyCMSError):
        return None


def _transform(
    own: ImageCms.ImageCmsProfile, other: ImageCms.ImageCmsProfile, own_mode: str, mode: str
) -> ImageCms.ImageCmsTransform | None:
    """Perceptual, as pictures are read for trainings; None where a profile has no such way."""
    try:
        return ImageCms.buildTransform(own, other, own_mode, mode)
    except (OSError, ImageCms.PyCMSError):
        return None


def _through(levels: Bytes, transform: ImageCms.ImageCmsTransform | None) -> Bytes:
    return levels if transform is None else _applied(Image.fromarray(levels), transform)


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Bytes:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # it is None where the picture itself is changed
    return np.asarray(converted)


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    difference = _applied(Image.fromarray(colors), transform).astype(int) - colors
    return bool(np.abs(difference).max() <= _SAME)
