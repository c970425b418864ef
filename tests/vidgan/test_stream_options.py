"""--map and --no-audio: which streams go along, and what `vidgan probe` says of each."""

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.vidgan.films.beeps import Beeps, heard, seen, write_beeps
from tests.vidgan.here import convert_here
from vidgan.media.encoders import encoder_settings
from vidgan.media.header import Target
from vidgan.media.part import Part
from vidgan.media.probe import probe
from vidgan.media.streams import Streams
from vidgan.media.types import UNTREATED
from vidgan.options import Options

MakeFilm = Callable[..., Path]
Command = Callable[..., Any]


@pytest.fixture
def film(make_film: MakeFilm, tmp_path: Path) -> Path:
    """Picture, AAC, text, a cover."""
    made = make_film("film.mp4", frames=8, rate=8, subtitles=True, cover=True)
    return Path(shutil.copy(made, tmp_path / "film.mp4"))


def kinds(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


@pytest.mark.usefixtures("ray_up")
def test_chosen_streams_alone_are_written(
    film: Path, generator_file: Path, vidgan_command: Command
) -> None:
    command = ["convert", film, "--weights", generator_file, "--json", "--crf", 40]
    for number, (choice, wanted) in enumerate(
        [
            ([], ["video", "audio", "subtitle", "video"]),
            (["--no-audio", "--map", "-cover"], ["video", "subtitle"]),
            (["--map", "audio:0"], ["video", "audio"]),
        ]
    ):
        output = film.with_name(f"{number}.mp4")
        said = vidgan_command(*command, "-o", output, *choice)
        assert (said.status, json.loads(said.out)["warnings"]) == (0, [])
        assert kinds(output) == wanted


def test_what_does_not_fit_is_transcoded_or_named(film: Path, generator_file: Path) -> None:
    output = film.with_name("out.webm")
    options = Options(weights=generator_file, streams=Streams.parse(["-subtitle"]))
    report = convert_here(film, output, options)
    assert report.warnings == (
        "audio 1 becomes opus: .webm holds no aac",
        "cover 3 is left out: .webm holds none of its kind",
    )
    assert kinds(output) == ["video", "audio"]


@pytest.mark.parametrize("codec", ["tta", "libopus"])
def test_sound_of_a_part_is_exact_when_it_is_made_anew(
    codec: str, generator_file: Path, tmp_path: Path
) -> None:
    """Packets of TTA last a second; most of one lies before the part."""
    film, output = write_beeps(tmp_path / "film.mkv", Beeps(codec=codec)), tmp_path / "out.webm"
    if codec == "libopus":
        output = tmp_path / "out.mov"
    part = Part(start=Fraction(9, 5), end=Fraction(19, 5))
    convert_here(film, output, Options(weights=generator_file, part=part))
    assert seen(output) == pytest.approx([0.2, 1.7], abs=0.001)
    assert heard(output) == pytest.approx([0.2, 1.7], abs=0.005)
    with av.open(str(output)) as container:
        (sound,) = container.streams.audio
        samples = sum(frame.samples for frame in container.decode(sound))
        assert samples / 48_000 == pytest.approx(2, abs=0.03)


def test_other_words_are_refused_at_once(film: Path, vidgan_command: Command) -> None:
    said = vidgan_command("convert", film, "--pair", "none", "--map", "0:a:1")
    assert said.status == 2
    assert "--map 0:a:1: say KIND, KIND:NUMBER or -KIND" in said.err


def test_a_stream_that_is_not_there_is_named_before_any_work(
    film: Path, generator_file: Path, vidgan_command: Command
) -> None:
    said = vidgan_command("convert", film, "--weights", generator_file, "--map", "audio:1")
    assert said.status == 1
    assert f"vidgan: {film} has no audio:1 for --map audio:1: it has 1 of this kind" in said.err
    assert [path.name for path in film.parent.iterdir()] == ["film.mp4"]


def test_probe_says_what_becomes_of_each_stream(
    make_film: MakeFilm, tmp_path: Path, vidgan_command: Command
) -> None:
    film = Path(
        shutil.copy(make_film("film.mkv", frames=4, audio="pcm_s16le"), tmp_path / "film.mkv")
    )
    said = vidgan_command("probe", film)
    assert "stream 1: audio, pcm_s16le, eng, copied" in said.out.splitlines()
    said = vidgan_command("probe", film.rename(tmp_path / "film.mp4"))
    assert "stream 1: audio, pcm_s16le, eng, becomes aac" in said.out.splitlines()
    assert "warning: audio 1 becomes aac: .mp4 holds no pcm_s16le" in said.out.splitlines()
    said = vidgan_command("probe", tmp_path / "film.mp4", "--json")
    assert json.loads(said.out)["streams"][0]["plan"] == "becomes aac"


def test_a_kind_that_a_film_has_not_is_named(make_film: MakeFilm, tmp_path: Path) -> None:
    source = make_film("plain.mp4", frames=6, rate=6, audio=False)
    film, settings = probe(source), encoder_settings(tmp_path / "out.mp4")
    for text, said in [("subtitle", True), ("-subtitle", False)]:
        target = Target(
            film=film,
            settings=settings,
            output=tmp_path / "out.mp4",
            treatment=UNTREATED,
            streams=Streams.parse([text]),
        )
        line = f"{source} has no subtitle for --map subtitle; see `vidgan probe`"
        assert target.said == ((line,) if said else ())
