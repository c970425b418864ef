"""Where the results of a command go."""

import re
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from tests.vidgan.films.stills import write_webp
from vidgan.errors import InputError, OutputError, SettingsError
from vidgan.inputs import plan
from vidgan.numbered import parse_rate
from vidgan.places import as_place


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_without_output_the_result_lies_beside_the_input(tmp_path: Path) -> None:
    ((piece,), _) = plan([tmp_path / "clip.one.mp4"], None, "summer2winter")
    assert piece.output == tmp_path / "clip.one.summer2winter.mp4"


def test_output_is_a_file_for_one_input_unless_it_is_a_folder(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    assert plan([clip], tmp_path / "out.mkv", "x")[0][0].output == tmp_path / "out.mkv"
    (tmp_path / "out").mkdir()
    assert plan([clip], tmp_path / "out", "x")[0][0].output == tmp_path / "out" / "clip.mp4"


def test_folders_keep_their_structure_and_hold_films_and_images(tmp_path: Path) -> None:
    _touch(tmp_path / "in/a.mp4", tmp_path / "in/deep/er/b.JPG", tmp_path / "in/notes.txt")
    pieces, _ = plan([tmp_path / "in"], tmp_path / "out", "x")
    assert [piece.output for piece in pieces] == [
        tmp_path / "out/a.mp4",
        tmp_path / "out/deep/er/b.JPG",
    ]
    assert [piece.is_image for piece in pieces] == [False, True]
    beside, _ = plan([tmp_path / "in"], None, "x")
    assert beside[0].output == tmp_path / "in.x" / "a.mp4"


def test_several_inputs_go_into_a_folder(tmp_path: Path) -> None:
    pieces, _ = plan([tmp_path / "a.mp4", tmp_path / "b.png"], tmp_path / "out", "x")
    assert [piece.output for piece in pieces] == [tmp_path / "out/a.mp4", tmp_path / "out/b.png"]


def test_two_inputs_for_one_output_are_refused(tmp_path: Path) -> None:
    inputs = [tmp_path / "one/clip.mp4", tmp_path / "two/clip.mp4"]
    with pytest.raises(SettingsError, match=r"one/clip\.mp4 and .*two/clip\.mp4"):
        plan(inputs, tmp_path / "out", "x")


def test_a_folder_without_media_is_named_and_stops_no_other(tmp_path: Path) -> None:
    _touch(tmp_path / "in/notes.txt")
    pieces, failures = plan([tmp_path / "in", tmp_path / "a.mp4"], tmp_path / "out", "x")
    assert [piece.source.name for piece in pieces] == ["a.mp4"]
    assert [type(failure.error) for failure in failures] == [InputError]
    assert "no films or images" in str(failures[0])


def test_results_that_lie_among_the_inputs_are_no_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _touch(tmp_path / "in/a.mp4", tmp_path / "in/out/a.mp4", tmp_path / "in/outer/b.mp4")
    monkeypatch.chdir(tmp_path / "in")
    for source, output in ((".", "out"), (tmp_path / "in", "out"), ("../in", tmp_path / "in/out")):
        pieces, _ = plan([Path(source)], Path(output), "x")
        assert [piece.source.resolve().name for piece in pieces] == ["a.mp4", "b.mp4"]
    ((first, *_), _) = plan([Path()], None, "x")
    assert first.output == tmp_path / "in.x/a.mp4"


def test_an_input_is_never_written_to(tmp_path: Path) -> None:
    _touch(tmp_path / "a.png", tmp_path / "a.x.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    for inputs, output in (
        (["a.png"], "a.png"),
        (["a.png"], "link.png"),
        (["a.png", "a.x.png"], None),
        (["."], "."),
    ):
        target = None if output is None else tmp_path / output
        with pytest.raises(SettingsError, match="is an input itself"):
            plan([tmp_path / name for name in inputs], target, "x")


def test_an_input_named_twice_is_converted_once(tmp_path: Path) -> None:
    _touch(tmp_path / "a.mp4")
    (tmp_path / "deep").mkdir()
    pieces, _ = plan([tmp_path / "a.mp4", tmp_path / "deep/../a.mp4"], None, "x")
    assert [piece.source for piece in pieces] == [tmp_path / "a.mp4"]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://127.0.0.1/a%00.png", r"'a\\x00\.png' cannot be the name of a file"),
        ("memory://names/a\0/b.png", r"'b\.png' cannot be the name of a file"),
        ("memory://names/\ud800.png", r"cannot be the name of a file"),
        ("memory://names/" + "a" * 240 + ".png", r"a name too long for a file"),
    ],
)
def test_an_address_that_makes_no_name_is_refused_by_itself(
    tmp_path: Path, address: str, name: str
) -> None:
    inputs = [as_place(address), tmp_path / "whole.png"]
    pieces, failures = plan(inputs, tmp_path / "out", "x")
    assert [piece.source.name for piece in pieces] == ["whole.png"]
    (failure,) = failures
    assert re.search(name, str(failure))


