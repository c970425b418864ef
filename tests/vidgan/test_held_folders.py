"""A folder of results: one conversion at a time, the same command again, what a crash left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.vidgan.holding import held_elsewhere
from vidgan.ledger import ledger_of
from vidgan.report_file import NAME

Command = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("ray_up")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photograph, and one beside it; where commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("photos/a.png", "extra.png"):
        Image.fromarray(np.full((16, 24, 3), 90, np.uint8)).save(tmp_path / name)
    return tmp_path


def test_the_same_command_again_skips_what_was_named_as_well(
    photos: Path, generator_file: Path, vidgan_command: Command
) -> None:
    command = ("convert", "photos", "extra.png", "-o", "out", "--weights", str(generator_file))
    assert vidgan_command(*command).status == 0
    before = {path.name: path.stat().st_mtime_ns for path in (photos / "out").glob("*.png")}
    again = vidgan_command(*command)
    assert again.status == 0, again.err
    assert [line for line in again.lines if "skipped" in line] == [
        "out/a.png: is there already, skipped",
        "out/extra.png: is there already, skipped",
    ]
    assert before == {path.name: path.stat().st_mtime_ns for path in (photos / "out").glob("*.png")}
    files = json.loads((photos / "out" / NAME).read_bytes())["files"]
    assert [file["status"] for file in files] == ["skipped", "skipped"]


def test_a_second_conversion_into_the_same_folder_is_refused_as_a_whole(
    photos: Path, generator_file: Path, vidgan_command: Command
) -> None:
    (photos / "out").mkdir()
    with held_elsewhere(ledger_of(photos / "out" / NAME)):
        said = vidgan_command("convert", "photos", "-o", "out", "--weights", str(generator_file))
    assert said.status == 1
    assert "another conversion is writing" in said.err
    assert said.err.count("\n") == 1
    assert list((photos / "out").iterdir()) == []


def test_what_a_killed_driver_left_half_written_goes_and_nothing_else(
    photos: Path, generator_file: Path, vidgan_command: Command
) -> None:
    out = photos / "out"
    out.mkdir()
    mine = "somebody.123.part"
    for name in ("a.png.123.part", f"{NAME}.99.part", mine):
        (out / name).write_bytes(b"x")
    said = vidgan_command("convert", "photos", "-o", "out", "--weights", str(generator_file))
    assert said.status == 0, said.err
    assert {path.name for path in out.iterdir()} == {"a.png", NAME, mine}


def test_a_name_cannot_write_on_the_screen(
    photos: Path, generator_file: Path, vidgan_command: Command
) -> None:
    (photos / "photos" / "a.png").rename(photos / "photos" / "b\n\x1b[31m\u202e.png")
    said = vidgan_command("convert", "photos", "-o", "out", "--weights", str(generator_file))
    assert said.status == 0, said.err
    assert "\x1b" not in said.err
    assert "\u202e" not in said.err
    assert r"out/b \x1b[31m\u202e.png: a photograph" in said.lines
    assert (photos / "out" / "b\n\x1b[31m\u202e.png").is_file()


def test_an_option_that_suits_one_kind_of_file_fails_the_other_alone(
    photos: Path, generator_file: Path, vidgan_command: Command
) -> None:
    """Of a gif there is no --crf; where nothing takes an option it is wrong usage."""
    pictures = [Image.new("RGB", (16, 24), (90 * n, 0, 0)) for n in range(2)]
    pictures[0].save("moving.gif", save_all=True, append_images=pictures[1:], duration=100)
    weights = ("--weights", str(generator_file), "--crf", "30")
    said = vidgan_command("convert", "photos", "moving.gif", "-o", "out", *weights)
    assert said.status == 1
    assert (photos / "out" / "a.png").is_file()
    assert sum("moving.gif: --crf 30" in line for line in said.lines) == 1
    assert vidgan_command("convert", "moving.gif", *weights).status == 2
