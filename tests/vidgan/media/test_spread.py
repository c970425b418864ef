"""A few frames over the length of a film: the right ones, at their times, by reading little."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vidgan.films.broken import bare
from tests.vidgan.films.fields import write_fields
from vidgan.errors import InputError
from vidgan.media.chunks import ChunkReader
from vidgan.media.decode import decode_chunk
from vidgan.media.overlap import overlapping
from vidgan.media.part import WHOLE, Part
from vidgan.media.probe import probe
from vidgan.media.spread import spread_frames, take_spread
from vidgan.media.types import Film

MakeFilm = Callable[..., Path]
Pixels = NDArray[np.uint8]
ReadNumber = Callable[[Pixels], int]
SMALL = {"size": (64, 48), "audio": False}


def as_converted(film: Film) -> dict[int, Pixels]:
    """All pictures as a conversion decodes them."""
    chunks = overlapping(ChunkReader(film), film.video)
    return {
        frame.pts: frame.rgb.astype(np.uint8)
        for chunk in chunks
        for frame in decode_chunk(chunk, film.video)
    }


def numbers(film: Film, read_number: ReadNumber, part: Part = WHOLE) -> list[int]:
    taken = take_spread(film, spread_frames(film, 10, part=part))
    return [read_number(rgb) for _, rgb in taken]


def are_even(found: list[int], frames: int, *, first: int = 0) -> bool:
    """Each within a quarter of their distance, and a frame, of its place; all different."""
    places = (first + (n + 0.5) * frames / len(found) for n in range(len(found)))
    near = frames / len(found) / 4 + 1
    is_near = all(abs(a - b) <= near for a, b in zip(found, places, strict=True))
    return is_near and found == sorted(set(found))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize(("frames", "gop"), [(750, 250), (900, 600), (600, 24), (520, 2000)])
def test_there_are_ten_however_far_apart_keyframes_are(
    make_film: MakeFilm, read_number: ReadNumber, name: str, frames: int, gop: int
) -> None:
    film = probe(make_film(name, frames=frames, gop=gop, **SMALL))
    found = numbers(film, read_number)
    assert len(found) == 10
    assert are_even(found, frames), found


@pytest.mark.parametrize("bframes", [0, 3])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *(("a.mp4", {}), ("a.mov", {}), ("a.mkv", {}), ("a.ts", {}), ("a.flv", {}), ("a.avi", {})),
        *(("a.avi", {"codec": "mpeg4"}), ("a.mpg", {"codec": "mpeg2video"})),
        *(("a.ts", {"codec": "mpeg2video"}), ("a.mp4", {"codec": "libx265"})),
        *(("a.wmv", {"codec": "wmv2"}), ("a.webm", {"codec": "libvpx-vp9"})),
        *(("a.y4m", {"codec": "wrapped_avframe"}), ("a.mkv", {"container_options": {"live": "1"}})),
        ("a.ts", {"gop": 250}),
    ],
)
def test_each_is_the_frame_of_its_time(
    make_film: MakeFilm,
    read_number: ReadNumber,
    name: str,
    options: dict[str, object],
    bframes: int,
) -> None:
    source = make_film(name, **{"frames": 300, "bframes": bframes, "audio": False} | options)
    film = probe(source)
    times = [pts for chunk in ChunkReader(film) for pts in chunk.owned]
    spread = spread_frames(film, 10)
    taken = [(times.index(pts), read_number(rgb)) for pts, rgb in take_spread(film, spread)]
    assert all(place == number for place, number in taken), taken
    assert len(taken) == 10
    assert are_even([number for _, number in taken], len(times)), taken


def test_ten_frames_are_ten_and_fewer_are_all(make_film: MakeFilm, read_number: ReadNumber) -> None:
    assert numbers(probe(make_film("a.mkv", frames=10)), read_number) == [*range(10)]
    assert numbers(probe(make_film("a.mkv", frames=7)), read_number) == [*range(7)]
    frozen = [*range(0, 400, 40), 5000, *range(9000, 9400, 40)]
    found = numbers(probe(make_film("a.mp4", pts=frozen, gop=250)), read_number)
    assert len(found) == len(set(found)) == 10


def test_of_a_part_they_are_over_the_part(make_film: MakeFilm, read_number: ReadNumber) -> None:
    for film in (
        probe(make_film("a.mp4", frames=480, gop=48, **SMALL)),
        probe(make_film("a.ts", frames=480, gop=48, **SMALL)),
        probe(make_film("a.avi", frames=480, gop=48, **SMALL)),
    ):
        part = Part(start=Fraction(5), end=Fraction(15))
        assert are_even(numbers(film, read_number, part), 240, first=120)
        part = Part(start=Fraction(5), end=Fraction(15), every=30)
        assert numbers(film, read_number, part) == [*range(120, 360, 30)]
        with pytest.raises(InputError, match="no picture of it lies between --start and --end"):
            spread_frames(film, 10, part=Part(start=Fraction(100)))


def test_a_film_cut_off_gives_ten_of_what_it_has(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber
) -> None:
    whole = make_film("a.mkv", frames=300, gop=24, audio=False).read_bytes()
    (tmp_path / "a.mkv").write_bytes(whole[: len(whole) * 6 // 10])
    film = probe(tmp_path / "a.mkv")
    spread = spread_frames(film, 10)
    assert any("cut off" in warning for warning in spread.warnings)
    found = [read_number(rgb) for _, rgb in take_spread(film, spread)]
    assert are_even(found, found[-1] * 20 // 19 + 1), found


@pytest.mark.parametrize("gop", [12, 100])
@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.h264"])
def test_fields_are_made_whole_as_in_a_conversion(tmp_path: Path, name: str, gop: int) -> None:
    made = write_fields(
        tmp_path / ("a.ts" if name == "a.h264" else name),
        codec="libx264",
        options={"g": str(gop), "bf": "2", "x264-params": "interlaced=1:scenecut=0"},
        frames=300,
        pixel_format="yuv420p",
    )
    film = probe(bare(made, tmp_path / name) if name == "a.h264" else made)
    assert film.video.fields != "progressive"
    whole = as_converted(film)
    spread = spread_frames(film, 10)
    chunks = [*spread.chunks]
    assert sum(len(chunk.packets) for chunk in chunks) < 10 * (gop / 2 + 25)
    taken = {f.pts: f.rgb for chunk in chunks for f in decode_chunk(chunk, film.video)}
    assert len(taken) == 10
    assert all(np.array_equal(rgb, whole[pts]) for pts, rgb in taken.items())
    assert are_even([[*whole].index(pts) for pts in taken], 300)


def test_without_a_length_a_long_film_is_read_once(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = probe(bare(make_film("a.ts", frames=6000, gop=40, **SMALL), tmp_path / "a.h264"))
    assert film.duration is None
    read: list[ChunkReader] = []
    init = ChunkReader.__init__

    def noted(reader: ChunkReader, *args: Any, **options: Any) -> None:
        read.append(reader)
        init(reader, *args, **options)

    monkeypatch.setattr(ChunkReader, "__init__", noted)
    taken = [*take_spread(film, spread_frames(film, 10))]
    assert len(read) == 1
    step = 1 / (film.video.rate * film.video.time_base)
    found = [round(pts / step) for pts, _ in taken]
    assert len(found) == 10
    assert are_even(found, 6000), found
    assert [read_number(rgb) for _, rgb in taken] == [number % 4096 for number in found]
