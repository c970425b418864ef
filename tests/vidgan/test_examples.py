"""The scripts that made the models: commands that there are, and those that the cards tell."""

import os
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from vidgan.cli.commands import cli
from vidgan.models import find_model

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = {"train-daynight.sh": ("DAY", "NIGHT"), "train-seasons.sh": ("SUMMER", "SNOW")}
MODELS = {
    "train-daynight.sh": ("day2night", "night2day"),
    "train-seasons.sh": ("summer2winter", "winter2summer"),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No models of a user's own."""
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path / "home"))


RECORDER = """#!/usr/bin/env bash
printf '%s\\0' "$@" >> "$COMMANDS" && printf '\\n' >> "$COMMANDS"
"""


def commands_of(script: str, folder: Path) -> list[list[str]]:
    """The words of each `vidgan` in it, in order, run with a program of that name in its place."""
    program, said = folder / "vidgan", folder / "commands"
    program.write_text(RECORDER)
    program.chmod(0o755)
    subprocess.run(
        ["bash", EXAMPLES / script, *FOLDERS[script], "RUN"],
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "COMMANDS": str(said)},
        cwd=folder,
        check=True,
    )
    return [line.split("\0")[:-1] for line in said.read_text().splitlines()]


@pytest.mark.parametrize("name", [name for names in MODELS.values() for name in names])
def test_a_card_s_figures_are_of_the_size_at_which_films_are_seen(name: str) -> None:
    card = find_model(name).card
    assert f"seen at {card.size};" in card.figures[0]
    assert f"--size {card.size} --steady {card.steady:g}" in card.commands[-1]


@pytest.mark.parametrize("script", FOLDERS)
def test_every_command_of_a_script_is_one_that_there_is(script: str, tmp_path: Path) -> None:
    """Names of options, and their values; what folders hold is only seen when it is run."""
    commands = commands_of(script, tmp_path)
    assert {words[0] for words in commands} == {"train", "distill", "models"}
    for words in commands:
        name, *options = words
        command = cli.commands[name]
        if isinstance(command, click.Group):
            name, *options = options
            command = command.commands[name]
        command.make_context(name, options)  # raises where an option or its value is wrong


@pytest.mark.parametrize("script", FOLDERS)
def test_cards_tell_the_commands_of_the_scripts(script: str, tmp_path: Path) -> None:
    said = [shlex.join(["vidgan", *words]) for words in commands_of(script, tmp_path)]
    told = [find_model(name).card.commands for name in MODELS[script]]
    for name, commands in zip(MODELS[script], told, strict=True):
        assert commands == tuple(line for line in said if line in commands)
        assert f"--name {name} " in commands[-1]
    assert set(said) == {line for commands in told for line in commands}
