"""The command line as a user and a script meet it: help, outputs on the right stream, statuses."""

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

import vidgan
from vidgan.cli.commands import cli
from vidgan.media.probe import probe

MakeFilm = Callable[..., Path]
Command = Callable[..., Any]

REPORT = {"frames", "seconds", "frames_per_second", "workers", "device", "output"}
REPORT |= {"audio_streams", "chunks", "chunks_reused"}


def walk(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Every registered command under its full name."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from walk(child, *path, name)


COMMANDS = dict(walk(cli, "vidgan"))


def is_sentence(text: str) -> bool:
    """A capital, several words, a full stop; a default in brackets may follow."""
    return re.fullmatch(r"[A-Z][^\n]* [^\n]*\.(  \[default: [^\n]+\])?", text) is not None


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_sentence_of_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help is not None
    assert is_sentence(command.help.splitlines()[0])
    for option in command.params:
        if isinstance(option, click.Option):
            assert is_sentence(option.help or ""), option.opts
        else:
            assert isinstance(option, click.Argument)
            assert option.make_metavar(click.Context(command)).strip("[].").isupper()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps(name: str, vidgan_command: Command) -> None:
    said = vidgan_command(*name.split()[1:], "--help")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"Usage: {name} ")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "vidgan"])
def test_the_readme_mentions_every_command(name: str) -> None:
    """`vidgan models` alone is its list."""
    readme = Path(__file__).parents[2] / "README.md"
    assert re.search(rf"\b{name.removesuffix(' list')}\b", readme.read_text())


CONTRACT = {
    "convert": "-o --pair --weights --direction --workers --device --size --codec --crf --preset"
    " --chunk-frames --address --overwrite --no-resume --json --quiet"
    " --compare --deinterlace --background --tonemap",
    "train": "--a --b --out --workers --images --batch --crop --generator --lr-g --lr-d"
    " --lambda-cycle --lambda-identity --gan-mode --guard --seed --resume --address --dry-run",
    "models list": "",
    "models show": "",
    "models import": "--name",
    "models export": "",
    "models pull": "--from",
    "probe": "--json",
    "doctor": "",
    "eval": "--a --b --json",
    "distill": "--teacher --data --out",
}


@pytest.mark.parametrize("name", CONTRACT)
def test_the_contract_s_options_are_there(name: str) -> None:
    """docs and scripts rely on these names; more may come."""
    options = {option for param in COMMANDS[f"vidgan {name}"].params for option in param.opts}
    assert set(CONTRACT[name].split()) <= options


def test_help_takes_less_than_three_tenths_of_a_second() -> None:
    command = [sys.executable, "-m", "vidgan", "--help"]
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Of a core: other tests may be running beside this one.
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3


@pytest.mark.parametrize("way", [[sys.executable, "-m", "vidgan"], ["vidgan"]])
def test_the_version_of_module_and_script(way: list[str]) -> None:
    if way == ["vidgan"]:
        script = Path(sys.executable).with_name("vidgan")
        if not script.exists():
            pytest.skip("the package is used without being installed")
        way = [str(script)]
    said = subprocess.run([*way, "--version"], check=True, capture_output=True, text=True)
    assert said.stdout == f"vidgan, version {vidgan.__version__}\n"


def test_without_a_command_there_is_help_and_an_unknown_one_is_a_wrong_usage(
    vidgan_command: Command,
) -> None:
    assert "Commands:" in vidgan_command().err
    said = vidgan_command("convrt")
    assert said.status == 2
    assert "No such command 'convrt'" in said.lines[-1]


@pytest.fixture
def film(make_film: MakeFilm, tmp_path: Path) -> Path:
    shutil.copy(make_film("clip.mp4", frames=24), tmp_path / "clip.mp4")
    return tmp_path / "clip.mp4"


@pytest.mark.usefixtures("ray_up")
def test_json_on_standard_output_and_progress_on_standard_error(
    film: Path, generator_file: Path, vidgan_command: Command
) -> None:
    output = film.with_name("clip.tiny.mp4")
    output.write_text("not precious\n")
    said = vidgan_command("convert", film, "--weights", generator_file, "--json", "--overwrite")
    assert said.status == 0
    report = json.loads(said.out)
    assert report.keys() >= REPORT
    assert report["output"] == str(output)
    assert output.stat().st_size > 1000
    facts = ("frames", "audio_streams", "chunks", "chunks_reused", "device", "workers")
    assert [report[fact] for fact in facts] == [24, 1, 1, 0, "cpu", 1]
    assert report["frames_per_second"] == pytest.approx(24 / report["seconds"], rel=0.01)
    assert said.out.count("\n") == 1
    assert said.lines[0] == "starting workers for 24 frames in 1 chunk"
    assert {"writing clip.tiny.mp4", "translating: 24 of 24 frames (100 %)"} <= {
        line.partition(",")[0] for line in said.lines
    }
    assert len(said.lines) <= 3


@pytest.mark.usefixtures("ray_up")
def test_what_is_done_to_the_pictures_reaches_the_workers(
    film: Path, generator_file: Path, vidgan_command: Command
) -> None:
    output = film.with_name("both.mp4")
    chosen = ["--compare", "stack", "--deinterlace", "on", "--background", "#ff8800"]
    said = vidgan_command("convert", film, "-o", output, "--weights", generator_file, *chosen)
    assert said.status == 0, said.err
    video = probe(output).video
    assert (video.width, video.height) == (96, 128)


