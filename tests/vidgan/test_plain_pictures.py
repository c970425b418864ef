"""`vidgan models import --norm-eps` and `--change`: models that change less."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cyclegan import Translator, load_generator
from cyclegan.checkpoint import save_generator
from cyclegan.config import FastConfig, ResnetConfig
from cyclegan.networks import build_generator, init_weights
from cyclegan.weights import read_generator
from vidgan.models import find_model

Command = Callable[..., Any]
CONFIG = FastConfig(filters=4, separable=True)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


Frames = NDArray[np.uint8]


def scene(seed: int, *, contrast: float = 1.0) -> Frames:
    """Colours that run into one another, (1, 144, 192, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    picture = Image.fromarray(coarse).resize((192, 144), Image.Resampling.BICUBIC)
    levels = 90 + contrast * (np.asarray(picture, np.float32) - 90)
    return levels.astype(np.uint8)[None]


def scenes(folder: Path, *, first: int = 0) -> Path:
    folder.mkdir()
    for seed in range(6):
        Image.fromarray(scene(first + seed)[0]).save(folder / f"{seed}.png")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return scenes(tmp_path / "data")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    network = build_generator(CONFIG)
    init_weights(network, std=0.1, seed=0)
    save_generator(network, CONFIG, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.fixture
def calm(model: Path, data: Path, vidgan_command: Command) -> Path:
    words = ("--name", "calm", "--size", 144, "--norm-eps", 1, "--data", data, "--half")
    said = vidgan_command("models", "import", model, *words)
    assert said.status == 0, said.err
    return find_model("calm").path


def change(file: Path, picture: Frames) -> float:
    """By how many levels what is made of it differs from place to place."""
    made = Translator(load_generator(file), device="cpu", precision="fp32")(picture)
    return float(made.astype(float).std((1, 2)).mean())


def test_a_plain_picture_stays_plainer_and_a_usual_one_what_it_was(model: Path, calm: Path) -> None:
    plain, usual = scene(0, contrast=0.02), scene(0)
    assert change(calm, plain) < 0.7 * change(model, plain)
    assert change(calm, usual) == pytest.approx(change(model, usual), rel=0.1)
    before, after = (
        Translator(load_generator(file), device="cpu", precision="fp32")(usual).astype(int)
        for file in (model, calm)
    )
    assert np.abs(before - after).mean() < 8


def test_a_model_may_change_less(model: Path, vidgan_command: Command) -> None:
    said = vidgan_command("models", "import", model, "--name", "mild", "--change", 0.5, "--half")
    assert said.status == 0, said.err
    file, usual = find_model("mild").path, scene(0)
    whole, half = (
        np.abs(
            Translator(load_generator(each), device="cpu", precision="fp32")(usual)
            - usual.astype(float)
        ).mean()
        for each in (model, file)
    )
    assert 0.4 * whole < half < 0.6 * whole


def test_figures_and_commands_of_a_card_are_not_those_of_a_milder_model(
    vidgan_command: Command,
) -> None:
    assert find_model("day2night").card.figures
    assert vidgan_command("models", "export", "day2night", "whole.safetensors").status == 0
    for source, name, share in (
        ("whole.safetensors", "once", 0.8),
        (find_model("day2night").path, "at_once", 0.4),
    ):
        said = vidgan_command("models", "import", source, "--name", name, "--change", share)
        assert said.status == 0, said.err
    card = find_model("once").card
    assert (card.figures, card.commands) == ((), ())
    assert (card.steady, card.size) == (0.85, 144)
    once = find_model("once").path
    said = vidgan_command("models", "import", once, "--name", "twice", "--change", 0.5)
    assert said.status == 0, said.err
    picture = scene(3)
    twice, at_once = (
        Translator(load_generator(find_model(name).path), device="cpu", precision="fp32")(picture)
        for name in ("twice", "at_once")
    )
    assert np.abs(twice.astype(int) - at_once).max() <= 1


def test_a_student_and_a_training_that_begin_with_it_divide_as_it_does(
    calm: Path, data: Path, vidgan_command: Command
) -> None:
    common = (
        *("--images", 2, "--batch", 2, "--crop", 32, "--load", 36, "--device", "cpu"),
        *("--discriminator-filters", 4, "--threads", 1, "--quiet"),
    )
    # Of its architecture, what is not said is as what it begins with.
    taught = (
        *("--teacher", "model.safetensors", "--data", data),
        *("--start-from", "calm", "--separable"),
    )
    said = vidgan_command("distill", "--out", "student", *taught, *common)
    assert said.status == 0, said.err
    other = scenes(Path("other"), first=6)
    began = ("--a", data, "--b", other, "--start-from", "calm", "--start-from", "calm")
    said = vidgan_command("train", "--out", "run", *began, *common)
    assert said.status == 0, said.err
    config = read_generator(calm).config
    assert config == replace(CONFIG, norm_eps=1.0)
    assert read_generator(Path("student/a2b.safetensors")).config == config
    assert read_generator(Path("run/b2a.safetensors")).config == config


def test_it_is_given_once(calm: Path, data: Path, vidgan_command: Command) -> None:
    said = vidgan_command("models", "import", calm, "--name", "x", "--norm-eps", 1, "--data", data)
    assert (said.status, len(said.lines)) == (1, 1)
    assert "has been imported with --norm-eps 1 already" in said.lines[0]


@pytest.mark.usefixtures("model")
def test_what_cannot_be_is_one_line(data: Path, tmp_path: Path, vidgan_command: Command) -> None:
    network = build_generator(config := ResnetConfig(blocks=1, filters=4))
    init_weights(network, seed=0)
    save_generator(network, config, tmp_path / "resnet.safetensors")
    (tmp_path / "empty").mkdir()
    ours, theirs = "model.safetensors", "resnet.safetensors"
    for source, words, status, text in (
        (ours, ("--norm-eps", 1), 2, "--norm-eps and --data: give both"),
        (ours, ("--data", data), 2, "--norm-eps and --data: give both"),
        (ours, ("--norm-eps", 0, "--data", data), 2, "--norm-eps 0: must be from 1e-08"),
        (ours, ("--norm-eps", "nan", "--data", data), 2, "--norm-eps nan: must be from 1e-08"),
        (ours, ("--norm-eps", 1e7, "--data", data), 2, "--norm-eps 1e+07: must be from 1e-08"),
        (
            ours,
            ("--norm-eps", 1, "--data", data, "--size", 4),
            1,
            "0.png: is seen with a side of 4",
        ),
        (ours, ("--norm-eps", 1, "--data", "empty"), 1, "empty holds 0 images"),
        (theirs, ("--norm-eps", 1, "--data", data), 1, "--norm-eps is for fast generators"),
        (theirs, ("--change", 0.5), 1, "resnet.safetensors: --change is for fast generators"),
        (ours, ("--change", 0), 2, "--change 0: must be above 0 and at most 1"),
        (ours, ("--change", "nan"), 2, "--change nan: must be above 0 and at most 1"),
        (ours, ("--change", 1.5), 2, "--change 1.5: must be above 0 and at most 1"),
    ):
        said = vidgan_command("models", "import", source, *words, "--name", "none")
        assert (said.status, len(said.lines)) == (status, 1)
        assert text in said.lines[0]
    assert not list(tmp_path.glob("home/models/*"))
