"""`vidgan distill`: a teacher and pictures in, a student that converts out."""

import json
import os
import shutil
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

from cyclegan.checkpoint import load_checkpoint, save_generator
from cyclegan.config import DiscriminatorConfig, FastConfig
from cyclegan.discriminators import PatchDiscriminator
from cyclegan.run_folder import RunFolder
from cyclegan.weights import read_generator
from vidgan.importing import import_model

Command = Callable[..., Any]

SMALL = ["--images", "6", "--filters", "4", "--blocks", "1", "--discriminator-filters", "4"]
SMALL += ["--threads", "1", "--device", "cpu", "--precision", "fp32"]


@pytest.fixture
def here(tmp_path: Path, generator_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with teacher.safetensors, pictures/ and a photo."""
    random = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(40):
        pixels = random.integers(0, 256, (40, 44, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{number}.png")
    Image.fromarray(random.integers(0, 256, (50, 60, 3), np.uint8)).save(tmp_path / "photo.png")
    (tmp_path / "teacher.safetensors").write_bytes(generator_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path / "home"))
    return tmp_path


def distill(
    *more: object, teacher: object = "teacher.safetensors", data: str = "pictures", out: str = "run"
) -> list[str]:
    command = ["distill", "--teacher", str(teacher), "--data", data, "--out", out, *SMALL]
    return [*command, *("--crop", "32"), *map(str, more)]


@pytest.mark.usefixtures("ray_up")
def test_a_student_is_trained_and_converts(here: Path, vidgan_command: Command) -> None:
    before = (here / "teacher.safetensors").read_bytes()
    said = vidgan_command(*distill())
    assert said.status == 0, said.err
    assert said.out.startswith("run: a student trained on 6 images, on 2 held-out pictures ")
    assert "try it: vidgan convert FILM --weights run --direction a2b" in said.out
    assert "6/6" in said.lines[-1]
    assert (here / "teacher.safetensors").read_bytes() == before
    student = read_generator(here / "run/a2b.safetensors")
    teacher = read_generator(here / "teacher.safetensors").config
    assert isinstance(teacher, FastConfig)
    assert student.config == FastConfig(filters=4, blocks=1, input_share=teacher.input_share)
    assert student.metadata["teacher"] == "teacher.safetensors"
    assert json.loads(student.metadata["card"])["size"] == 36

    for source in ("run", "run/a2b.safetensors"):
        said = vidgan_command(
            "convert", "photo.png", "--weights", source, "-o", f"{len(source)}.png"
        )
        assert said.status == 0, said.err
    with Image.open("3.png") as one, Image.open("19.png") as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))
    assert vidgan_command("models", "import", "run", "--name", "small").status == 0


def test_the_scale_is_the_teacher_s_and_a_run_can_teach_in_a_direction(
    here: Path, vidgan_command: Command
) -> None:
    import_model(here / "teacher.safetensors", "big", size=144, steady=0.6)
    said = vidgan_command(
        "distill", "--teacher", "big", "--data", "pictures", "--out", "x", "--dry-run"
    )
    assert (said.status, said.err) == (0, "")
    assert json.loads(said.out)["preprocess"] == {"load": 144, "crop": 128, "flip": True}
    assert not (here / "x").exists()

    command = distill("--quiet", "--load", "36", "--crop", "32", teacher="big", out="taught")
    assert vidgan_command(*command).status == 0
    card = json.loads(read_generator(here / "taught/a2b.safetensors").metadata["card"])
    assert (card["size"], card["steady"]) == (36, 0.6)

    (here / "trained").mkdir()
    teacher = read_generator(here / "teacher.safetensors")
    save_generator(teacher.network, teacher.config, here / "trained/b2a.safetensors")
    command = distill("--direction", "b2a", "--quiet", teacher="trained")
    assert vidgan_command(*command).status == 0
    assert read_generator(here / "run/b2a.safetensors").metadata["teacher"] == "trained"
    assert not (here / "run/a2b.safetensors").exists()
    said = vidgan_command("convert", "photo.png", "--weights", "run")
    assert said.status == 1
    assert said.lines == ["vidgan: run: holds b2a.safetensors alone; add --direction b2a"]


def test_a_finished_run_resumed_stays_what_it_is_whatever_became_of_its_teacher(
    here: Path, vidgan_command: Command
) -> None:
    model = import_model(here / "teacher.safetensors", "big", size=36)
    command = ["distill", "--teacher", "big", "--data", "pictures", "--out", "run", *SMALL]
    assert vidgan_command(*command, "--quiet").status == 0
    before = (here / "run/a2b.safetensors").read_bytes()
    said = vidgan_command(*command)
    assert said.lines == ["vidgan: run holds a run already: add --resume, or choose another --out"]
    model.path.unlink()
    said = vidgan_command("distill", "--out", "run", "--resume")
    assert said.status == 0, said.err
    assert (here / "run/a2b.safetensors").read_bytes() == before
    said = vidgan_command("distill", "--out", "run", "--resume", "--lr", "1")
    assert said.status == 2
    assert said.lines[-1].startswith("vidgan: --lr 1.0: run was begun with 0.0002")


def test_a_student_goes_on_with_pictures_of_what_it_is_for(
    here: Path, vidgan_command: Command
) -> None:
    """The run keeps what it began with: that may be gone when it is resumed."""
    random = np.random.default_rng(1)
    (here / "targets").mkdir()
    for number in range(6):
        pixels = random.integers(0, 256, (40, 44, 3), np.uint8)
        Image.fromarray(pixels).save(here / "targets" / f"{number}.png")
    large = ("--quiet", "--crop", "64", "--upscale")  # as features ask for
    assert vidgan_command(*distill(*large, out="first")).status == 0
    more = ("--targets", "targets", "--start-from", "first", "--discriminator", "both")
    said = vidgan_command(*distill(*large, *more))
    assert said.status == 0, said.err
    assert "a student trained on 6 images" in said.out
    config = json.loads((here / "run/config.json").read_text())
    assert config["discriminator"]["kind"] == "both"
    assert len(config["start"]) == 64
    unsaid = ["distill", "--teacher", "teacher.safetensors", "--data", "pictures", "--out", "like"]
    said = vidgan_command(*unsaid, "--start-from", "first", "--dry-run", "--crop", "64")
    assert json.loads(said.out)["generator"] == config["generator"]
    before = (here / "run/a2b.safetensors").read_bytes()
    assert before != (here / "first/a2b.safetensors").read_bytes()

    shutil.rmtree(here / "first")
    (here / "run/checkpoint.pt").unlink()
    (here / "run/a2b.safetensors").unlink()
    said = vidgan_command("distill", "--out", "run", "--resume", "--quiet")
    assert said.status == 0, said.err
    assert (here / "run/a2b.safetensors").read_bytes() == before
    said = vidgan_command("distill", "--out", "run", "--resume", "--targets", "pictures")
    assert said.status == 2
    assert "--targets" in said.lines[-1]
    assert "was begun with" in said.lines[-1]


@pytest.mark.slow
@pytest.mark.usefixtures("ray_up")
def test_two_workers_train_one_student(here: Path, vidgan_command: Command) -> None:
    said = vidgan_command(*distill("--workers", "2"))
    assert said.status == 0, said.err
    assert load_checkpoint(here / "run/checkpoint.pt")["step"] == 3
    assert len(load_checkpoint(here / "run/checkpoint.pt")["workers"]) == 2  # type: ignore[arg-type]


REFUSED: dict[str, tuple[list[str], int, tuple[str, ...]]] = {
    "no teacher": (distill(teacher="gone"), 2, ("unknown pair 'gone'",)),
    "no teacher's file": (distill(teacher="no/file"), 1, ("no/file: no such file or run",)),
    "a picture": (distill(teacher="photo.png"), 1, ("photo.png", "not a file of weights")),
    "a discriminator": (distill(teacher="d.pth"), 1, ("d.pth", "discriminator")),
    "an empty folder": (distill(data="empty"), 1, ("empty holds 0 images", "at least 2")),
    "no folder": (distill(data="gone"), 1, ("gone is not a folder",)),
    "nothing to resume": (distill("--resume"), 1, ("run holds no run", "without --resume")),
    "rate": (distill("--lr", "nan"), 2, ("--lr nan",)),
    "weight": (distill("--lambda-output", "-1"), 2, ("--lambda-output -1.0",)),
    "stability": (distill("--lambda-stability", "nan"), 2, ("--lambda-stability nan",)),
    "noise": (distill("--stability-noise", "-1"), 2, ("--stability-noise -1.0",)),
    "crop": (distill("--crop", "30"), 2, ("crop (30)", "multiple of 4")),
    "out is a file": (distill(out="photo.png"), 1, ("photo.png", "another --out")),
    "out is the teacher's": (distill(out="."), 2, ("--out .: holds the teacher",)),
    "no data": (["distill", "--teacher", "teacher.safetensors", "--out", "run"], 2, ("--data",)),
    "targets that nothing looks at": (
        distill("--targets", "pictures", "--lambda-adversarial", 0),
        2,
        ("--targets", "--lambda-adversarial"),
    ),
    "targets that are the data": (
        distill("--targets", "pictures"),
        1,
        ("both domains are", "pictures"),
    ),
    "no targets": (distill("--targets", "gone"), 1, ("gone is not a folder",)),
    "begins with another architecture": (
        distill("--start-from", "teacher.safetensors", teacher="night2day"),
        2,
        (
            "--start-from",
            "teacher.safetensors: it is",
            "--filters, --blocks, --separable and --norm-eps",
        ),
    ),
    "begins with what it would overwrite": (
        distill("--start-from", "teacher.safetensors", teacher="night2day", out="."),
        2,
        ("--out .: holds what --start-from names",),
    ),
    "begins with nothing": (distill("--start-from", "gone"), 2, ("unknown pair 'gone'",)),
    "nothing asked": (
        distill(*(x for n in ("output", "feature", "adversarial") for x in (f"--lambda-{n}", 0))),
        2,
        ("--lambda-output, -feature, -adversarial", "more than 0"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_is_wrong_and_what_to_do(
    here: Path, vidgan_command: Command, case: str
) -> None:
    (here / "empty").mkdir()
    discriminator = PatchDiscriminator(DiscriminatorConfig(filters=4))
    torch.save(discriminator.state_dict(), here / "d.pth")
    before = set(here.rglob("*"))
    arguments, status, words = REFUSED[case]
    said = vidgan_command(*arguments)
    assert (said.status, said.out, len(said.lines)) == (status, "", 1)
    assert said.lines[0].startswith("vidgan: ")
    for word in words:
        assert word in said.lines[0]
    assert set(here.rglob("*")) == before


def test_a_run_in_use_is_refused(here: Path, vidgan_command: Command) -> None:
    with RunFolder(here / "run").locked():
        said = vidgan_command(*distill())
    assert (said.status, said.out, len(said.lines)) == (1, "", 1)
    assert "run is in use by another training" in said.lines[0]


def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(here: Path) -> None:
    command = [sys.executable, "-m", "vidgan", *distill("--images", "100000")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as training:
        assert training.stderr is not None
        said = b""
        while b"discriminator" not in said:
            block = os.read(training.stderr.fileno(), 4096)
            assert block, said
            said += block
        training.send_signal(signal.SIGINT)
        out, err = training.communicate(timeout=300)
    assert (out, training.returncode) == (b"", 130)
    assert b"`vidgan distill --out run --resume` goes on from here" in err
    assert load_checkpoint(here / "run/checkpoint.pt")["step"]
