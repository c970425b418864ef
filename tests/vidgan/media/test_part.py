"""Part of a film: exactly the frames that were asked for, for any chunks (Hypothesis)."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vidgan.films.broken import moved
from vidgan.errors import SettingsError
from vidgan.media.chunks import ChunkReader
from vidgan.media.decode import decode_chunk
from vidgan.media.part import WHOLE, Part, parse_time, part_chunks
from vidgan.media.probe import probe
from vidgan.media.types import Chunk

TICK = Fraction(1, 1000)

seeded = settings(max_examples=200)


def film(counts: list[int], gaps: list[int], start: int) -> list[Chunk]:
    times = list(accumulate(gaps, initial=start))
    chunks = []
    for index, count in enumerate(counts):
        owned, times = tuple(times[:count]), times[count:]
        chunks.append(Chunk(index=index, packets=(), owned=owned))
    return chunks


@seeded
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
    st.integers(-5000, 5000),
    st.tuples(st.none() | st.integers(0, 4000), st.none() | st.integers(1, 4000)),
    st.integers(1, 12),
)
def test_a_part_is_what_a_plain_list_says(
    counts: list[int],
    random: Random,
    start: int,
    span: tuple[int | None, int | None],
    every: int,
) -> None:
    first, length = span
    gaps = [random.randint(1, 200) for _ in range(sum(counts))]
    chunks = film(counts, gaps, start)
    end = None if length is None else (first or 0) + length
    part = Part(
        start=None if first is None else first * TICK,
        end=None if end is None else end * TICK,
        every=every,
    )
    whole = [pts for chunk in chunks for pts in chunk.owned]
    inside = [
        pts
        for pts in whole
        if (first is None or pts - start >= first) and (end is None or pts - start < end)
    ]
    taken = list(part.of(iter(chunks), tick=TICK, origin=start * TICK))
    assert [pts for chunk in taken for pts in chunk.owned] == inside[::every]
    assert [chunk.index for chunk in taken] == list(range(len(taken)))
    assert all(chunk.owned for chunk in taken)


def test_nothing_is_read_beyond_the_end() -> None:
    def chunks() -> Iterator[Chunk]:
        yield from film([3, 3], [10] * 6, 0)
        raise AssertionError("read too far")

    part = Part(end=Fraction(25, 1000))
    taken = list(part.of(chunks(), tick=TICK, origin=Fraction(0)))
    assert [chunk.owned for chunk in taken] == [(0, 10, 20)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90.5", Fraction(181, 2)),
        ("1:30", 90),
        ("1:01:30.25", Fraction(14761, 4)),
        ("99:59.9", Fraction(59999, 10)),
    ],
)
def test_times_are_written_as_people_do(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "1:2:3:4", "-1", "1.5:00", "inf", "1e3", "1:99", "1:60.0", "1:60:00"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_time(text)


def test_parts_that_cannot_be_are_refused() -> None:
    assert Part().is_whole
    assert WHOLE.is_whole
    with pytest.raises(SettingsError, match="--end 5: must be later than --start 5"):
        Part(start=Fraction(5), end=Fraction(5))
    with pytest.raises(SettingsError, match="--every 0"):
        Part(every=0)


@pytest.mark.parametrize("hour", [0, 3])
def test_a_part_is_counted_from_the_start_whatever_the_clock_shows(
    make_film: Callable[..., Path], tmp_path: Path, read_number: Callable[[Any], int], hour: int
) -> None:
    """The clock of a transport stream starts anywhere."""
    source = make_film("a.ts", frames=50, rate=25)
    film = probe(moved(source, tmp_path / "later.ts", 3600 * hour))
    part = Part(start=Fraction(1), end=Fraction(3, 2))
    chunks = part_chunks(film, ChunkReader(film, frames_per_chunk=12), part)
    shown = [f for chunk in chunks for f in decode_chunk(chunk, film.video)]
    times = [frame.pts * film.video.time_base for frame in shown]
    first = min(times)
    assert 1 <= first < 1 + Fraction(1, 25)
    assert max(times) < Fraction(3, 2)
    assert [read_number(frame.rgb) for frame in shown] == list(range(25, 25 + len(shown)))
    assert 12 <= len(shown) <= 13
