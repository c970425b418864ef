"""Frames of films onto disk, scaled as training scales pictures, beside the decoding."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms.v2 import functional as tvf

_FAST = 1  # of zlib's levels; the highest saves a tenth of the bytes and takes ten times as long
_MOST_UNDER_WAY = 8  # frames, in memory at their full size


class FrameWriter:
    """Scales and writes frames in the threads of a pool, a few at a time."""

    def __init__(self, pool: ThreadPoolExecutor, folder: Path, *, short_side: int) -> None:
        self._pool = pool
        self._folder = folder
        self._short_side = short_side
        self._under_way: deque[Future[None]] = deque()

    def write(self, name: str, rgb: NDArray[np.uint8], *, aspect: Fraction) -> None:
        """Write a frame, uint8 (H, W, 3) whose samples are `aspect` times as wide as high, as PNG.

        Raises:
            OSError: one of those before cannot be written.
        """
        if len(self._under_way) >= _MOST_UNDER_WAY:
            self._under_way.popleft().result()
        self._under_way.append(self._pool.submit(self._write, self._folder / name, rgb, aspect))

    def finish(self) -> None:
        """Wait until all are written.

        Raises:
            OSError: one of them cannot be.
        """
        while self._under_way:
            self._under_way.popleft().result()

    def _write(self, path: Path, rgb: NDArray[np.uint8], aspect: Fraction) -> None:
        picture = shown(rgb, short_side=self._short_side, aspect=aspect)
        Image.fromarray(picture).save(path, "PNG", compress_level=_FAST)


def shown(rgb: NDArray[np.uint8], *, short_side: int, aspect: Fraction) -> NDArray[np.uint8]:
    """A frame with square samples whose short side is at most `short_side` pixels.

    It is scaled once, the way `cyclegan.data.Preprocess` scales pictures, so that training then
    leaves it as it is; it is never scaled up but for the shape of its samples.
    """
    height, width = _target(rgb.shape[0], rgb.shape[1], short_side, aspect)
    if (height, width) == rgb.shape[:2]:
        return np.ascontiguousarray(rgb)
    image = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)
    scaled = tvf.resize(image, [height, width], antialias=True)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).numpy())


def _target(height: int, width: int, short_side: int, aspect: Fraction) -> tuple[int, int]:
    """The size in pixels, rows first, rounded down as torchvision does it for a short side."""
    if aspect > 1:
        width = round(width * aspect)
    elif aspect < 1:
        height = round(height / aspect)
    least = min(height, width)
    if least <= short_side:
        return height, width
    if height < width:
        return short_side, int(short_side * width / height)
    return int(short_side * height / width), short_side
