"""What tests of trainings share: a browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vidgan.training.chromium import Browser

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
