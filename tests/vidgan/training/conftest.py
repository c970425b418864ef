"""What tests of trainings share: a browser, and a training so small that it is soon over."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cyclegan.config import DiscriminatorConfig, FastConfig
from cyclegan.data import Preprocess
from cyclegan.train_config import TrainConfig
from tests.vidgan.training.chromium import Browser
from vidgan.training.job import Job

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """One of the test's own; skips where there is none and VIDGAN_NEEDS_CHROMIUM is not set."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        assert not os.environ.get("VIDGAN_NEEDS_CHROMIUM"), "there is no Chromium"
        pytest.skip("there is no Chromium")
    running = Browser(program, tmp_path / "chromium")
    yield running
    running.close()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in one order, so that results can be compared bit for bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Ten steps of two images that take a second, with ten held-out pictures of each domain."""
    dark, bright = (
        tuple(_pictures(tmp_path / name, level)) for name, level in (("a", 60), ("b", 190))
    )
    return Job(
        config=TrainConfig(
            images=20,
            batch=2,
            preprocess=Preprocess(load=36, crop=32),
            pool=3,
            generator=FastConfig(blocks=1, filters=4),
            discriminator=DiscriminatorConfig(filters=4),
            precision="fp32",
        ),
        out=tmp_path / "run",
        train_a=dark[10:],
        train_b=bright[10:],
        held_out_a=dark[:10],
        held_out_b=bright[:10],
        resume=False,
        checkpoint_seconds=1e9,
        keep_images=0,
        sample_images=8,
    )


def _pictures(folder: Path, level: int) -> Iterator[Path]:
    """Fourteen noisy ones of one level of grey, each a little brighter than the one before."""
    folder.mkdir()
    random = np.random.default_rng(level)
    for number in range(14):
        noise = random.integers(-30, 31, (40, 48, 3))
        path = folder / f"{number:02}.png"
        Image.fromarray((level + 2 * number + noise).astype(np.uint8)).save(path)
        yield path
