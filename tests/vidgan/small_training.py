"""A training of seconds, as a command, and pictures for it."""

from pathlib import Path

import numpy as np
from PIL import Image

SMALL = ["--images", "8", "--crop", "32", "--load", "36", "--generator", "fast"]
SMALL += ["--discriminator-filters", "4", "--threads", "1", "--device", "cpu"]


def train(*more: str, a: str = "dark", b: str = "bright", out: str = "run") -> list[str]:
    """The words of the command."""
    return ["train", "--a", a, "--b", b, "--out", out, *SMALL, *more]


def write_pictures(folder: Path, *, each: int = 3) -> None:
    """So many pictures in dark/, as many in bright/, and photo.png."""
    rng = np.random.default_rng(0)
    for name, level in (("dark", 60), ("bright", 190)):
        (folder / name).mkdir()
        for number in range(each):
            pixels = rng.integers(level - 40, level + 40, (40, 44 + number, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    Image.fromarray(rng.integers(0, 256, (33, 45, 3), np.uint8)).save(folder / "photo.png")
