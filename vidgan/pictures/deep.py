"""Levels of 16 bits out of Pillow, which has no mode for such colours and would halve them.

Pillow's decoders unpack into 8 bits by a "raw mode" that says where in the file's bytes each level
is: of two bytes the more significant one. Told of another raw mode, it gives the other one.
"""

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from vidgan.pictures.picture import Bytes

Open = Callable[[], ImageFile.ImageFile]
"""Opens the file anew, at the right page; nothing is decoded yet."""

_COLORS = ("RGB", "RGBX", "RGBA", "RGBa")
_MEMORY = {"RGBa": "RGBA"}  # as is: divided by alpha here, with all 16 bits


def raw_mode(image: ImageFile.ImageFile) -> str:
    """How an opened picture lies in its file, in Pillow's words: "RGB;16B" and the like."""
    arguments = image.tile[0].args if image.tile else None
    mode = arguments[0] if isinstance(arguments, tuple) else arguments
    return str(mode or "")


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether an opened picture has levels of 16 bits."""
    return raw_mode(image).partition(";")[2].startswith("16")


def read_deep(open_anew: Open) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Upright levels, (H, W) of grey or (H, W, 3), and alpha (H, W) where there is such.

    Raises:
        ValueError: of a kind that is not read here: CMYK, signed, or in planes.
        OSError, SyntaxError: damaged.
    """
    image = open_anew()
    mode = raw_mode(image).partition(";")[0]
    tags = getattr(image, "tag_v2", {})
    if tags.get(284, 1) != 1:
        raise ValueError("its colours of 16 bits lie in planes apart")
    if mode == "I" and image.mode.startswith("I;16"):
        grey = np.asarray(upright(image)).astype(np.uint16)
        # Pillow does not turn it round where 0 is white (TIFF 6.0, PhotometricInterpretation).
        return _with_key(65535 - grey if tags.get(262) == 0 else grey, image)
    if mode == "LA":  # Grey and alpha of two bytes each are as four of one byte.
        pairs = np.ascontiguousarray(_bytes(image, "RGBA")).view(">u2").astype(np.uint16)
        return pairs[..., 0], pairs[..., 1]
    if mode not in _COLORS:
        raise ValueError(f"16 bits of {image.mode} are not supported; convert it to RGB or 8 bits")
    samples = _samples(open_anew, mode)
    if mode == "RGBa":
        return _divided(samples[..., :3], samples[..., 3]), samples[..., 3]
    if mode == "RGBA":
        return samples[..., :3], samples[..., 3]
    return _with_key(samples[..., :3], image)


def upright(image: Image.Image) -> Image.Image:
    """The picture with its EXIF rotation applied; Pillow does that for TIFF while loading."""
    image.load()
    if image.format == "TIFF":
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data can raise anything; the pixels are whole
        return image


def _samples(open_anew: Open, mode: str) -> NDArray[np.uint16]:
    image = open_anew()
    name = _MEMORY.get(mode, mode)
    order = raw_mode(image)[-1]
    # "16B" and "16L" take the first and the second byte; libtiff's "16N" is the machine's order.
    little = order == "L" or (order == "N" and sys.byteorder == "little")
    first, second = _bytes(image, f"{name};16B"), _bytes(open_anew(), f"{name};16L")
    low, high = (first, second) if little else (second, first)
    return high * np.uint16(256) + low


def _bytes(image: ImageFile.ImageFile, raw: str) -> Bytes:
    tiles = []
    for tile in image.tile:
        arguments = (raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw
        tiles.append(tile._replace(args=arguments))
    image.tile = tiles
    return np.asarray(upright(image))


def _with_key(
    levels: NDArray[np.uint16], image: Image.Image
) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """PNG's other way to transparency: one level or colour that is (tRNS)."""
    key = image.info.get("transparency")
    if key is None:
        return levels, None
    same = levels == np.asarray(key)
    hidden = same if levels.ndim == 2 else same.all(axis=2)
    return levels, np.where(hidden, 0, 65535).astype(np.uint16)


def _divided(colors: NDArray[np.uint16], alpha: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Colours that were multiplied by alpha; those of no alpha are lost, and hidden."""
    whole = colors.astype(np.float64) * 65535 / np.maximum(alpha, 1)[..., np.newaxis]
    return whole.round().clip(0, 65535).astype(np.uint16)
