"""Which files of a folder are pictures, and which are held out."""

import os
from pathlib import Path

import pytest

from cyclegan.data import DataError, is_held_out, list_images, training_paths
from cyclegan.folders import list_files, split_held_out


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        list_images(tmp_path / "none")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "one.JPG").touch()
    with pytest.raises(DataError, match=r"holds 1 images \(.*\): at least 2 are needed"):
        list_images(tmp_path)


def test_pictures_in_subfolders_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b.png", "a/z.jpeg", "a/c.WEBP"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [p.name for p in list_images(tmp_path)] == ["c.WEBP", "z.jpeg", "b.png"]


def test_held_out_pictures_are_not_trained_on(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.jpg").touch()
    kept = training_paths(tmp_path)
    assert not any(is_held_out(path) for path in kept)
    assert 180 <= len(kept) < 200
    held = next(p for p in list_images(tmp_path) if is_held_out(p))
    assert is_held_out(Path("/elsewhere") / held.name), "the rule goes by the name alone"


def test_a_folder_of_held_out_pictures_alone_is_used_whole(tmp_path: Path) -> None:
    names = [f"{n}.jpg" for n in range(200) if is_held_out(Path(f"{n}.jpg"))][:3]
    for name in names:
        (tmp_path / name).touch()
    assert len(training_paths(tmp_path)) == 3


def test_what_is_hidden_is_passed_over(tmp_path: Path) -> None:
    """Thumbnails, and the shadows that macOS leaves beside each file of an archive."""
    for name in ("a.jpg", "._a.jpg", ".thumbs/a.jpg", "__MACOSX/a.jpg", "sub/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in list_images(tmp_path)] == [
        "a.jpg",
        "sub/b.jpg",
    ]


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    for name in ("there/a.jpg", "here/b.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "here/there").symlink_to(tmp_path / "there")
    (tmp_path / "here/again").symlink_to(tmp_path / "there")
    (tmp_path / "there/circle").symlink_to(tmp_path / "here")
    (tmp_path / "here/broken.jpg").symlink_to(tmp_path / "gone.jpg")
    assert [path.name for path in list_images(tmp_path / "here")] == ["a.jpg", "b.jpg"]


def test_pipes_are_no_pictures(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "c.jpg")
    assert [path.name for path in list_images(tmp_path)] == ["a.jpg", "b.jpg"]


def test_a_folder_can_be_left_out(tmp_path: Path) -> None:
    for name in ("a.jpg", "run/samples/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = list_files(tmp_path, {".jpg"}, leave_out=[tmp_path / "run", tmp_path / "none"])
    assert [path.name for path in found] == ["a.jpg"]


def test_the_two_parts_of_a_split_are_the_whole() -> None:
    paths = [Path(f"{number}.jpg") for number in range(300)]
    train, held_out = split_held_out(paths)
    assert sorted([*train, *held_out]) == sorted(paths)
    assert 5 <= len(held_out) <= 30
    assert split_held_out(held_out) == (held_out, [])
