"""`vidgan models export`: from a run, a file or a name to a file that others can use."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cyclegan import load_generator
from vidgan.card import write_card
from vidgan.choice import choose_model
from vidgan.export import export_model
from vidgan.importing import import_model
from vidgan.models import find_model
from vidgan.options import Options

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps with a generator kept on the way; not to be changed."""
    from click.testing import CliRunner

    from vidgan.cli.commands import cli

    here = tmp_path_factory.mktemp("trained")
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (here / name).mkdir()
        for number in range(2):
            pixels = random.integers(0, 256, (40, 44, 3), np.uint8)
            Image.fromarray(pixels).save(here / name / f"{number}.png")
    command = [
        *("train", "--a", here / "a", "--b", here / "b", "--out", here / "run", "--images", 2),
        *("--keep", 1, "--crop", 32, "--load", 36, "--generator-filters", 4),
        *("--discriminator-filters", 4, "--device", "cpu", "--threads", 1, "--samples", 0),
        "--quiet",
    ]
    said = CliRunner().invoke(cli, [str(word) for word in command])
    assert said.exit_code == 0, said.output
    return here / "run"


@pytest.mark.usefixtures("ray_up")
def test_from_a_run_to_a_name_to_a_conversion(
    trained: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    kept = sorted((trained / "every").iterdir())[0]
    for folder in (trained, kept):
        command = ("models", "import", folder, "--name", "mine", "--direction", "b2a")
        assert vidgan_command(*command, "--overwrite").status == 0
        assert find_model("mine").card.size == 36  # the scale at which the training saw pictures
        for source in (("--pair", "mine"), ("--weights", folder, "--direction", "b2a")):
            said = vidgan_command("convert", "photo.png", "-o", f"{source[0][2:]}.png", *source)
            assert said.status == 0, said.err
        with Image.open("pair.png") as one, Image.open("weights.png") as other:
            assert np.array_equal(np.asarray(one), np.asarray(other))
            assert one.size == (80, 60)
        for name in ("pair.png", "weights.png"):
            (tmp_path / name).unlink()


def test_a_run_a_file_and_a_name_are_exported(
    trained: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    vidgan_command("models", "import", trained, "--name", "mine", "--direction", "b2a")
    file = trained / "b2a.safetensors"
    for number, source in enumerate((trained, file, "mine")):
        target = f"{number}.safetensors"
        said = vidgan_command("models", "export", source, target, "--direction", "b2a")
        assert (said.status, said.err) == (0, "")
        assert said.out == f"{target}: written; read back: the same weights\n"
        theirs, ours = (load_generator(path).state_dict() for path in (tmp_path / target, file))
        assert all(torch.equal(theirs[name], ours[name]) for name in ours)


@pytest.mark.parametrize("ending", ["onnx", "pt2"])
def test_the_screen_stays_clean(generator_file: Path, vidgan_command: Command, ending: str) -> None:
    said = vidgan_command("models", "export", generator_file, f"out.{ending}")
    assert (said.status, said.err, said.out.count("\n")) == (0, "", 1)
    assert said.out.startswith(f"out.{ending}: written; ")
    assert "of the generator" in said.out


def test_a_card_travels_with_its_model(generator_file: Path, tmp_path: Path) -> None:
    model = import_model(generator_file, "mine", size=144)
    card = replace(model.card, summary="été", license="CC0")
    write_card(card, model.path.with_suffix(".json"))
    export_model("mine", tmp_path / "sent.safetensors")
    assert import_model(tmp_path / "sent.safetensors", "theirs").card == replace(
        card, name="theirs"
    )
    assert choose_model(Options(weights=tmp_path / "sent.safetensors")).size == 144
    own = import_model(tmp_path / "sent.safetensors", "other", size=0, summary="mine").card
    assert (own.size, own.summary) == (0, "mine")


@pytest.mark.parametrize("ending", ["safetensors", "pth", "onnx", "pt2"])
def test_an_export_that_fails_leaves_nothing(
    trained: Path, tmp_path: Path, vidgan_command: Command, ending: str
) -> None:
    before = set(tmp_path.rglob("*"))
    for source, words in (("gone", "unknown pair"), ("no/run", "no such file or run")):
        said = vidgan_command("models", "export", source, f"out.{ending}")
        assert (said.status > 0, said.out, said.err.count("\n")) == (True, "", 1)
        assert words in said.err
    said = vidgan_command("models", "export", trained, f"nowhere/out.{ending}")
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert f"nowhere/out.{ending}: " in said.err
    assert set(tmp_path.rglob("*")) == before
