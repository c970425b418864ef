"""Whatever is wrong with what a user gives: one line, the right exit status, and nothing left."""

import os
import pickle
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cyclegan.config import DiscriminatorConfig
from cyclegan.discriminators import PatchDiscriminator
from tests.vidgan.films.described_twice import with_second_description

MakeFilm = Callable[..., Path]
Command = Callable[..., Any]


class Code:
    """Unpickling it would make a folder."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("code_was_run",)


@pytest.fixture
def here(
    tmp_path: Path,
    make_film: MakeFilm,
    generator_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder a user works in: a film, weights, a model by name, and all that is wrong."""
    whole = make_film("clip.mp4", frames=24)
    shutil.copy(whole, tmp_path / "clip.mp4")
    shutil.copy(generator_file, tmp_path / "good.safetensors")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing/notes.txt").write_text("no film here\n")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("These are words, not pictures.\n" * 40)
    (tmp_path / "notes.txt").write_text("These are words, not pictures.\n" * 40)
    shutil.copy(make_film("sound.mp4", video_tracks=0), tmp_path)
    two = (make_film("a.mp4", audio=False), make_film("a.mp4", size=(128, 80), audio=False))
    with_second_description(*two, tmp_path / "joined.mp4", first=44)
    data = whole.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    (tmp_path / "precious.mp4").write_bytes(b"precious")
    (tmp_path / "text.pth").write_text("Weights are not words.\n")
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 45000000\n"
    (tmp_path / "pointer.pth").write_bytes(lfs)
    torch.save(PatchDiscriminator(DiscriminatorConfig(filters=4)).state_dict(), tmp_path / "d.pth")
    torch.save(Code(), tmp_path / "code.pth")
    (tmp_path / "pickle.pth").write_bytes(pickle.dumps(Code()))
    models = tmp_path / "home/models"
    models.mkdir(parents=True)
    for name in ("summer2winter", "day2night"):
        shutil.copy(generator_file, models / f"{name}.safetensors")
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder with what is in them; folders end in a slash."""
    return {
        f"{path.relative_to(folder)}/" if path.is_dir() else str(path.relative_to(folder)): (
            b"" if path.is_dir() else path.read_bytes()
        )
        for path in folder.rglob("*")
    }


WEIGHTS = ["--weights", "good.safetensors"]
TO = [*WEIGHTS, "-o", "out.mp4"]
AGAIN = r"(download|record)"

REFUSED: dict[str, tuple[list[str], int, str]] = {
    "missing file": (["gone.mp4", *WEIGHTS], 1, r"gone\.mp4: no such file; check"),
    "missing image": (["gone.png", *WEIGHTS], 1, r"gone\.png: no such file; check"),
    "name too long": (
        ["x" * 300, *WEIGHTS],
        1,
        r"xxx.*: a name too long for a file.*; choose another",
    ),
    "folder without media": (["nothing", *WEIGHTS], 1, r"nothing: no films or images.*\.mp4"),
    "empty file": (["empty.mp4", *WEIGHTS], 1, rf"empty\.mp4 is empty \(0 bytes\); {AGAIN}"),
    "text as mp4": (["text.mp4", *WEIGHTS], 1, r"text\.mp4 is not a video.*; give an mp4"),
    "text": (["notes.txt", *WEIGHTS], 1, r"notes\.txt is not a video.*; give an mp4"),
    "sound alone": (["sound.mp4", *WEIGHTS], 1, r"sound\.mp4 has no video stream.*; give a file"),
    "cut, index at the end": (["cut.mp4", *WEIGHTS], 1, rf"cut\.mp4 is cut off: .*; {AGAIN}"),
    "other pictures, late": (
        ["joined.mp4", *WEIGHTS],
        1,
        r"joined\.mp4 changes its coding parameters at 1\.\d+ s; repair it with `ffmpeg",
    ),
    "no folder for the output": (
        ["clip.mp4", *WEIGHTS, "-o", "nowhere/out.mp4"],
        1,
        r"nowhere/out\.mp4: there is no folder .*nowhere; make it",
    ),
    "no folder can be made": (
        ["clip.mp4", *WEIGHTS, "-o", "/proc/out.mp4"],
        1,
        r"/proc/out\.mp4.*; choose another output with -o",
    ),
    "output is a kind unknown": (
        ["clip.mp4", *WEIGHTS, "-o", "out.avi"],
        1,
        r"out\.avi: cannot write \.avi; name the output \.mp4",
    ),
    "output name too long": (
        ["clip.mp4", *WEIGHTS, "-o", "y" * 300 + ".mp4"],
        1,
        r"yyy.*: a name too long for a file.*; choose another",
    ),
    "output exists": (
        ["clip.mp4", *WEIGHTS, "-o", "precious.mp4"],
        1,
        r"precious\.mp4 exists already; say --overwrite or choose another with -o",
    ),
    "output is the input": (
        ["clip.mp4", *WEIGHTS, "-o", "./clip.mp4", "--overwrite"],
        2,
        r"clip\.mp4 is an input itself.*; choose another output with -o",
    ),
    "a folder into itself": (
        ["nothing/..", *WEIGHTS, "-o", ".", "--overwrite"],
        2,
        r"\.mp4 is an input itself.*; choose another output with -o",
    ),
    "unknown pair": (
        ["clip.mp4", "--pair", "sumer2winter"],
        2,
        r"unknown pair 'sumer2winter': known are .*day2night.*, summer2winter.*"
        r"did you mean summer2winter\?",
    ),
    "no model": (["clip.mp4"], 2, r"either --pair NAME or --weights FILE"),
    "two models": (["clip.mp4", "--pair", "x", *WEIGHTS], 2, r"either --pair NAME or --weights"),
    "no weights": (["clip.mp4", "--weights", "no.pth"], 1, r"no\.pth: no such file.*; give a gen"),
    "text as weights": (
        ["clip.mp4", "--weights", "text.pth"],
        1,
        r"text\.pth is not a file of weights: give a \.pth or a \.safetensors",
    ),
    "pointer to weights": (
        ["clip.mp4", "--weights", "pointer.pth"],
        1,
        r"pointer\.pth is a Git LFS pointer.*: run git lfs pull",
    ),
    "a discriminator": (["clip.mp4", "--weights", "d.pth"], 1, r"d\.pth .*discriminator.*: give"),
    "code": (["clip.mp4", "--weights", "code.pth"], 1, r"code\.pth holds code.*never run: save"),
    "another's pickle": (["clip.mp4", "--weights", "pickle.pth"], 1, r"pickle\.pth .*: save the"),
    "not a run": (["clip.mp4", "--weights", "nothing"], 1, r"nothing: not the folder of a train"),
    "codec": (["clip.mp4", *TO, "--codec", "h265"], 2, r"--codec h265: unknown; choose .*libx265"),
    "codec elsewhere": (
        ["clip.mp4", *WEIGHTS, "-o", "out.mov", "--codec", "libvpx-vp9"],
        2,
        r"--codec libvpx-vp9: a \.mov file does not hold it; choose libx264",
    ),
    "crf": (["clip.mp4", *TO, "--crf", "99"], 2, r"--crf 99: libx264 takes 0 .* to 51"),
    "preset": (["clip.mp4", *TO, "--preset", "warp"], 2, r"--preset warp: libx264 knows .*fast"),
}


def test_probe_refuses_what_shows_late_in_a_film(here: Path, vidgan_command: Command) -> None:
    said = vidgan_command("probe", "joined.mp4")
    assert re.match(rf"vidgan: {REFUSED['other pictures, late'][2]}", said.err)
    assert (said.status, said.out) == (1, "")


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_is_wrong_and_what_to_do(
    here: Path, vidgan_command: Command, case: str
) -> None:
    arguments, status, words = REFUSED[case]
    before = tree(here)
    said = vidgan_command("convert", *arguments)
    assert re.search(words, said.err), said.err
    assert said.err.startswith("vidgan: ")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert said.status == status
    assert tree(here) == before


@pytest.mark.parametrize(
    ("option", "value"),
    [("--workers", "0"), ("--size", "-1"), ("--chunk-frames", "0"), ("--device", "tpu")],
)
def test_a_value_out_of_range_is_a_wrong_usage(
    here: Path, vidgan_command: Command, option: str, value: str
) -> None:
    before = tree(here)
    said = vidgan_command("convert", "clip.mp4", *TO, option, value)
    assert said.err.startswith(f"vidgan: Invalid value for '{option}': ")
    assert value in said.err
    assert "`vidgan convert --help`" in said.err
    assert said.err.count("\n") == 1
    assert said.status == 2
    assert tree(here) == before


@pytest.mark.parametrize(
    ("option", "value"),
    [("--workers", "20000"), ("--cpus-per-worker", "0.00001"), ("--gpus-per-worker", "1.5")],
)
def test_an_amount_that_ray_cannot_give_is_a_wrong_usage(
    here: Path, vidgan_command: Command, option: str, value: str
) -> None:
    before = tree(here)
    said = vidgan_command("convert", "clip.mp4", *TO, option, value)
    assert said.err.startswith(f"vidgan: {option} ")
    assert said.err.count("\n") == 1
    assert said.status == 2
    assert tree(here) == before


@pytest.mark.usefixtures("ray_up")
def test_parts_of_a_gpu_on_a_cluster_without_one(here: Path, vidgan_command: Command) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    said = vidgan_command("convert", "clip.mp4", *TO, "--gpus-per-worker", "0.5")
    assert said.lines[-1].startswith("vidgan: --gpus-per-worker 0.5: there is no GPU in the Ray")
    assert said.status == 2


@pytest.mark.usefixtures("ray_up")
def test_cuda_where_there_is_none(here: Path, vidgan_command: Command) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    before = tree(here)
    said = vidgan_command("convert", "clip.mp4", *TO, "--device", "cuda")
    assert said.lines[-1].startswith(
        "vidgan: --device cuda: there is no GPU in the Ray cluster at "
    )
    assert sum(line.startswith("vidgan: ") for line in said.lines) == 1
    assert said.status == 2
    assert tree(here) == before


def test_a_cluster_that_is_not_there(here: Path) -> None:
    """In a process of its own, which uses no Ray yet; tests/cluster has the other ways."""
    before = tree(here)
    command = [sys.executable, "-m", "vidgan", "convert", "clip.mp4", *TO]
    started = time.monotonic()
    said = subprocess.run([*command, "--address", "127.0.0.1:1"], capture_output=True, check=False)
    assert time.monotonic() - started < 45
    (line,) = said.stderr.decode().strip().split("\n")
    assert line.startswith("vidgan: no Ray cluster answers at 127.0.0.1:1")
    assert "ray start --head" in line
    assert said.returncode == 1
    assert tree(here) == before
