"""Chunks that bring pictures from before their own: as exact as their own, whatever the GOPs."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidgan.media.chunks import ChunkReader
from vidgan.media.decode import decode_chunk
from vidgan.media.overlap import overlapping, pictures_before
from vidgan.media.part import Part, part_chunks
from vidgan.media.probe import probe

MakeFilm = Callable[..., Path]
BEFORE = 5
FILMS: dict[str, tuple[str, dict[str, Any]]] = {
    "closed GOPs": ("a.mp4", {"gop": 7}),
    "open GOPs": ("a.mkv", {"open_gop": True, "gop": 10}),
    "hevc, open GOPs": ("a.mp4", {"codec": "libx265", "open_gop": True, "gop": 10}),
    "keyframes alone": ("a.mp4", {"gop": 1}),
    "one keyframe": ("a.mp4", {"gop": 1000}),
    "vp9": ("a.webm", {"codec": "libvpx-vp9"}),
    "varying rate": ("a.mp4", {"pts": [i * i * 7 + i for i in range(40)]}),
}


@pytest.mark.parametrize("kind", FILMS)
@pytest.mark.parametrize("frames_per_chunk", [3, 14])
def test_the_pictures_before_are_exact(
    make_film: MakeFilm, kind: str, frames_per_chunk: int
) -> None:
    name, options = FILMS[kind]
    film = probe(make_film(name, **({"frames": 40} | options)))
    [whole] = ChunkReader(film, frames_per_chunk=1000)
    pictures = {frame.pts: frame.rgb for frame in decode_chunk(whole, film.video)}
    assert len(pictures) == 40
    reader = ChunkReader(film, frames_per_chunk=frames_per_chunk)
    chunks = list(overlapping(reader, film.video, pictures=BEFORE))
    assert len(chunks) > 1
    for previous, chunk in pairwise(chunks):
        before = pictures_before(chunk, BEFORE)
        known = [pts for pts in sorted(pictures) if pts < chunk.owned[0]]
        assert before == tuple(known[-len(before) :])
        assert len(before) >= min(BEFORE, len(previous.owned))
        wanted = replace(chunk, owned=(*before, *chunk.owned))
        given = list(decode_chunk(wanted, film.video))
        assert [frame.pts for frame in given] == list(wanted.owned)
        for frame in given:
            assert np.array_equal(frame.rgb, pictures[frame.pts])
    assert pictures_before(chunks[0], BEFORE) == ()


def test_a_part_of_a_film_is_preceded_by_what_comes_before_it(make_film: MakeFilm) -> None:
    film = probe(make_film("a.mp4", frames=40, gop=10))
    chunks = overlapping(ChunkReader(film, frames_per_chunk=14), film.video, pictures=BEFORE)
    first = next(iter(part_chunks(film, chunks, Part(start=Fraction(1, 2)))))
    tick = film.video.time_base
    before = [pts * tick for pts in pictures_before(first, BEFORE)]
    assert len(before) == BEFORE
    assert all(0 < Fraction(1, 2) - time <= Fraction(BEFORE, 20) for time in before)
