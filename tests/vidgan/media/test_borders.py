"""Chunks against one continuous encode, as bench/borders.py measures it, on a film with cuts."""

from pathlib import Path

import pytest

from borders import CODECS, measure


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_borders_of_chunks_cannot_be_seen_and_cost_little(codec: str, bikes: Path) -> None:
    found = measure(bikes, codec)
    assert len(found.chunks) == 3
    assert found.larger <= 0.03
    assert found.at_borders >= found.elsewhere
