"""Frames out of films for training: the right ones, upright, in the colours of a conversion."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vidgan.media.chunks import ChunkReader
from vidgan.media.decode import decode_chunk
from vidgan.media.probe import probe
from vidgan.media.sample import choose_frames, film_seconds, take_frames
from vidgan.media.types import Film

MakeFilm = Callable[..., Path]
Pixels = NDArray[np.uint8]
ReadNumber = Callable[[Pixels], int]


def shares(count: int) -> list[float]:
    return [(place + 0.5) / count for place in range(count)]


def as_converted(film: Film) -> dict[int, Pixels]:
    """All pictures as a conversion decodes them."""
    chunks = ChunkReader(film, frames_per_chunk=1000)
    return {
        frame.pts: frame.rgb.astype(np.uint8)
        for chunk in chunks
        for frame in decode_chunk(chunk, film.video)
    }


def numbers(film: Film, count: int, read_number: ReadNumber) -> tuple[list[int], bool]:
    choice = choose_frames(film, shares(count))
    taken = [(spot, rgb) for spot, rgb in take_frames(film, choice)]
    assert tuple(spot for spot, _ in taken) == choice.spots
    return [read_number(rgb) for _, rgb in taken], choice.keyframes_alone


def test_frames_are_even_over_the_whole_length(
    make_film: MakeFilm, read_number: ReadNumber
) -> None:
    film = probe(make_film("a.mp4", frames=96, gop=48))
    assert film_seconds(film) == 4
    found, keyframes_alone = numbers(film, 8, read_number)
    assert not keyframes_alone
    assert found == [6, 18, 30, 42, 53, 65, 77, 89]


def test_every_frame_can_be_asked_for_and_none_twice(
    make_film: MakeFilm, read_number: ReadNumber
) -> None:
    film = probe(make_film("a.mp4", frames=24, gop=24))
    assert numbers(film, 24, read_number)[0] == list(range(24))
    assert numbers(film, 500, read_number)[0] == list(range(24))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1", "libvpx-vp9"])
def test_keyframes_are_read_by_seeking_where_they_are_dense_enough(
    make_film: MakeFilm, read_number: ReadNumber, codec: str, name: str
) -> None:
    film = probe(make_film(name, codec=codec, frames=96, gop=8, audio=False))
    found, keyframes_alone = numbers(film, 6, read_number)
    assert keyframes_alone
    assert len(found) == 6
    assert all(number % 8 == 0 for number in found)
    assert all(abs(number - 16 * (place + 0.5)) <= 8 for place, number in enumerate(found))


def test_a_long_film_gives_fewer_frames_rather_than_being_decoded(
    make_film: MakeFilm, read_number: ReadNumber
) -> None:
    film = probe(make_film("a.mp4", frames=204, gop=120, size=(64, 48), audio=False))
    choice = choose_frames(film, shares(4))
    assert choice.keyframes_alone
    assert len(choice.spots) == 2
    assert choice.warnings == (
        f"{film.path} gives 2 frames instead of 4: its keyframes are far apart, or its end is "
        "missing",
    )
    assert [read_number(rgb) for _, rgb in take_frames(film, choice)] == [0, 120]


def test_a_film_of_one_keyframe_is_decoded(make_film: MakeFilm, read_number: ReadNumber) -> None:
    film = probe(make_film("a.mp4", frames=300, gop=1000, size=(64, 48), audio=False))
    assert numbers(film, 5, read_number) == ([30, 90, 149, 209, 269], False)


@pytest.mark.parametrize("count", [6, 20], ids=["by keyframes", "all decoded"])
def test_colours_are_those_of_a_conversion(make_film: MakeFilm, count: int) -> None:
    film = probe(make_film("a.mp4", frames=96, gop=8, open_gop=True))
    whole = as_converted(film)
    taken = list(take_frames(film, choose_frames(film, shares(count))))
    assert len(taken) == count
    for spot, rgb in taken:
        assert np.array_equal(rgb, whole[spot.pts])


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_film_held_sideways_comes_upright(make_film: MakeFilm, rotation: int) -> None:
    film = probe(make_film("a.mp4", frames=24, rotation=rotation))
    whole = as_converted(film)
    [(spot, rgb)] = take_frames(film, choose_frames(film, [0.5]))
    assert np.array_equal(rgb, np.rot90(whole[spot.pts], rotation // 90))
    assert (rgb.shape[0] > rgb.shape[1]) == (rotation != 180)


def test_frames_are_even_in_time_where_the_rate_varies(
    make_film: MakeFilm, read_number: ReadNumber
) -> None:
    """One second of many frames, then nine of few."""
    times = [*range(0, 1000, 40), *range(1000, 10_000, 500)]
    film = probe(make_film("a.mp4", pts=times, gop=1000))
    found, _ = numbers(film, 10, read_number)
    seconds = [times[number] / 1000 for number in found]
    assert np.abs(np.diff(seconds) - 0.95).max() < 0.6


def test_a_film_cut_off_gives_what_it_has(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber
) -> None:
    whole = make_film("a.mkv", frames=96, gop=48).read_bytes()
    (tmp_path / "a.mkv").write_bytes(whole[: len(whole) * 6 // 10])
    film = probe(tmp_path / "a.mkv")
    choice = choose_frames(film, shares(8))
    assert any("cut off" in warning for warning in choice.warnings)
    found = [read_number(rgb) for _, rgb in take_frames(film, choice)]
    assert len(found) >= 7
    assert found == sorted(found)
    assert 30 < found[-1] < 80


def test_damage_costs_the_frames_it_hits(make_film: MakeFilm, tmp_path: Path) -> None:
    content = bytearray(make_film("a.mp4", frames=96, gop=8, audio=False).read_bytes())
    start = len(content) // 2
    content[start : start + 3000] = np.random.default_rng(0).bytes(3000)
    (tmp_path / "a.mp4").write_bytes(content)
    film = probe(tmp_path / "a.mp4")
    for count in (10, 40):
        choice = choose_frames(film, shares(count))
        taken = list(take_frames(film, choice))
        assert 0.5 * count < len(taken) <= len(choice.spots)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.y4m", {"codec": "wrapped_avframe"}), ("a.avi", {}), ("a.ts", {}), ("a.flv", {})],
)
def test_containers_that_seek_badly_or_not_at_all(
    make_film: MakeFilm, read_number: ReadNumber, name: str, options: dict[str, str]
) -> None:
    film = probe(make_film(name, frames=41, audio=False, **options))
    choice = choose_frames(film, [0, 0.25, 0.5, 0.75, 1])
    assert [read_number(rgb) for _, rgb in take_frames(film, choice)] == [0, 10, 20, 30, 40]
