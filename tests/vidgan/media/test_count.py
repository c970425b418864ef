"""A film is counted as it will be cut, and one that cannot be cut is refused before any work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.vidgan.films.described_twice import with_second_description
from vidgan.errors import InputError
from vidgan.media.chunks import ChunkReader, read_chunks
from vidgan.media.count import count_film
from vidgan.media.probe import probe
from vidgan.media.types import Film

MakeFilm = Callable[..., Path]

FILMS: dict[str, dict[str, Any]] = {
    "closed.mp4": {},
    "open.mkv": {"open_gop": True, "codec": "libx265"},
    "long_gop.mp4": {"gop": 1000},
    "trickle.webm": {"codec": "libvpx-vp9", "gop": 3},
    "cut.mp4": {"container_options": {"movflags": "faststart"}},
    "cut.mkv": {},
}


@pytest.mark.parametrize("name", FILMS)
def test_the_count_is_what_the_chunks_are(make_film: MakeFilm, tmp_path: Path, name: str) -> None:
    whole = make_film(name, frames=100, **FILMS[name]).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) * 6 // 10] if name.startswith("cut") else whole)
    film = probe(path)
    read: list[int] = []
    count = count_film(film, frames_per_chunk=16, on_read=read.append)
    reader = ChunkReader(film, frames_per_chunk=16)
    chunks = list(reader)
    assert (count.frames, count.chunks) == (reader.frames, len(chunks))
    assert (count.missing_frames, list(count.warnings)) == (reader.missing_frames, reader.warnings)
    assert bool(count.warnings) == name.startswith("cut")
    assert len(read) == count.chunks
    assert path.stat().st_size / 2 < sum(read) <= path.stat().st_size


def test_counting_keeps_no_data(make_film: MakeFilm) -> None:
    film = probe(make_film("closed.mp4", frames=100))
    counted = list(ChunkReader(film, frames_per_chunk=16, data=False))
    read = list(read_chunks(film, frames_per_chunk=16))
    assert [chunk.owned for chunk in counted] == [chunk.owned for chunk in read]
    assert {packet.data for chunk in counted for packet in chunk.packets} == {b""}


def refusal(film: Film, *, frames_per_chunk: int = 10) -> str:
    """What the reader says of it, which the count must say as well."""
    with pytest.raises(InputError) as read:
        list(read_chunks(film, frames_per_chunk=frames_per_chunk))
    with pytest.raises(InputError) as counted:
        count_film(film, frames_per_chunk=frames_per_chunk)
    assert str(counted.value) == str(read.value)
    return str(counted.value)


def test_a_size_that_changes_by_announcement_is_refused(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    small = make_film("a.mp4", frames=48, audio=False)
    large = make_film("b.mp4", frames=12, size=(128, 80), audio=False)
    path = with_second_description(small, large, tmp_path / "joined.mp4", first=36)
    assert "joined.mp4 changes its coding parameters at 1.5" in refusal(probe(path))
