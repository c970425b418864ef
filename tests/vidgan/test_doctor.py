"""`vidgan doctor`: what it says of runs that `vidgan train` made."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cyclegan.checkpoint import save_generator
from cyclegan.config import FastConfig
from cyclegan.networks import build_generator, init_weights
from cyclegan.run_folder import RunFolder
from cyclegan.student import StudentConfig

Command = Callable[..., Any]

SIDE = 32
SMALL = ["--crop", SIDE, "--load", SIDE, "--discriminator-filters", 4, "--samples", 0]
SMALL += ["--threads", 1, "--device", "cpu", "--precision", "fp32", "--lr-g", 2e-3]


def _write_pictures(folder: Path, tint: tuple[int, int, int], seed: int) -> None:
    """Soft shapes over all of the range, in a tint, with a little grain."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    for number in range(40):
        waves = [
            np.sin(2 * np.pi * (u * x + v * y + phase))
            for u, v, phase in random.uniform((-3, -3, 0), (3, 3, 1), (4, 3))
        ]
        light = 128 + 45 * np.sum(waves, 0)[..., np.newaxis]
        pixels = light + np.array(tint) + random.normal(0, 2, (SIDE, SIDE, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs: healthy/, and failed/, of discriminators that are far too fast."""
    from click.testing import CliRunner

    from vidgan.cli.commands import cli

    here = tmp_path_factory.mktemp("trained")
    _write_pictures(here / "cool", (-20, -10, 20), seed=1)
    _write_pictures(here / "warm", (25, 10, -20), seed=2)
    runs = {
        "healthy": ["--images", 60, "--lr-d", 2e-3],
        "failed": ["--images", 200, "--lr-d", 0.2, "--lambda-cycle", 0],
    }
    for name, options in runs.items():
        command = ["train", "--a", here / "cool", "--b", here / "warm", "--out", here / name]
        said = CliRunner().invoke(cli, [str(each) for each in (*command, *SMALL, *options)])
        assert said.exit_code == 0, said.output
    return here


def test_a_healthy_run(trained: Path, vidgan_command: Command) -> None:
    before = _contents(trained / "healthy")
    said = vidgan_command("doctor", trained / "healthy")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines() == [
        f"{trained / 'healthy'}: step 60 of 60",
        "",
        "nothing wrong was found",
        "looked at: settings, log (2 lines), what the guard said (0 events), both generators on 6 "
        "pictures of each domain",
    ]
    assert _contents(trained / "healthy") == before, "looking changes nothing"


def test_a_failed_run(trained: Path, vidgan_command: Command) -> None:
    said = vidgan_command("doctor", trained / "failed")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    rates = lines.index("learning rates, by the settings")
    assert lines[rates + 1] == "  seen:    lr-d 0.2 is 100 times lr-g 0.002"
    assert lines[rates + 2].startswith("  likely:  the discriminators learn much faster")
    assert lines[rates + 3] == (
        "  change:  keep the two within a factor of four: 2e-4 for both is usual"
    )
    assert "no cycle loss, by the settings" in lines
    # Of which direction, or of both, may depend on the processor's last bits.
    assert {
        "discriminator never settles (a2b), by the log",
        "discriminator never settles (b2a), by the log",
    } & set(lines)
    assert "nothing wrong was found" not in lines


def test_json(trained: Path, vidgan_command: Command) -> None:
    healthy, failed = (
        json.loads(vidgan_command("doctor", trained / name, "--json").out)
        for name in ("healthy", "failed")
    )
    assert (healthy["healthy"], healthy["findings"]) == (True, [])
    assert (failed["healthy"], failed["step"], failed["steps"]) == (False, 200, 200)
    (rates,) = (each for each in failed["findings"] if each["name"] == "learning rates")
    assert rates["source"] == "settings"
    assert rates["numbers"] == {"lr_g": 0.002, "lr_d": 0.2}
    assert all(each[part] for each in failed["findings"] for part in ("evidence", "cause"))
    titles = [(each["name"], each["place"]) for each in failed["findings"]]
    assert len(titles) == len(set(titles)), "each is said once, whoever saw it"


def _replace_generator(file: Path, *, std: float, seed: int) -> None:
    """By one with random weights, N(0, std)."""
    config = FastConfig(blocks=1, filters=4, input_share=0.0)
    generator = build_generator(config)
    init_weights(generator, std=std, seed=seed)
    save_generator(generator, config, file)


def test_a_generator_that_draws_one_colour(
    trained: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    """Its log looks well and its guard saw nothing: the pictures tell."""
    run = shutil.copytree(trained / "healthy", tmp_path / "run")
    _replace_generator(run / "a2b.safetensors", std=0.0, seed=0)
    said = vidgan_command("doctor", run)
    assert "blank outputs (a2b), by the generators" in said.out.splitlines()
    assert "(b2a)" not in said.out


def test_generators_that_do_not_take_each_other_back(
    trained: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    """One of them has learnt nothing: it draws bright shapes of its own."""
    run = shutil.copytree(trained / "healthy", tmp_path / "run")
    _replace_generator(run / "b2a.safetensors", std=0.2, seed=2)
    said = vidgan_command("doctor", run)
    assert "cycle does not close (a2b), by the generators" in said.out.splitlines()


def test_a_running_one(trained: Path, tmp_path: Path, vidgan_command: Command) -> None:
    """Its folder is locked, its log ends in half a line, its generators are not there yet."""
    run = shutil.copytree(trained / "failed", tmp_path / "run")
    for name in ("a2b", "b2a"):
        (run / f"{name}.safetensors").unlink()
    with (run / "log.jsonl").open("a") as log:
        log.write('{"step": 250, "ima')
    with RunFolder(run).locked():
        said = vidgan_command("doctor", run)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"{run}: step 200 of 200\n")
    assert "learning rates, by the settings" in said.out
    assert "not looked at: generators: " in said.out


def test_a_folder_that_is_no_run(tmp_path: Path, vidgan_command: Command) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        said = vidgan_command("doctor", folder)
        assert (said.status, said.out) == (1, "")
        assert said.err == (
            f"vidgan: {folder}: not the folder of a training (config.json is not in it)\n"
        )
    (tmp_path / "config.json").write_text("{}")
    said = vidgan_command("doctor", tmp_path)
    assert said.status == 1
    assert len(said.lines) == 1
    assert f"{tmp_path / 'config.json'} cannot be used" in said.err


def test_a_students_run(tmp_path: Path, vidgan_command: Command) -> None:
    RunFolder(tmp_path).begin(StudentConfig())
    said = vidgan_command("doctor", tmp_path)
    assert (said.status, said.out) == (1, "")
    assert said.lines == [
        f"vidgan: {tmp_path}: the training of a student, which has no cycle and no guard; "
        "a doctor looks at what `vidgan train` made"
    ]


def test_it_is_among_the_commands(vidgan_command: Command) -> None:
    said = vidgan_command("--help")
    assert re.search("^  doctor +Say what is wrong with a training", said.out, re.MULTILINE)


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
