"""The contact sheet: the right frames at the right places, before and after, without Ray."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.vidgan.films.pictures import Pixels
from vidgan.media.types import Color

MakeFilm = Callable[..., Path]
Command = Callable[..., Any]
WIDTH, HEIGHT = 160, 96
GAP, TEXT = 6, 18


@pytest.fixture
def film(make_film: MakeFilm, tmp_path: Path) -> Path:
    made = make_film("preview.mp4", frames=100, size=(WIDTH, HEIGHT))
    return copied(made, tmp_path / "clip.mp4")


def copied(film: Path, path: Path) -> Path:
    """Results lie beside their films, which tests share."""
    path.write_bytes(film.read_bytes())
    return path


def cell(sheet: Pixels, number: int, *, after: bool) -> Pixels:
    row, column = divmod(number, 5)
    top = GAP + row * (TEXT + 2 * (HEIGHT + GAP) + 2 * GAP) + TEXT + after * (HEIGHT + GAP)
    left = GAP + column * (WIDTH + GAP)
    return sheet[top : top + HEIGHT, left : left + WIDTH]


def test_ten_frames_over_the_length_each_above_its_translation(
    film: Path,
    identity_file: Path,
    vidgan_command: Command,
    read_number: Callable[[Pixels], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(film.parent)
    options = ("--weights", str(identity_file), "--precision", "fp32", "--preview", "--json")
    said = vidgan_command("convert", "clip.mp4", *options)
    assert said.status == 0, said.err
    assert json.loads(said.out) == {"sheets": ["clip.identity.preview.png"]}
    assert {path.name for path in film.parent.iterdir()} == {
        "clip.mp4",
        "clip.identity.preview.png",
    }
    sheet = np.asarray(Image.open("clip.identity.preview.png").convert("RGB"))
    shown = [read_number(cell(sheet, number, after=False)) for number in range(10)]
    assert all(abs(frame - (10 * n + 4.5)) <= 1 for n, frame in enumerate(shown)), shown
    assert [read_number(cell(sheet, number, after=True)) for number in range(10)] == shown

    again = vidgan_command("convert", "clip.mp4", *options)
    assert again.status == 1
    assert "clip.identity.preview.png exists already" in again.err


def test_a_sheet_where_it_is_wanted_and_what_has_none(
    film: Path, identity_file: Path, vidgan_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(film.parent)
    options = ("--weights", str(identity_file), "--preview")
    said = vidgan_command("convert", "clip.mp4", "-o", "look.png", *options)
    assert (said.status, said.lines) == (0, ["wrote look.png"])
    (film.parent / "broken.mp4").write_bytes(b"no film")
    said = vidgan_command("convert", "clip.mp4", "broken.mp4", "-o", "all", *options)
    assert said.status == 1
    assert "broken.mp4" in said.lines[0]
    assert [path.name for path in (film.parent / "all").iterdir()] == ["clip.preview.png"]
    Image.new("RGB", (32, 32)).save("photo.png")
    said = vidgan_command("convert", "photo.png", *options)
    assert said.status == 2
    assert said.lines == ["vidgan: --preview shows films; photographs are converted in no time"]


def sheet_of(film: Path, vidgan_command: Command, *options: str) -> Any:
    """What a preview of it says, and its sheet, if there is one."""
    sheet = film.with_name("sheet.png")
    said = vidgan_command("convert", film, "-o", sheet, "--preview", "--overwrite", *options)
    made = np.asarray(Image.open(sheet).convert("RGB")) if sheet.exists() else None
    return said, made


@pytest.mark.parametrize("gop", [250, 600])
def test_ten_frames_wherever_keyframes_are(
    make_film: MakeFilm,
    identity_file: Path,
    vidgan_command: Command,
    read_number: Callable[[Pixels], int],
    gop: int,
) -> None:
    """As x264 puts them by default, and farther apart."""
    made = make_film("far.mp4", frames=750, gop=gop, size=(WIDTH, HEIGHT), audio=False)
    film = copied(made, identity_file.with_name(f"far{gop}.mp4"))
    said, sheet = sheet_of(film, vidgan_command, "--weights", str(identity_file))
    assert said.lines == [f"wrote {film.with_name('sheet.png')}"]
    shown = [read_number(cell(sheet, number, after=False)) for number in range(10)]
    assert all(abs(frame - (75 * n + 37)) <= 20 for n, frame in enumerate(shown)), shown


def test_of_the_part_that_would_be_converted(
    film: Path,
    identity_file: Path,
    vidgan_command: Command,
    read_number: Callable[[Pixels], int],
) -> None:
    part = "--start", "1", "--end", "2"
    said, sheet = sheet_of(film, vidgan_command, "--weights", str(identity_file), *part)
    assert said.status == 0
    shown = [read_number(cell(sheet, number, after=False)) for number in range(10)]
    assert all(24 <= frame < 48 for frame in shown), shown
    assert len(set(shown)) == 10


@pytest.mark.parametrize(
    "options",
    [
        *(("--codec", "nonsense"), ("--codec", "libvpx-vp9", "--crf", "70"), ("--map", "a:7")),
        *(("--codec", "prores_ks"), ("--start", "100"), ("--rate", "25"), ("--preset", "warp")),
    ],
)
def test_what_would_not_be_converted_is_refused_in_the_same_words(
    film: Path, identity_file: Path, vidgan_command: Command, options: tuple[str, ...]
) -> None:
    options = ("--weights", str(identity_file), *options)
    refused = vidgan_command("convert", film, *options)
    said, sheet = sheet_of(film, vidgan_command, *options)
    assert sheet is None
    assert (said.status, said.lines) == (refused.status, refused.lines)
    assert len(said.lines) == 1
    assert said.status in {1, 2}


def test_hdr_is_refused_without_tonemap_and_shown_with_it(
    make_film: MakeFilm, identity_file: Path, vidgan_command: Command, tmp_path: Path
) -> None:
    pq = Color(matrix=9, primaries=9, transfer=16, full_range=False)
    made = make_film("pq.mp4", codec="libx265", pixel_format="yuv420p10le", color=pq, audio=False)
    film = copied(made, tmp_path / "pq.mp4")
    weights = "--weights", str(identity_file)
    said, sheet = sheet_of(film, vidgan_command, *weights)
    assert (said.status, sheet) == (1, None)
    assert "say --tonemap to get it in SDR" in said.lines[0]
    said, sheet = sheet_of(film, vidgan_command, *weights, "--tonemap")
    assert said.status == 0
    assert sheet is not None


def test_a_precision_that_is_not_to_be_had_is_one_line(
    film: Path, identity_file: Path, vidgan_command: Command
) -> None:
    options = "--device", "cpu", "--precision", "fp16"
    said, sheet = sheet_of(film, vidgan_command, "--weights", str(identity_file), *options)
    assert (said.status, sheet) == (2, None)
    assert "--precision fp16" in said.lines[0]


def test_what_is_wrong_with_a_film_is_said(
    make_film: MakeFilm, identity_file: Path, vidgan_command: Command, tmp_path: Path
) -> None:
    whole = make_film("whole.mkv", frames=200, gop=24, audio=False).read_bytes()
    film = tmp_path / "cut.mkv"
    film.write_bytes(whole[: len(whole) // 2])
    said, sheet = sheet_of(film, vidgan_command, "--weights", str(identity_file))
    assert said.status == 0
    assert sheet is not None
    assert said.lines[0].startswith(f"warning: {film} is cut off at ")
