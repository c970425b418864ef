"""What the tests of the model library share: one thread, tiny photographs, tiny trainings."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cyclegan.config import DiscriminatorConfig, FastConfig
from cyclegan.data import Preprocess
from cyclegan.train_config import TrainConfig

Color = tuple[int, int, int]
DARK: Color = (30, 40, 90)
BRIGHT: Color = (220, 170, 60)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums in one order, so that results can be compared bit for bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def photos(tmp_path: Path) -> Callable[[str, Color, int], Path]:
    """Write a folder of `count` noisy pictures around one colour: photos(name, colour, count)."""

    def make(name: str, color: Color, count: int) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        random = np.random.default_rng(sum(color))
        for number in range(count):
            noise = random.integers(-25, 26, (40 + number, 48, 3))
            pixels = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:03}.png")
        return folder

    return make


@pytest.fixture
def domains(photos: Callable[[str, Color, int], Path]) -> tuple[Path, Path]:
    """Two folders of five pictures each: dark blue ones, bright yellow ones."""
    return photos("dark", DARK, 5), photos("bright", BRIGHT, 5)


@pytest.fixture
def tiny() -> TrainConfig:
    """Forty steps that take a second."""
    return TrainConfig(
        images=80,
        batch=2,
        preprocess=Preprocess(load=36, crop=32),
        pool=3,
        generator=FastConfig(blocks=1, filters=4),
        discriminator=DiscriminatorConfig(filters=4),
        precision="fp32",
        seed=7,
    )