def test_a_name_too_long_stops_no_other_input(tmp_path: Path) -> None:
    for name in ("a" * 300 + ".png", "b" * 240 + ".png"):  # of the second the part is too long
        pieces, failures = plan([tmp_path / name, tmp_path / "ok.png"], tmp_path / "out", "x")
        assert [piece.source.name for piece in pieces] == ["ok.png"]
        assert [type(failure.error) for failure in failures] == [OutputError]
    remote = as_place("memory://names")
    pieces, failures = plan([as_place("memory://names/" + "c" * 300 + ".png")], remote, "x")
    assert len(pieces) == 1  # there it is allowed


def test_a_link_that_leads_to_itself_stops_no_other_input(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    pieces, failures = plan([tmp_path / "loop.png", tmp_path / "ok.png"], tmp_path / "out", "x")
    assert [piece.source.name for piece in pieces] == ["loop.png", "ok.png"]
    assert failures == []


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("clip.mkv", "clip.x.mkv"),
        ("clip.gif", "clip.x.gif"),
        ("clip.avi", "clip.x.mp4"),
        ("clip.M2TS", "clip.x.mp4"),
        ("clip.3gp", "clip.x.mp4"),
        ("clip.webp", "clip.x.webp"),
        ("frame_%04d.png", "frame.x.mp4"),
        ("%d.jpg", "shots.x.mp4"),
    ],
)
def test_what_cannot_be_written_as_it_is_becomes_mp4(
    tmp_path: Path, name: str, output: str
) -> None:
    ((piece,), _) = plan([tmp_path / "shots" / name], None, "x")
    assert piece.output == tmp_path / "shots" / output
    ((inside,), _) = plan([tmp_path / "shots" / name], tmp_path, "x")
    assert inside.output == tmp_path / output.replace(".x", "")


def test_in_a_folder_no_two_films_become_one(tmp_path: Path) -> None:
    names = ("a.avi", "a.mp4", "b.ts", "b.avi", "c.flv", "d.png")
    _touch(*(tmp_path / "in" / name for name in names))
    pieces, _ = plan([tmp_path / "in"], tmp_path / "out", "x")
    outputs = {piece.source.name: piece.output.name for piece in pieces}
    assert outputs == {
        **{"a.avi": "a.avi.mp4", "a.mp4": "a.mp4", "b.ts": "b.ts.mp4", "b.avi": "b.avi.mp4"},
        **{"c.flv": "c.mp4", "d.png": "d.png"},
    }


def test_pictures_that_move_are_films(tmp_path: Path) -> None:
    write_webp(tmp_path / "moves.webp", [40, 40])
    write_webp(tmp_path / "still.webp", [40])
    moves = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    moves[0].save(tmp_path / "moves.png", save_all=True, append_images=moves[1:])
    moves[0].save(tmp_path / "still.png")
    pieces, _ = plan([tmp_path], tmp_path.parent / "out", "x")
    assert {piece.source.name: (piece.is_image, piece.output.name) for piece in pieces} == {
        "moves.webp": (False, "moves.webp.mp4"),
        "still.webp": (True, "still.webp"),
        "moves.png": (False, "moves.png.mp4"),
        "still.png": (True, "still.png"),
    }


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        ("23.976", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("24000/1001", Fraction(24000, 1001)),
        ("0.5", Fraction(1, 2)),
    ],
)
def test_rates_as_people_write_them(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-25", "fast", "1/0", "nan", "1e9"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_rate(text)