@pytest.mark.usefixtures("ray_up")
def test_one_broken_input_of_several_does_not_stop_the_others(
    film: Path, generator_file: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (33, 45, 3), np.uint8)).save(tmp_path / "photo.png")
    broken = tmp_path / "broken.mp4"
    broken.write_text("no film\n")
    inputs = (film, broken, tmp_path / "photo.png")
    said = vidgan_command("convert", *inputs, "--weights", generator_file)
    assert said.status == 1
    assert said.out == ""
    (failure,) = [line for line in said.lines if line.startswith("vidgan: ")]
    assert str(broken) in failure
    assert f"{film.with_name('clip.tiny.mp4')}: 24 frames, sound kept" in said.lines
    assert f"{tmp_path / 'photo.tiny.png'}: a photograph" in said.lines
    assert re.fullmatch(
        r"25 frames in \d+\.\d s \(\d+\.\d frames/s\) on 1 cpu worker", said.lines[-1]
    )
    made = {path.name for path in tmp_path.iterdir()} - {path.name for path in inputs}
    assert made == {"clip.tiny.mp4", "photo.tiny.png"}


@pytest.mark.usefixtures("ray_up")
def test_quiet_says_nothing_and_the_same_command_again_skips_what_is_done(
    film: Path, generator_file: Path, vidgan_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outputs lie among the inputs, and are not taken for such."""
    monkeypatch.chdir(film.parent)
    command = ["convert", ".", "-o", "out", "--weights", generator_file]
    said = vidgan_command(*command, "--quiet")
    assert (said.status, said.out, said.err) == (0, "", "")
    output = film.parent / "out/clip.mp4"
    written = output.stat().st_mtime_ns

    said = vidgan_command(*command, "--json")
    assert said.status == 0
    report = json.loads(said.out)
    assert (report["skipped"], report["frames"]) == (["out/clip.mp4"], 0)
    said = vidgan_command(*command)
    assert said.err == "out/clip.mp4: is there already, skipped\n"
    assert output.stat().st_mtime_ns == written
    assert {path.name for path in film.parent.rglob("*.mp4")} == {"clip.mp4"}
    assert not (film.parent / "out/out").exists()


def test_probe_in_words(film: Path, vidgan_command: Command) -> None:
    said = vidgan_command("probe", film)
    assert (said.status, said.err) == (0, "")
    facts = dict(line.split(": ", 1) for line in said.out.splitlines())
    assert facts["codec"] == "h264"
    assert facts["width"] == "96"
    assert facts["frames"] == "24"
    assert facts["output codec"] == "libx264"
    assert any("audio, aac" in value and "copied" in value for value in facts.values())


def test_probe_as_json(film: Path, vidgan_command: Command) -> None:
    said = vidgan_command("probe", film, "--json")
    assert (said.status, said.err) == (0, "")
    facts = json.loads(said.out)
    assert facts["input"] == str(film)
    assert (facts["width"], facts["height"], facts["frames"]) == (96, 64, 24)
    assert facts["average_rate"] == "24"
    assert [stream["kind"] for stream in facts["streams"]] == ["audio"]


def test_probe_says_that_a_photograph_can_be_converted(
    tmp_path: Path, vidgan_command: Command
) -> None:
    photo = tmp_path / "photo.JPG"
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: a quarter
    Image.fromarray(np.zeros((33, 45, 3), np.uint8)).save(photo, exif=turned)
    said = vidgan_command("probe", photo)
    assert (said.status, said.err) == (0, "")
    assert "width: 33" in said.out
    assert said.out.endswith("`vidgan convert` takes it as it takes films\n")
    facts = json.loads(vidgan_command("probe", photo, "--json").out)
    assert (facts["kind"], facts["width"], facts["height"]) == ("photograph", 33, 45)

    photo.write_text("words")
    said = vidgan_command("probe", photo)
    assert said.err == (
        f"vidgan: {photo} is not an image that can be read (of no known format); "
        "repair or remove it\n"
    )
    assert (said.status, said.out) == (1, "")


STOPPED = """
import signal, sys

_, how, when = sys.argv

class Stopper:
    def find_spec(self, name, path=None, target=None):
        if name == when:
            signal.raise_signal(int(how))

sys.meta_path.insert(0, Stopper())
from vidgan.cli import main
sys.argv = ["vidgan", "convert", "clip.mp4", "--pair", "summer2winter"]
main()
"""


@pytest.mark.parametrize(
    ("how", "when", "status", "words"),
    [
        (signal.SIGINT, "click", 130, ""),
        (signal.SIGTERM, "vidgan.cli.train", 143, ""),
        (signal.SIGINT, "ray", 130, "; run the same command again to go on from here"),
    ],
)
def test_a_command_stopped_while_it_is_still_being_loaded(
    how: signal.Signals, when: str, status: int, words: str
) -> None:
    """As by Ctrl-C in the first tenth of a second; `when` is what is about to be imported."""
    command = [sys.executable, "-c", STOPPED, str(int(how)), when]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (status, "")
    assert said.stderr == f"vidgan: interrupted{words}\n"


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_probe_refuses_in_one_line(
    make_film: MakeFilm, vidgan_command: Command, how: list[str]
) -> None:
    film = make_film("askew.mp4", rotation=30, frames=12)
    said = vidgan_command("probe", film, *how)
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith(f"vidgan: {film} is shown turned by ")
    assert "only 0, 90, 180 and 270 are supported" in said.err
    assert said.err.count("\n") == 1


def test_a_colour_that_is_none(vidgan_command: Command, tmp_path: Path) -> None:
    for wrong in ("blackish", "#12", ""):
        said = vidgan_command("convert", "film.mp4", "--pair", "x", "--background", wrong)
        assert said.status == 2
        assert f"{wrong!r} is no colour: say black, white, #ff8800" in said.err
