"""`vidgan eval --film`: films beside their translations, matched by time, in table and JSON."""

import json
import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from tests.vidgan.films.pictures import Pixels
from tests.vidgan.here import convert_here
from vidgan.media.part import Part
from vidgan.models import find_model
from vidgan.options import Options

Command = Callable[..., Any]
MakeFilm = Callable[..., Path]

FIGURES = {
    *("warping_input", "warping_output", "ratio", "contrast", "ratio_at_equal_contrast"),
    *("brightness_steps", "flicker"),
}
SIZE = (96, 64)
FRAMES = 12


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def judge(*arguments: object) -> list[str]:
    return ["eval", *map(str, arguments), "--quiet"]


def lossless(path: Path, frames: list[Pixels], *, rate: int = 24) -> Path:
    """A film of exactly these pictures."""
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=rate, options={"g": "1"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def pan(draw_picture: Callable[[int, tuple[int, int]], Pixels]) -> list[Pixels]:
    """A window that moves over a picture, with grain of its own in each frame."""
    wide = draw_picture(7, (160, 100))[30:]
    random = np.random.default_rng(0)
    grain = random.integers(-4, 5, (FRAMES, 64, 96, 3))
    windows = np.stack([wide[:64, 2 * n : 2 * n + 96] for n in range(FRAMES)])
    return list((windows + grain).clip(0, 255).astype(np.uint8))


def flickering(pan: list[Pixels]) -> tuple[list[Pixels], "np.typing.NDArray[np.int64]"]:
    added = np.random.default_rng(2).integers(0, 20, len(pan))
    return [
        (frame // 2 + plus).astype(np.uint8) for frame, plus in zip(pan, added, strict=True)
    ], added


def test_a_film_and_its_translation_in_a_table_and_as_json(
    pan: list[Pixels], tmp_path: Path, vidgan_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lossless(Path("in.mkv"), pan)
    made, added = flickering(pan)
    lossless(Path("out.mkv"), made)
    said = vidgan_command(*judge("--film", "in.mkv", "out.mkv", "--json"))
    assert (said.status, said.err) == (0, "")
    assert said.out.count("\n") == 1
    report = json.loads(said.out)
    assert (report["model"], report["flow"], report["long_side"]) == (None, "DIS (medium)", 640)
    (film,) = report["films"]
    facts = {"film": "in.mkv", "output": "out.mkv", "width": 96, "height": 64, "frames": 12}
    assert film.items() >= facts.items()
    assert (film["frames_missing"], film["pairs"], film["cuts"]) == (0, 11, 0)
    for name in FIGURES:
        assert film[name]["low"] <= film[name]["value"] <= film[name]["high"]
    means = [frame.astype(float).mean((0, 1)) @ [0.2126, 0.7152, 0.0722] for frame in pan]
    brightness = [frame.astype(float).mean((0, 1)) @ [0.2126, 0.7152, 0.0722] for frame in made]
    steps = np.abs(np.diff(np.subtract(brightness, means)))
    assert film["brightness_steps"]["value"] == pytest.approx(steps.mean(), abs=1e-3)
    assert film["worst"][0]["seconds"] == pytest.approx(
        (1 + np.abs(np.diff(added)).argmax()) / 24, abs=0.05
    )

    table = vidgan_command(*judge("--film", "in.mkv", "out.mkv", "--film", "in.mkv", "in.mkv"))
    assert table.status == 0
    lines = table.out.splitlines()
    assert lines[0] == "motion: DIS (medium), of the input; figures of other kinds do not compare"
    assert lines[2].split() == ["out.mkv", "in.mkv"]
    rows = {line[:22].strip(): line[22:].split() for line in lines[3:12]}
    assert rows["pairs of frames"] == ["11", "11"]
    assert rows["ratio"][-4:] == ["1.00", "(1.00", "to", "1.00)"]
    assert rows["ratio"][0] == f"{film['ratio']['value']:.2f}"
    assert lines[13].startswith("worst of out.mkv: ")


def test_a_model_translates_on_the_way(
    pan: list[Pixels],
    tmp_path: Path,
    vidgan_command: Command,
    identity_file: Path,
    generator_file: Path,
) -> None:
    film = lossless(tmp_path / "in.mkv", pan)
    said = vidgan_command(*judge(identity_file, "--film", film, "--json"))
    assert said.status == 0, said.err
    report = json.loads(said.out)
    assert (report["model"], report["size"]) == ("identity", 0)
    assert report["films"][0]["output"] is None
    assert report["films"][0]["ratio"] == {"value": 1, "low": 1, "high": 1}

    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(generator_file, run / "a2b.safetensors")
    (run / "config.json").write_text('{"preprocess": {"load": 32, "crop": 32}}')
    part = ("--film", film, "--start", "0.2", "--json")
    said = vidgan_command(*judge(run, *part))
    assert said.status == 0, said.err
    report = json.loads(said.out)
    assert (report["size"], report["steady"]) == (32, 0)
    (judged,) = report["films"]
    assert (judged["frames"], judged["pairs"]) == (7, 6)
    assert judged["ratio"]["value"] != 1
    assert all(moment["seconds"] > 0.2 for moment in judged["worst"])
    assert json.loads(vidgan_command(*judge(run, *part)).out) == report
    said = vidgan_command(*judge(run, "--film", film, "--direction", "b2a"))
    assert said.status == 1
    assert "add --direction a2b" in said.err


def test_a_model_is_judged_as_it_converts(
    pan: list[Pixels], tmp_path: Path, vidgan_command: Command
) -> None:
    """The bundled models' cards ask for steadiness."""
    film = lossless(tmp_path / "in.mkv", pan)
    plain, half, whole = (
        json.loads(vidgan_command(*judge("day2night", "--film", film, "--json", *more)).out)
        for more in (["--steady", "0"], ["--steady", "0.5"], [])
    )
    usual = find_model("day2night").card.steady
    assert [said["steady"] for said in (plain, half, whole)] == [0, 0.5, usual]
    errors = [said["films"][0]["warping_output"]["value"] for said in (plain, half, whole)]
    assert errors[2] < errors[0]
    assert len({*errors}) == len(errors)


def test_a_part_of_a_film_is_found_by_the_same_options(
    make_film: MakeFilm, identity_file: Path, vidgan_command: Command, tmp_path: Path
) -> None:
    """Times of mkv are rounded to milliseconds."""
    film = make_film("steady.mp4", frames=48, size=SIZE, audio=False)
    output = tmp_path / "out.mkv"
    half = Part(start=Fraction(1, 2), end=Fraction(7, 4), every=2)
    convert_here(film, output, Options(weights=identity_file, part=half, crf=4))
    part = ("--start", "0.5", "--end", "1.75", "--every", "2")
    said = vidgan_command(*judge("--film", film, output, *part, "--json"))
    assert said.status == 0, said.err
    (judged,) = json.loads(said.out)["films"]
    assert (judged["frames"], judged["frames_missing"], judged["pairs"] + judged["cuts"]) == (
        15,
        0,
        14,
    )
    assert judged["ratio"]["value"] == pytest.approx(1, abs=0.1)
    assert judged["contrast"]["value"] == pytest.approx(1, abs=0.02)
    assert judged["flicker"]["value"] < 0.5
    said = vidgan_command(*judge("--film", film, output))
    assert said.status == 1
    assert "15 of the 48 frames" in said.err
    assert "say --start, --end and --every as its conversion was told" in said.err
    assert said.err.count("\n") == 1


def test_turned_films_are_seen_upright(make_film: MakeFilm, vidgan_command: Command) -> None:
    plain = make_film("plain.mkv", frames=8, size=SIZE, audio=False)
    turned = make_film("turned.mp4", frames=8, size=SIZE, audio=False, rotation=90)
    said = vidgan_command(*judge("--film", turned, turned, "--json"))
    assert said.status == 0, said.err
    (judged,) = json.loads(said.out)["films"]
    assert (judged["width"], judged["height"]) == (64, 96)
    assert judged["ratio"]["value"] == 1
    said = vidgan_command(*judge("--film", plain, turned))
    assert said.status == 1
    assert "turned.mp4 is 64x96 and" in said.err


def test_frames_that_are_lost_break_the_row_and_are_counted(
    pan: list[Pixels], tmp_path: Path, vidgan_command: Command
) -> None:
    film = lossless(tmp_path / "in.mkv", pan)
    whole = lossless(tmp_path / "whole.mkv", pan)
    holed = tmp_path / "holed.mkv"
    with av.open(whole) as source, av.open(holed, "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.dts is not None and number not in (0, 5):
                packet.stream = stream
                target.mux(packet)
    said = vidgan_command(*judge("--film", film, holed, "--json"))
    assert said.status == 0, said.err
    (judged,) = json.loads(said.out)["films"]
    assert (judged["frames"], judged["frames_missing"], judged["pairs"]) == (10, 2, 8)
    assert judged["ratio"]["value"] == 1
    table = vidgan_command(*judge("--film", film, holed)).out.splitlines()
    assert table[1] == f"holed.mkv: 2 frames of {film} are not in it"


def test_one_film_that_fails_does_not_keep_another_from_it(
    pan: list[Pixels], tmp_path: Path, vidgan_command: Command
) -> None:
    film = lossless(tmp_path / "in.mkv", pan)
    both = ("--film", tmp_path / "gone.mkv", "--film", film, film, film, "--json")
    said = vidgan_command(*judge(*both))
    assert said.status == 1
    assert said.lines == [f"vidgan: {tmp_path}/gone.mkv: no such file; check the name"]
    assert [judged["film"] for judged in json.loads(said.out)["films"]] == [str(film)]


def side(pan: list[Pixels]) -> list[Pixels]:
    return [np.concatenate((frame, frame), 1) for frame in pan]


def wiped(pan: list[Pixels]) -> list[Pixels]:
    made = [255 - frame for frame in pan]
    for frame, own in zip(made, pan, strict=True):
        frame[:, :48], frame[:, 48] = own[:, :48], 255
    return made


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "compare side": (
        ["--film", "in.mkv", "side.mkv"],
        1,
        "side.mkv is 192x64 and in.mkv 96x64: it shows both films, as --compare",
    ),
    "compare wipe": (
        ["--film", "in.mkv", "wipe.mkv"],
        1,
        "wipe.mkv: its left half is that of in.mkv, as --compare wipe makes it",
    ),
    "another size": (
        ["--film", "in.mkv", "small.mkv"],
        1,
        "small.mkv is 64x64 and in.mkv 96x64: give the film that was made from it",
    ),
    "other times": (
        ["--film", "in.mkv", "slow.mkv"],
        1,
        "slow.mkv shows frames at other times than in.mkv",
    ),
    "tiny": (
        ["--film", "tiny.mkv", "tiny.mkv"],
        1,
        "tiny.mkv is 96x20: too small to see motion in",
    ),
    "one frame": (
        ["--film", "in.mkv", "in.mkv", "--end", "0.01"],
        1,
        "in.mkv shows frames at other times than in.mkv",
    ),
    "no part": (
        ["--film", "in.mkv", "in.mkv", "--start", "60"],
        1,
        "in.mkv: there is no picture in it between --start and --end",
    ),
    "one frame of a model": (
        ["summer2winter", "--film", "in.mkv", "--end", "0.01"],
        1,
        "in.mkv: no two frames in a row",
    ),
    "no film": (["--film", "in.mkv", "gone.mkv"], 1, "gone.mkv: no such file"),
    "no model": (["summer2wintre", "--film", "in.mkv"], 2, "did you mean summer2winter?"),
    "too few": (
        ["--film", "in.mkv", "--film", "in.mkv", "in.mkv"],
        2,
        "2 films with --film and 1 translations",
    ),
    "size of a film": (
        ["--film", "in.mkv", "in.mkv", "--size", "9"],
        2,
        "--direction, --size and --steady are for a model",
    ),
    "too steady": (
        ["summer2winter", "--film", "in.mkv", "--steady", "1"],
        2,
        "--steady 1: must be from 0 to less than 1",
    ),
    "steady pictures": (
        ["summer2winter", "--a", ".", "--b", ".", "--steady", "0.5"],
        2,
        "--steady is for films: add --film IN",
    ),
    "pictures": (
        ["--film", "in.mkv", "in.mkv", "--a", "."],
        2,
        "--a is for pictures, not for films",
    ),
    "films": (
        ["summer2winter", "--a", ".", "--b", ".", "--start", "1"],
        2,
        "--start is for films: add --film IN",
    ),
    "neither": (
        ["summer2winter"],
        2,
        "give pictures of both domains with --a DIR and --b DIR, or a film",
    ),
    "two models": (
        ["summer2winter", "winter2summer", "--a", ".", "--b", "."],
        2,
        "one model at a time",
    ),
    "raft": (
        ["--film", "in.mkv", "in.mkv", "--raft", "in.mkv"],
        1,
        "in.mkv is not a file of plain weights",
    ),
}


@pytest.fixture(scope="module")
def films(pan: list[Pixels], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a film, and of others that are no translation of it."""
    folder = tmp_path_factory.mktemp("films")
    lossless(folder / "in.mkv", pan)
    lossless(folder / "side.mkv", side(pan))
    lossless(folder / "wipe.mkv", wiped(pan))
    lossless(folder / "small.mkv", [frame[:, :64] for frame in pan])
    lossless(folder / "slow.mkv", pan, rate=20)
    lossless(folder / "tiny.mkv", [frame[:20] for frame in pan])
    return folder


@pytest.fixture
def among_films(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(films)


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.usefixtures("among_films")
def test_one_line_says_what_is_wrong_and_what_to_do(vidgan_command: Command, case: str) -> None:
    arguments, status, words = REFUSED[case]
    said = vidgan_command(*judge(*arguments))
    assert (said.status, said.out, len(said.lines)) == (status, "", 1), said
    assert said.lines[0].startswith("vidgan: ")
    assert words in said.lines[0]


@pytest.mark.usefixtures("among_films")
def test_without_opencv_one_line_says_what_to_install(
    vidgan_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cyclegan import flow

    monkeypatch.setattr(flow, "find_spec", lambda name: None)
    said = vidgan_command(*judge("--film", "in.mkv", "in.mkv"))
    assert (said.status, said.out) == (1, "")
    assert said.lines == [
        "vidgan: no optical flow is installed: pip install opencv-python-headless"
    ]
