"""A film is counted as it will be cut, and one that cannot be cut is refused before any work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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


def box(data: bytes, name: bytes) -> tuple[int, int]:
    """Where the only box of this name in an mp4 begins and ends."""
    assert data.count(name) == 1
    start = data.index(name) - 4
    return start, start + int.from_bytes(data[start : start + 4], "big")


def words(*numbers: int) -> bytes:
    """Of 32 bits, as mp4 writes them."""
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def with_second_description(path: Path, other: Path, copy: Path, *, first: int) -> Path:
    """A copy of an mp4 whose samples after the `first` are described as those of `other`.

    This is what joining two films without encoding can give: two descriptions, and two runs of
    samples. The index stands at the end, and no sample moves.
    """
    data, foreign = path.read_bytes(), other.read_bytes()
    begin, end = box(data, b"stsz")
    sizes = [int.from_bytes(data[at : at + 4], "big") for at in range(begin + 20, end, 4)]
    start = int.from_bytes(data[box(data, b"stco")[0] + 16 :][:4], "big")
    data = resized(data, b"stco", words(0, 2, start, start + sum(sizes[:first])))
    data = resized(data, b"stsc", words(0, 2, 1, first, 1, 2, len(sizes) - first, 2))
    entries = [film[box(film, b"stsd")[0] + 16 : box(film, b"stsd")[1]] for film in (data, foreign)]
    copy.write_bytes(resized(data, b"stsd", words(0, 2) + b"".join(entries)))
    return copy


def resized(data: bytes, name: bytes, inside: bytes) -> bytes:
    """The mp4 with something else inside the box of this name, and those around it made to fit."""
    begin, end = box(data, name)
    grown = 8 + len(inside) - (end - begin)
    made = bytearray(data[:begin] + words(8 + len(inside)) + name + inside + data[end:])
    for outer in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        start, stop = box(data, outer)
        made[start : start + 4] = words(stop - start + grown)
    return bytes(made)


def test_a_size_that_changes_by_announcement_is_refused(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    small = make_film("a.mp4", frames=48, audio=False)
    large = make_film("b.mp4", frames=12, size=(128, 80), audio=False)
    path = with_second_description(small, large, tmp_path / "joined.mp4", first=36)
    assert "joined.mp4 changes its coding parameters at 1.5" in refusal(probe(path))
