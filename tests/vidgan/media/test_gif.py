"""Gifs of a film: their times, which frames they leave out, and their colours."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.vidgan.here import convert_here
from tests.vidgan.media.conftest import read_frames
from tests.vidgan.media.shown import numbers, pictures, seconds
from vidgan.media.loops import ENDLESS, ONCE, repeats_of
from vidgan.media.probe import probe
from vidgan.options import Options

MakeFilm = Callable[..., Path]
EncodeFilm = Callable[..., Any]
Read = Callable[..., int]


def test_gif_keeps_times_to_a_hundredth(
    make_film: MakeFilm, encode_film: EncodeFilm, read_number: Read, tmp_path: Path
) -> None:
    times = [0, 40, 83, 125, 5000, 5042, 5083, 5125]
    source = make_film("vfr.mkv", frames=8, pts=times, time_base=Fraction(1, 1000), audio="aac")
    encoded = encode_film(source, ".gif")
    report = encoded.join(tmp_path / "out.gif")
    hundredths = [0, 4, 8, 13, 500, 504, 508, 513]
    assert seconds(tmp_path / "out.gif") == [Fraction(t, 100) for t in hundredths]
    assert numbers(tmp_path / "out.gif", read_number) == list(range(8))
    assert report.frames == 8
    assert report.warnings == (
        "gif holds 256 colours, and times in hundredths of a second",
        "audio 1 is left out: .gif holds pictures alone",
    )
    with Image.open(tmp_path / "out.gif") as picture:
        assert picture.info["loop"] == 0
    encoded.join(tmp_path / "again.gif")
    assert (tmp_path / "again.gif").read_bytes() == (tmp_path / "out.gif").read_bytes()


def test_gif_of_a_fast_film_leaves_frames_out_instead_of_slowing_down(
    make_film: MakeFilm, encode_film: EncodeFilm, read_number: Read, tmp_path: Path
) -> None:
    source = make_film("fast.mp4", frames=60, rate=60, audio=False)
    report = encode_film(source, ".gif").join(tmp_path / "out.gif")
    shown = numbers(tmp_path / "out.gif", read_number)
    assert len(shown) == report.frames < 60
    assert f"{60 - len(shown)} of 60 frames are left out" in report.warnings[1]
    for number, moment in zip(shown, seconds(tmp_path / "out.gif"), strict=True):
        assert abs(moment - Fraction(number, 60)) <= Fraction(1, 200)


def test_gif_looks_like_the_film(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("film.mp4", frames=12, audio=False)
    encoded = encode_film(source, ".gif")
    encoded.join(tmp_path / "out.gif")
    before = [frame.rgb for frame in read_frames(encoded.film)]
    for shown, frame in zip(pictures(tmp_path / "out.gif"), before, strict=True):
        assert np.abs(shown.astype(int) - frame).mean() < 12


def animation(path: Path, loop: int | None) -> Path:
    """Three pictures; `loop` counts as files of this kind do, None says nothing of it."""
    first, *others = (Image.new("RGB", (64, 48), (80 * i, 90, 40)) for i in range(3))
    says: dict[str, Any] = {} if loop is None else {"loop": loop}
    first.save(path, save_all=True, append_images=others, duration=100, **says)
    return path


@pytest.mark.parametrize(
    ("name", "loop", "repeats"),
    [
        ("a.gif", None, ONCE),
        ("a.gif", 0, ENDLESS),
        ("a.gif", 2, 2),
        ("a.png", 0, ENDLESS),
        ("a.png", 1, ONCE),
        ("a.png", 3, 2),
        ("a.webp", 0, ENDLESS),
        ("a.webp", 1, ONCE),
        ("a.webp", 3, 2),
    ],
)
def test_an_animation_is_shown_as_often_as_before(
    name: str, loop: int | None, repeats: int, identity_file: Path, tmp_path: Path
) -> None:
    source, output = animation(tmp_path / name, loop), tmp_path / "out.gif"
    convert_here(source, output, Options(weights=identity_file))
    with Image.open(output) as picture:
        assert picture.info.get("loop", ONCE) == repeats
    assert repeats_of(probe(output)) == repeats


def test_where_a_head_breaks_off_an_animation_has_no_end(tmp_path: Path) -> None:
    whole = animation(tmp_path / "a.gif", 2)
    film = probe(whole)
    data = whole.read_bytes()
    whole.write_bytes(data[: data.index(b"NETSCAPE") + 12])
    assert repeats_of(film) == ENDLESS
    whole.write_bytes(data[:5])
    assert repeats_of(film) == ENDLESS
