"""`vidgan train` on films: a film for one domain, a folder of them for the other."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Command = Callable[..., Any]

SMALL = ["--images", "6", "--crop", "32", "--load", "36", "--frames", "12", "--samples", "0"]
SMALL += ["--discriminator-filters", "4", "--threads", "1", "--device", "cpu"]


def test_a_film_and_a_folder_of_films(
    make_film: Callable[..., Path],
    tmp_path: Path,
    vidgan_command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips/deep").mkdir(parents=True)
    summer = shutil.copy(make_film("summer.mp4", frames=40, audio=False), "summer.mp4")
    for place, size in (("clips/tall.mkv", (64, 96)), ("clips/deep/wide.webm", (128, 64))):
        codec = "libvpx-vp9" if place.endswith("webm") else "libx264"
        made = make_film(Path(place).name, frames=30, size=size, codec=codec, audio=False)
        shutil.copy(made, place)

    said = vidgan_command("train", "--a", summer, "--b", "clips", "--out", "run", *SMALL)
    assert said.status == 0, said.err
    assert said.out.startswith("run: trained on 6 images")

    frames = sorted((tmp_path / "run/frames").rglob("*.png"))
    sides = set()
    for path in frames:
        with Image.open(path) as picture:
            sides.add(picture.size)
    # The short side is --load, whatever the film's; nothing is turned or squeezed.
    assert sides == {(54, 36), (36, 54), (72, 36)}
    assert 20 <= len(frames) <= 24, "12 of each domain, but for those nearly alike"

    assert vidgan_command("train", "--out", "run", "--resume").status == 0
    said = vidgan_command("doctor", "run", "--json")
    assert said.status == 0
    assert json.loads(said.out)
