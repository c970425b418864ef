"""A photograph in, a photograph of the same kind out."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vidgan.errors import InputError

Translate = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""Frames uint8 (N, H, W, 3) to the same shape."""

_FORMATS = ("JPEG", "PNG", "WEBP")  # by content; Pillow would start Ghostscript for an EPS

QUALITY = 95
"""Of lossy formats: a second compression should not be seen."""


def translate_image(data: bytes, name: str, translate: Translate) -> bytes:
    """Translate an image file; the result is of the same format, upright, its alpha kept.

    EXIF data is carried over (the rotation is applied and its tag dropped), and the colour profile
    if it is one of RGB. Grey pictures become colour ones; of the several pictures that a phone
    puts into one JPEG file (MPO), the first counts. `name` is for error messages.

    Raises:
        InputError: not an image, damaged, animated, or of a kind that would lose depth.
    """
    kind, picture = open_image(data, name)
    alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    rgb = np.asarray(picture.convert("RGB"))[np.newaxis]
    result = Image.fromarray(translate(rgb)[0])
    if alpha is not None:
        result.putalpha(alpha)
    return _save(result, kind, picture)


def open_image(data: bytes, name: str) -> tuple[str, Image.Image]:
    """The format of an image file, and its picture, upright; raises as `translate_image` does."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            kind = opened.format or ""
            _refuse_animation(name, opened)
            opened.load()
            picture = ImageOps.exif_transpose(opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as exc:
        raise InputError(
            f"{name} is not an image that can be read ({_reason(data, exc)}); repair or remove it"
        ) from exc
    if picture.mode.startswith(("I", "F")):
        raise InputError(f"{name}: 16-bit images are not supported yet; convert it to 8 bits")
    return kind, picture


def check_image(path: Path) -> None:
    """Raise InputError where there is no such file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the name")


def read_image(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        InputError: there is no such file, or it may not be read.
    """
    check_image(path)
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InputError(f"{path} cannot be read ({exc.strerror}); allow it first") from exc


def _refuse_animation(name: str, opened: Image.Image) -> None:
    frames = getattr(opened, "n_frames", 1)
    if frames > 1 and opened.format != "MPO":
        raise InputError(
            f"{name} is an animation of {frames} pictures, which is not supported; make a film of "
            "it or give one picture"
        )


def _reason(data: bytes, error: Exception) -> str:
    if not data:
        return "it is empty"
    # Pillow's own text names an object in memory.
    return "of no known format" if isinstance(error, UnidentifiedImageError) else str(error)


def _save(result: Image.Image, kind: str, picture: Image.Image) -> bytes:
    out = io.BytesIO()
    kept = {"exif": picture.getexif(), "icc_profile": _rgb_profile(picture)}
    match kind:
        case "JPEG" | "MPO":
            result.convert("RGB").save(out, "JPEG", quality=QUALITY, subsampling=0, **kept)
        case "WEBP":
            result.save(out, kind, quality=QUALITY, **kept)
        case _:
            result.save(out, "PNG", **kept)
    return out.getvalue()


def _rgb_profile(picture: Image.Image) -> bytes | None:
    """The colour profile, unless it is of grey or CMYK: what is written is RGB."""
    profile: bytes = picture.info.get("icc_profile") or b""
    return profile if profile[16:20] == b"RGB " else None
