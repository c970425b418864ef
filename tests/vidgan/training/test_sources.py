"""From --a, --b and --data to the pictures that are trained on."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.data import Preprocess, is_held_out, training_paths
from vidgan.errors import InputError, SettingsError
from vidgan.training.sources import Domains, resolve_sources

MakeFilm = Callable[..., Path]

PREPROCESS = Preprocess(load=36, crop=32)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pictures(folder: Path, count: int, *, seed: int, size: tuple[int, int] = (48, 40)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        pixels = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}-{number:03}.png")
    return folder


def resolve(
    a: str | Path | None, b: str | Path | None, data: str | Path | None = None, **options: object
) -> Domains:
    paths = [Path(path) if path is not None else None for path in (a, b, data)]
    return resolve_sources(*paths, **({"out": Path("run"), "preprocess": PREPROCESS} | options))  # type: ignore[arg-type]


def names(paths: tuple[Path, ...]) -> set[str]:
    return {path.name for path in paths}


def test_two_folders_are_split_by_the_rule_for_pictures(here: Path) -> None:
    pictures(here / "a", 60, seed=1)
    pictures(here / "b/deeper", 50, seed=2)
    found = resolve("a", "b")
    assert found.train_a == tuple(path.absolute() for path in training_paths(Path("a")))
    assert len(found.train_a) + len(found.held_out_a) == 60
    assert len(found.train_b) + len(found.held_out_b) == 50
    assert found.held_out_a
    assert all(is_held_out(path) for path in (*found.held_out_a, *found.held_out_b))
    assert found.warnings == ()
    assert not (here / "run").exists()


@pytest.mark.parametrize("form", ["data", "a and b", "a alone"])
def test_the_layout_of_the_public_sets(here: Path, form: str) -> None:
    for number, name in enumerate(("trainA", "trainB", "testA", "testB")):
        pictures(here / "set" / name, 30, seed=number)
    pictures(here / "other", 30, seed=9)
    if form == "data":
        found = resolve(None, None, "set")
    else:
        found = resolve("set", "set" if form == "a and b" else "other")
    assert names(found.train_a) == {f"0-{n:03}.png" for n in range(30)}, "all: none is held out"
    assert names(found.held_out_a) == {f"2-{n:03}.png" for n in range(30)}
    if form != "a alone":
        assert names(found.train_b) == {f"1-{n:03}.png" for n in range(30)}
        assert names(found.held_out_b) == {f"3-{n:03}.png" for n in range(30)}


def test_without_test_folders_the_rule_holds(here: Path) -> None:
    for number, name in enumerate(("trainA", "trainB")):
        pictures(here / "set" / name, 60, seed=number)
    (here / "set/testA").mkdir()
    found = resolve(None, None, "set")
    for train, held_out in (
        (found.train_a, found.held_out_a),
        (found.train_b, found.held_out_b),
    ):
        assert held_out
        assert len(train) + len(held_out) == 60


def test_films_and_pictures_side_by_side(here: Path, make_film: MakeFilm) -> None:
    pictures(here / "a", 10, seed=1)
    shutil.copy(make_film("f.mp4", frames=48, audio=False), here / "a/film.mp4")
    shutil.copy(make_film("g.mkv", frames=60, audio=False), here / "b.mkv")
    heard: list[tuple[str, int, int]] = []
    found = resolve("a", "b.mkv", frames=60, report=lambda *said: heard.append(said))
    of_a = [path for path in found.train_a if "frames" in path.parts]
    assert 40 <= len(of_a) <= 48
    assert len(found.train_a) - len(of_a) == 10 - sum(
        is_held_out(path) for path in (here / "a").glob("*.png")
    )
    assert all(path.is_relative_to(here / "run/frames/b") for path in found.train_b)
    assert found.held_out_b
    assert {domain for domain, _, _ in heard} == {"A", "B"}
    heard.clear()
    again = resolve("a", "b.mkv", frames=60, report=lambda *said: heard.append(said))
    assert again == found
    assert heard == []
    assert again.fingerprint() == found.fingerprint()


def test_films_in_the_public_layout(here: Path, make_film: MakeFilm) -> None:
    for number, name in enumerate(("trainA", "trainB", "testA")):
        (here / "set" / name).mkdir(parents=True)
        film = make_film(f"{number}.mp4", frames=40 + 4 * number, audio=False)
        shutil.copy(film, here / "set" / name / "film.mp4")
    found = resolve(None, None, "set", frames=40)
    assert len(found.train_a) == 40
    assert names(found.held_out_a) == {"0000-film-000000.500s.png", "0000-film-000001.500s.png"}
    assert found.held_out_b, "there is no testB: stretches of the film in trainB"


def test_the_run_itself_is_not_trained_on(here: Path) -> None:
    pictures(here / "a", 4, seed=1)
    pictures(here / "b", 4, seed=2)
    pictures(here / "a/run/samples", 4, seed=3)
    assert len(resolve("a", "b", out=Path("a/run")).train_a) == 4
    with pytest.raises(SettingsError, match="--out a is the folder of a domain"):
        resolve("a", "b", out=Path("a"))


def test_broken_pictures_are_named_and_left_out_on_both_sides(here: Path) -> None:
    pictures(here / "a", 60, seed=1)
    pictures(here / "b", 60, seed=2)
    train, held_out = resolve("a", "b").train_a[7], resolve("a", "b").held_out_a[0]
    train.write_bytes(train.read_bytes()[:300])
    held_out.write_bytes(b"")
    found = resolve("a", "b")
    assert train not in found.train_a
    assert held_out not in found.held_out_a
    [warning] = found.warnings
    assert warning.startswith("a: 2 of 60 pictures cannot be read")
    assert str(train) in warning
    assert str(held_out) in warning


def test_kinds_that_are_not_read_are_counted(here: Path) -> None:
    pictures(here / "a", 4, seed=1)
    pictures(here / "b", 4, seed=2)
    for name in ("1.heic", "2.HEIC", "3.psd", "notes.txt"):
        (here / "a" / name).touch()
    assert resolve("a", "b").warnings == (
        "a: files of kinds that are not read are left out: 2 .heic, 1 .psd",
    )


def test_the_fingerprint_changes_with_the_data(here: Path) -> None:
    pictures(here / "a", 4, seed=1)
    pictures(here / "b", 4, seed=2)
    before = resolve("a", "b").fingerprint()
    shutil.copytree(here / "a", here / "elsewhere/a")
    assert resolve("elsewhere/a", "b").fingerprint() == before, "wherever it lies"
    assert resolve("b", "a").fingerprint() != before
    Image.new("RGB", (48, 40)).save(here / "a/1-002.png")
    assert resolve("a", "b").fingerprint() != before


def test_pictures_smaller_than_the_crop_want_a_word(here: Path) -> None:
    pictures(here / "a", 4, seed=1)
    pictures(here / "b", 3, seed=2, size=(34, 33))  # scaled up to --load, as ever
    pictures(here / "b", 2, seed=3, size=(90, 31))
    with pytest.raises(InputError, match=r"b: 2 of 5 pictures are smaller than the crop of 32 .*"):
        resolve("a", "b")
    found = resolve("a", "b", upscale=True)
    assert len(found.train_b) + len(found.held_out_b) == 5


def test_a_film_smaller_than_the_crop_wants_a_word(here: Path, make_film: MakeFilm) -> None:
    pictures(here / "a", 4, seed=1, size=(140, 140))
    film = make_film("f.mp4", frames=24)
    large = Preprocess(load=143, crop=128)
    with pytest.raises(InputError, match=r"pictures are smaller than the crop of 128 .*96x64"):
        resolve("a", film, preprocess=large)
    assert resolve("a", film, preprocess=large, upscale=True).train_b


def test_a_damaged_film_gives_what_it_has(here: Path, make_film: MakeFilm) -> None:
    pictures(here / "a", 4, seed=1)
    whole = make_film("f.mkv", frames=96, gop=96).read_bytes()
    (here / "b.mkv").write_bytes(whole[: len(whole) * 7 // 10])
    found = resolve("a", "b.mkv", frames=20)
    assert len(found.train_b) > 10
    assert any("cut off" in warning for warning in found.warnings)


def test_copies_in_both_domains_are_counted(here: Path, make_film: MakeFilm) -> None:
    pictures(here / "a", 8, seed=1)
    pictures(here / "b", 6, seed=2)
    for number in range(3):
        shutil.copy(here / f"a/1-00{number}.png", here / f"b/copy{number}.png")
    film = make_film("f.mp4", frames=24, audio=False)
    for folder in ("a", "b"):
        shutil.copy(film, here / folder / f"{folder}.mp4")
    [warning] = resolve("a", "b", frames=4).warnings
    assert warning.startswith("4 of 9 files of A and 4 of 10 of B are the same, byte for byte")


LINKS: dict[str, Callable[[Path], tuple[str, str]]] = {
    "the same": lambda here: ("a", "a"),
    "by another way": lambda here: ("a", "b/../a"),
    "a link": lambda here: ("a", "link"),
    "absolute": lambda here: ("a", str(here / "a")),
}


@pytest.mark.parametrize("case", LINKS)
def test_the_same_folder_twice_is_refused(here: Path, case: str) -> None:
    pictures(here / "a", 4, seed=1)
    (here / "b").mkdir()
    (here / "link").symlink_to("a")
    with pytest.raises(InputError, match=r"both domains are .*/a: give a folder of its own"):
        resolve(*LINKS[case](here))


Arguments = tuple[str | None, str | None] | tuple[str | None, str | None, str]

REFUSED: dict[str, tuple[Arguments, type[Exception], str]] = {
    "nothing": ((None, None), SettingsError, "--a and --b, or --data"),
    "a alone": (("a", None), SettingsError, "--a and --b, or --data"),
    "all three": (("a", "b", "set"), SettingsError, "--data stands for --a and --b"),
    "b within a": (("a", "a/deeper"), InputError, "a/deeper lies in .*/a, .* both domains"),
    "a within b": (("a/deeper", "a"), InputError, "a/deeper lies in .*/a, .* both domains"),
    "gone": (("gone", "b"), InputError, "gone is not a folder: give one with images or films"),
    "a picture": (("a/1-000.png", "b"), InputError, "1-000.png is not a folder: give one"),
    "empty": (("empty", "b"), InputError, "empty holds 0 images .*jpg.*: at least 2 are needed"),
    "one picture": (("one", "b"), InputError, "one holds 1 images .*: at least 2 are needed"),
    "no trainB": (("a", "half"), InputError, "half holds no folder trainB: check its name"),
    "no set": ((None, None, "a"), InputError, "a holds no folder trainA: check its name"),
    "a copy": (("a", "copy"), InputError, "hold the very same 4 files"),
    "text": (("text", "b"), InputError, "text: 2 of 2 pictures cannot be read .*remove"),
    "no film": (("film.mp4", "b"), InputError, "film.mp4 is not a video|film.mp4 is cut off"),
    "an empty film": (("empty.mp4", "b"), InputError, "empty.mp4 is empty"),
    "a pipe": (("pipe.mp4", "b"), InputError, "pipe.mp4 is not a folder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_is_wrong(here: Path, case: str) -> None:
    pictures(here / "a", 4, seed=1)
    shutil.copytree(here / "a", here / "copy")
    pictures(here / "a/deeper", 4, seed=2)
    shutil.rmtree(here / "a/deeper") if case == "a copy" else None
    pictures(here / "b", 4, seed=3)
    pictures(here / "one", 1, seed=4)
    pictures(here / "half/trainA", 4, seed=5)
    for folder in ("empty", "text"):
        (here / folder).mkdir()
    for number in range(2):
        (here / f"text/{number}.jpg").write_text("no picture")
    (here / "film.mp4").write_text("no film")
    (here / "empty.mp4").touch()
    os.mkfifo(here / "pipe.mp4")
    arguments, kind, words = REFUSED[case]
    with pytest.raises(kind, match=words) as caught:
        resolve(*arguments)
    assert "\n" not in str(caught.value)
    assert not (here / "run").exists() or not list((here / "run/frames").iterdir())


def test_a_folder_whose_films_are_all_odd_is_used_for_its_pictures(
    here: Path, make_film: MakeFilm
) -> None:
    pictures(here / "a", 4, seed=1)
    pictures(here / "b", 4, seed=2)
    shutil.copy(make_film("s.mp4", video_tracks=0), here / "a/sound.mp4")
    found = resolve("a", "b")
    assert len(found.train_a) == 4
    [warning] = found.warnings
    assert "sound.mp4 has no video stream" in warning
    assert warning.endswith("no film is used")
    with pytest.raises(InputError, match=r"sound\.mp4 has no video stream"):
        resolve("a/sound.mp4", "b")
