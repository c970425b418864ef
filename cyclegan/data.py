"""Two folders of photographs as one endless, unpaired, exactly repeatable stream of crops."""

import warnings
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as tvf

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_FORMATS = ("JPEG", "PNG", "WEBP")


class DataError(ValueError):
    """A folder of training images cannot be used; the text names it and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """How a photograph becomes a training crop; one and the same for both domains.

    The short side is scaled to `load` pixels (antialiased), then a square of `crop` pixels is cut
    out at a random place and mirrored half of the time. CycleGAN's own: load 286, crop 256.
    """

    load: int = 286
    crop: int = 256

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.load:
            raise ValueError(f"crop ({self.crop}) must be from 1 to load ({self.load}) pixels")

    def __call__(self, image: Tensor, random: torch.Generator) -> Tensor:
        """Uint8 (3, H, W) of any size -> float (3, crop, crop) in [-1, 1]."""
        image = _resize(image, self.load)
        top = int(torch.randint(image.shape[1] - self.crop + 1, (), generator=random))
        left = int(torch.randint(image.shape[2] - self.crop + 1, (), generator=random))
        image = image[:, top : top + self.crop, left : left + self.crop]
        if torch.rand((), generator=random) < 0.5:
            image = image.flip(-1)
        return to_signed(image)


def _resize(image: Tensor, short_side: int) -> Tensor:
    resized: Tensor = tvf.resize(image, [short_side], antialias=True)
    return resized


def to_signed(image: Tensor) -> Tensor:
    """Uint8 in [0, 255] -> float32 in [-1, 1], any shape."""
    signed: Tensor = image.float() / 127.5 - 1.0
    return signed


def read_image(path: Path) -> Tensor:
    """An image file as uint8 (3, H, W) RGB, upright (EXIF rotation applied), without alpha.

    Raises:
        DataError: the file is not an image that can be read.
    """
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(path, formats=_FORMATS) as file,
        ):
            pixels = _rgb_pixels(ImageOps.exif_transpose(file))
    except UnidentifiedImageError as exc:
        raise DataError(f"{path} is not a JPEG, PNG or WebP image: remove it") from exc
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        reason = str(exc).partition("\n")[0]
        raise DataError(f"{path} cannot be read as an image ({reason}): repair or remove it") from (
            exc
        )
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _rgb_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Uint8 (H, W, 3). Pillow itself would clip grey levels of 16 bits instead of scaling them."""
    if image.mode.startswith("I"):
        levels = np.asarray(image, dtype=np.float32) / 257  # 65535 = 257 * 255
        image = Image.fromarray(levels.round().clip(0, 255).astype(np.uint8))
    return np.array(image.convert("RGB"))


def list_images(folder: Path) -> list[Path]:
    """All images below `folder`, sorted by their path.

    Raises:
        DataError: `folder` is not a folder, or holds fewer than two images.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give one with images of one domain")
    paths = sorted(
        p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()
    )
    if len(paths) < 2:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise DataError(f"{folder} holds {len(paths)} images ({kinds}): at least 2 are needed")
    return paths


def is_held_out(path: Path, *, one_in: int = 20) -> bool:
    """Whether a picture belongs to the validation set: a fixed rule on its file name alone."""
    return zlib.crc32(path.name.encode()) % one_in == 0


class UnpairedImages(Dataset[tuple[Tensor, Tensor]]):
    """Item i is one crop of domain A and one of domain B: the i-th of a training, for ever.

    Each domain is shuffled anew each time it has been seen whole. What item i shows depends on
    (seed, i) alone, so a resumed run, or one with loader processes, sees the very same pictures.
    """

    def __init__(
        self, a: list[Path], b: list[Path], *, preprocess: Preprocess, seed: int, images: int
    ) -> None:
        self.domains = (a, b)
        self.preprocess = preprocess
        self.seed = seed
        self.images = images

    def __len__(self) -> int:
        """How many pairs of crops the training will see."""
        return self.images

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        """Float (3, crop, crop) in [-1, 1] of A and of B."""
        if not 0 <= item < self.images:
            raise IndexError(item)
        return self._draw(0, item), self._draw(1, item)

    def _draw(self, domain: int, item: int) -> Tensor:
        paths = self.domains[domain]
        round_, place = divmod(item, len(paths))
        order = _permutation(len(paths), _seed(self.seed, domain, round_))
        random = torch.Generator().manual_seed(_seed(self.seed, 2 + domain, item))
        return self.preprocess(read_image(paths[order[place]]), random)


def _seed(*parts: int) -> int:
    """One well-mixed seed out of several numbers."""
    return zlib.crc32(repr(parts).encode())


@lru_cache(maxsize=4)
def _permutation(length: int, seed: int) -> list[int]:
    order: list[int] = torch.randperm(
        length, generator=torch.Generator().manual_seed(seed)
    ).tolist()
    return order
