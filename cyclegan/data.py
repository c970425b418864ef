"""Two folders of photographs as one endless, unpaired, exactly repeatable stream of crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as tvf

from cyclegan.folders import is_held_out, list_images, training_paths
from cyclegan.photographs import IMAGE_SUFFIXES, DataError, read_image
from cyclegan.scaled import Room, ScaledPictures
from cyclegan.seeds import mixed

__all__ = [
    "IMAGE_SUFFIXES",
    "DataError",
    "Preprocess",
    "UnpairedImages",
    "is_held_out",
    "list_images",
    "read_image",
    "to_signed",
    "training_paths",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """How a photograph becomes a training crop; one and the same for both domains.

    The short side is scaled to `load` pixels (antialiased), then a square of `crop` pixels is cut
    out at a random place and mirrored half of the time. CycleGAN's own: load 286, crop 256.
    """

    load: int = 286
    crop: int = 256
    flip: bool = True
    """Whether any crop is mirrored; where it is cut out does not depend on it."""

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.load:
            raise ValueError(f"crop ({self.crop}) must be from 1 to load ({self.load}) pixels")

    def __call__(self, image: Tensor, random: torch.Generator) -> Tensor:
        """Uint8 (3, H, W) of any size -> float (3, crop, crop) in [-1, 1]."""
        return self.cut(self.scale(image), random)

    def scale(self, image: Tensor) -> Tensor:
        """Uint8 (3, H, W) of any size -> uint8 (3, H, W) whose short side is `load`."""
        resized: Tensor = tvf.resize(image, [self.load], antialias=True)
        return resized

    def cut(self, scaled: Tensor, random: torch.Generator) -> Tensor:
        """Uint8 (3, H, W) from `scale` -> float (3, crop, crop) in [-1, 1]."""
        top = int(torch.randint(scaled.shape[1] - self.crop + 1, (), generator=random))
        left = int(torch.randint(scaled.shape[2] - self.crop + 1, (), generator=random))
        crop = scaled[:, top : top + self.crop, left : left + self.crop]
        mirrored = bool(torch.rand((), generator=random) < 0.5)
        return _to_signed_alone(crop, step=-1 if mirrored and self.flip else 1)


def to_signed(image: Tensor) -> Tensor:
    """Uint8 in [0, 255] -> float32 in [-1, 1], any shape."""
    signed: Tensor = image.float() / 127.5 - 1.0
    return signed


def _to_signed_alone(image: Tensor, *, step: int) -> Tensor:
    """The numbers of `to_signed`, columns in steps of `step`, on the calling thread alone.

    Torch's own would start a pool of threads for each loader thread, beside those that train.
    """
    levels = image.numpy()[..., ::step]
    signed = np.divide(levels, np.float32(127.5), dtype=np.float32, order="C")
    signed -= np.float32(1.0)
    return torch.from_numpy(signed)


class Crops(Dataset[tuple[Tensor, ...]]):
    """Item i is one crop of each domain: the i-th of a training, for ever.

    Each domain is shuffled anew each time it has been seen whole. What item i shows depends on
    (seed, i) alone, so a resumed run, or one with several loaders, sees the very same pictures.

    Args:
        domains: the pictures of each domain.
        preprocess: how they become crops.
        seed: same seed, same stream.
        images: the length of the stream.
        memory: bytes in which scaled pictures are kept, so that each is read but once; the crops
            are the same with and without. Threads share it, a loader process has its own.
    """

    def __init__(
        self,
        *domains: Sequence[Path],
        preprocess: Preprocess,
        seed: int,
        images: int,
        memory: int = 0,
    ) -> None:
        room = Room(memory)
        self.domains = tuple(ScaledPictures(paths, preprocess.scale, room) for paths in domains)
        self.preprocess = preprocess
        self.seed = seed
        self.images = images

    def __len__(self) -> int:
        """How many items the training will see."""
        return self.images

    def __getitem__(self, item: int) -> tuple[Tensor, ...]:
        """Float (3, crop, crop) in [-1, 1] of each domain."""
        if not 0 <= item < self.images:
            raise IndexError(item)
        return tuple(self._draw(domain, item) for domain in range(len(self.domains)))

    def _draw(self, domain: int, item: int) -> Tensor:
        pictures = self.domains[domain]
        round_, place = divmod(item, len(pictures))
        order = _permutation(len(pictures), mixed(self.seed, domain, round_))
        random = torch.Generator().manual_seed(mixed(self.seed, 2 + domain, item))
        return self.preprocess.cut(pictures[order[place]], random)


class UnpairedImages(Crops):
    """Crops of two domains, A and B."""

    def __init__(
        self,
        a: Sequence[Path],
        b: Sequence[Path],
        *,
        preprocess: Preprocess,
        seed: int,
        images: int,
        memory: int = 0,
    ) -> None:
        super().__init__(a, b, preprocess=preprocess, seed=seed, images=images, memory=memory)


@lru_cache(maxsize=4)
def _permutation(length: int, seed: int) -> list[int]:
    order: list[int] = torch.randperm(
        length, generator=torch.Generator().manual_seed(seed)
    ).tolist()
    return order
