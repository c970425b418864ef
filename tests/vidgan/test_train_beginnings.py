"""`vidgan train --start-from`: trainings that begin with networks there are."""

import hashlib
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from cyclegan import Translator, load_generator
from cyclegan.networks import FastGenerator
from tests.vidgan.small_training import train, write_pictures
from vidgan.models import find_model

Command = Callable[..., Any]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with dark/ and bright/ pictures, and a photo."""
    write_pictures(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_begins_with_the_networks_of_another(here: Path, vidgan_command: Command) -> None:
    still = ["--lr-g", "1e-30", "--lr-d", "1e-30"]
    assert vidgan_command(*train()).status == 0
    assert vidgan_command(*train("--start-from", "run", *still, out="again")).status == 0
    before, after = (torch.load(here / name / "checkpoint.pt") for name in ("run", "again"))
    for name in ("d_a", "d_b"):
        for key, weight in before[name].items():
            assert torch.allclose(after[name][key], weight), f"{name}.{key}"
    averages = {"ema_ab": "ema_ab", "ema_ba": "ema_ba", "g_ab": "ema_ab", "g_ba": "ema_ba"}
    for name, source in averages.items():
        for key, weight in before[source].items():
            assert torch.allclose(after[name][key], weight, atol=1e-6), f"{name}.{key}"
    start = hashlib.sha256((here / "again/start.safetensors").read_bytes()).hexdigest()
    assert json.loads((here / "again/config.json").read_text())["start"] == start

    made = (here / "again/a2b.safetensors").read_bytes()
    (here / "again/checkpoint.pt").unlink()  # as if it had been killed before its first
    shutil.rmtree(here / "run")
    assert vidgan_command("train", "--out", "again", "--resume").status == 0
    assert (here / "again/a2b.safetensors").read_bytes() == made


def test_a_run_begins_with_two_generators_and_new_discriminators(
    here: Path, vidgan_command: Command
) -> None:
    two = ["--start-from", "winter2summer", "--start-from", "summer2winter"]
    still = ["--lr-g", "1e-30", "--lr-d", "1e-30"]
    unsaid = train(*two, *still)
    at = unsaid.index("--generator")
    del unsaid[at : at + 2]  # then it is theirs
    assert vidgan_command(*unsaid).status == 0
    assert json.loads((here / "run/config.json").read_text())["generator"]["separable"]
    assert vidgan_command("train", "--out", "run", "--resume").status == 0
    assert vidgan_command(*train(*still, "--generator", "fast_separable", out="new")).status == 0
    made, new = (torch.load(here / name / "checkpoint.pt") for name in ("run", "new"))
    assert all(torch.allclose(made["d_a"][key], weight) for key, weight in new["d_a"].items())
    photo = np.asarray(Image.open(here / "photo.png"))[None]
    for run, name in (("a2b", "winter2summer"), ("b2a", "summer2winter")):
        made, expected = (
            Translator(load_generator(path), device="cpu", precision="fp32")(photo).astype(int)
            for path in (here / "run" / f"{run}.safetensors", find_model(name).path)
        )
        assert np.abs(made - expected).max() <= 1


def test_two_generators_may_differ_in_what_they_add_and_divide_by(
    here: Path, vidgan_command: Command
) -> None:
    """Each goes on as it is, resumes, and begins another training; an option asks for both."""
    two = ["--start-from", "day2night", "--start-from", "night2day"]
    still = ["--generator", "fast_separable", "--lr-g", "1e-30"]
    assert vidgan_command(*train(*two, *still)).status == 0
    assert vidgan_command("train", "--out", "run", "--resume").status == 0
    told = vidgan_command("train", "--out", "run", "--resume", "--norm-eps", "1")
    assert told.status == 2
    assert "--norm-eps: run was begun with 1e-05 from B to A; leave it out" in told.lines[-1]
    assert vidgan_command(*train("--start-from", "run", *still, out="next")).status == 0
    (here / "next/checkpoint.pt").unlink()  # as if it had been killed before its first
    assert vidgan_command("train", "--out", "next", "--resume").status == 0
    photo = np.asarray(Image.open(here / "photo.png"))[None]
    for way, name in (("a2b", "day2night"), ("b2a", "night2day")):
        expected = load_generator(find_model(name).path)
        for file in (here / run / f"{way}.safetensors" for run in ("run", "next")):
            made = load_generator(file)
            assert made.config == expected.config
            levels = (
                Translator(each, device="cpu", precision="fp32")(photo).astype(int)
                for each in (made, expected)
            )
            assert np.abs(next(levels) - next(levels)).max() <= 1
    told = vidgan_command(*train(*two, *still, "--input-share", "0.5", out="other"))
    assert told.status == 2
    assert re.search(r"--start-from night2day: it is .*ask for .*_share.: 0\.5", told.lines[-1])
    assert not (here / "other").exists()


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["summer2winter"], 2, "--start-from summer2winter: give one run, or two generators"),
        (["summer2winter"] * 3, 2, "--start-from summer2winter: give one run, or two generators"),
        (["summer2winter", "no"], 2, "unknown pair 'no': known are day2night"),
        (["dark"], 1, "dark: not the folder of a training"),
    ],
)
def test_what_a_run_cannot_begin_with_is_one_line(
    here: Path, vidgan_command: Command, options: list[str], status: int, said: str
) -> None:
    sources = [word for source in options for word in ("--start-from", source)]
    told = vidgan_command(*train(*sources, "--generator", "fast_separable"))
    assert told.status == status
    assert said in told.lines[-1]
    assert not (here / "run").exists()


def test_a_folder_of_a_model_s_name_is_no_run(here: Path, vidgan_command: Command) -> None:
    (here / "dark").rename(here / "summer2winter")
    told = vidgan_command(*train("--start-from", "summer2winter", a="summer2winter"))
    assert told.status == 1
    assert "summer2winter: not the folder of a training" in told.lines[-1]


def test_two_runs_give_one_generator_each(here: Path, vidgan_command: Command) -> None:
    assert vidgan_command(*train(out="first")).status == 0
    assert vidgan_command(*train("--seed", "1", out="second")).status == 0
    two = ["--start-from", "first", "--start-from", "second"]
    assert vidgan_command(*train(*two, "--lr-g", "1e-30")).status == 0
    for name, source in (("a2b", "first"), ("b2a", "second")):
        made, expected = (load_file(here / run / f"{name}.safetensors") for run in ("run", source))
        assert all(torch.allclose(made[key], expected[key], atol=1e-6) for key in expected)


def test_discriminators_that_cannot_be_used_are_one_line(
    here: Path, vidgan_command: Command
) -> None:
    assert vidgan_command(*train()).status == 0
    file = here / "run" / "checkpoint.pt"
    whole = torch.load(file)
    worst = dict.fromkeys(whole["d_a"], torch.tensor(math.nan))
    for damaged in (whole | {"d_a": None}, whole | {"d_a": worst}, whole | {"d_b": {}}):
        torch.save(damaged, file)
        told = vidgan_command(*train("--start-from", "run", out="next"))
        assert told.status == 1
        assert "checkpoint.pt: its discriminators cannot be used" in told.lines[-1]
        assert not (here / "next").exists()
    options = ["--discriminator-layers", "2"]  # others than the run's: they are not asked for
    assert vidgan_command(*train("--start-from", "run", *options, out="next")).status == 0


def test_what_a_run_began_with_must_be_there_while_it_is_needed(
    here: Path, vidgan_command: Command
) -> None:
    assert vidgan_command(*train(out="first")).status == 0
    assert vidgan_command(*train("--start-from", "first")).status == 0
    start, checkpoint = here / "run" / "start.safetensors", here / "run" / "checkpoint.pt"
    resume = ("train", "--out", "run", "--resume")
    content = start.read_bytes()
    start.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert vidgan_command(*resume).status == 0, "the checkpoint holds all"
    checkpoint.unlink()
    told = vidgan_command(*resume)
    assert (told.status, "start.safetensors is not what the run began" in told.lines[-1]) == (
        1,
        True,
    )
    start.unlink()
    told = vidgan_command(*resume)
    assert (told.status, "start.safetensors cannot be read" in told.lines[-1]) == (1, True)
    (here / "run" / "config.json").unlink()
    start.write_bytes(content)  # of the run before: none of the next one's business
    assert vidgan_command(*train()).status == 0
    assert vidgan_command(*resume).status == 0
    assert not start.exists()


def test_networks_of_another_architecture_are_no_beginning(
    here: Path, vidgan_command: Command
) -> None:
    two = ["--start-from", "winter2summer", "--start-from", "summer2winter"]
    told = vidgan_command(*train(*two, "--generator-filters", "8"))
    assert told.status == 2
    assert re.search(r'it is .*"filters": 16.*norm-eps ask for .*"filters": 8', told.lines[-1])
    assert not (here / "run").exists()


def test_a_generator_that_adds_none_of_its_input_draws_pictures_anew(
    here: Path, vidgan_command: Command
) -> None:
    """And what goes on from it is built like it, unless an option says otherwise."""
    share = ["--input-share", "0"]
    assert vidgan_command(*train("--generator", "fast_separable", *share, out="first")).status == 0
    generator = load_generator(here / "first/a2b.safetensors")
    assert isinstance(generator, FastGenerator)
    for weight in generator.head.parameters():
        weight.zero_()
    assert not generator(torch.rand(1, 3, 32, 32)).any(), "what it does not draw is not there"

    unsaid = train("--start-from", "first")
    at = unsaid.index("--generator")
    del unsaid[at : at + 2]
    assert vidgan_command(*unsaid).status == 0
    first, again = (
        json.loads((here / run / "config.json").read_text())["generator"]
        for run in ("first", "run")
    )
    assert again == first
    assert (first["input_share"], first["separable"]) == (0.0, True)
    assert vidgan_command("train", "--out", "run", "--resume").status == 0
    told = vidgan_command(*train("--start-from", "first", "--input-share", "1", out="other"))
    assert told.status == 2
    assert re.search(r'it is .*"input_share": 0\.0.*ask for .*"input_share": 1\.0', told.lines[-1])
