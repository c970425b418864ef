"""The contact sheet: the right frames at the right places, before and after, without Ray."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.vidgan.films.pictures import Pixels

MakeFilm = Callable[..., Path]
Command = Callable[..., Any]
WIDTH, HEIGHT = 160, 96
GAP, TEXT = 6, 18


@pytest.fixture
def film(make_film: MakeFilm, tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    made = make_film("preview.mp4", frames=100, size=(WIDTH, HEIGHT))
    path.write_bytes(made.read_bytes())
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
