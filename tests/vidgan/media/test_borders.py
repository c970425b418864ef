"""Chunks against one continuous encode, as bench/borders.py measures it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from borders import CODECS, measure

MakeFilm = Callable[..., Path]

NOISE = 0.1
"""dB: of four frames at each of two borders, which x265 moves by half of it for chroma's siting."""


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_borders_of_chunks_cannot_be_seen_and_cost_little(codec: str, bikes: Path) -> None:
    """A film with cuts."""
    found = measure(bikes, codec, chunk_frames=128)
    assert len(found.chunks) == 3
    assert found.larger <= 0.03
    assert found.at_borders >= found.elsewhere - NOISE


@pytest.mark.slow
@pytest.mark.parametrize("rate", [10, 25])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_film_that_all_but_stands_still_is_hardly_larger(
    codec: str, rate: int, make_film: MakeFilm
) -> None:
    """It is hardly more than its keyframes."""
    slide = np.random.default_rng(1).integers(90, 160, (45, 80, 3)).repeat(4, 0).repeat(4, 1)

    def lecture(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        picture = slide + np.random.default_rng(number).normal(scale=1.5, size=slide.shape)
        picture[60:90, 20 + number % 250 : 44 + number % 250] = (200, 40, 40)
        return picture.clip(0, 255).astype(np.uint8)

    film = make_film(
        "slide.mp4", frames=500, size=(320, 180), rate=rate, gop=60, audio=False, draw=lecture
    )
    found = measure(film, codec, frames=500)
    assert found.chunks == (240, 260)
    assert found.larger <= 0.03
