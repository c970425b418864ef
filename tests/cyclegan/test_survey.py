"""What is found out about the pictures of both domains before a training."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.folders import list_images
from cyclegan.photographs import DataError
from cyclegan.survey import count_shared, require_size, survey


def noise(folder: Path, count: int, *, size: tuple[int, int] = (24, 20), seed: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        pixels = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
        suffix = ("jpg", "png", "webp", "tif", "bmp")[number % 5]
        Image.fromarray(pixels).save(folder / f"{number:03}.{suffix}")
    return folder


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp"])
def test_pictures_cut_off_and_empty_ones_are_named_and_left_out(
    tmp_path: Path, suffix: str
) -> None:
    paths = list_images(noise(tmp_path / "a", 45))
    broken = [path for path in paths if path.suffix == f".{suffix}"][3:5]
    cut(broken[0])
    broken[1].write_bytes(b"")
    found = survey("a", paths)
    assert [p.path for p in found.pictures] == [path for path in paths if path not in broken]
    assert {(p.width, p.height) for p in found.pictures} == {(24, 20)}
    [warning] = found.warnings
    assert warning.startswith("a: 2 of 45 pictures cannot be read (")
    assert all(str(path) in warning for path in broken)


def test_whole_pictures_give_no_warning_whatever_follows_them(tmp_path: Path) -> None:
    """Phones write more after the end of a JPEG."""
    paths = list_images(noise(tmp_path / "a", 10))
    with paths[0].open("ab") as file:
        file.write(b"more of the maker's own" * 10)
    found = survey("a", paths)
    assert len(found.pictures) == 10
    assert found.warnings == []


def test_more_than_one_in_twenty_is_refused(tmp_path: Path) -> None:
    paths = list_images(noise(tmp_path / "a", 39))
    for path in paths[:5]:
        path.write_text("no picture")
    with pytest.raises(DataError, match="a: 5 of 39 pictures cannot be read") as caught:
        survey("a", paths)
    said = str(caught.value)
    assert [str(path) in said for path in paths[:5]] == [True, True, True, False, False]
    assert "and 2 more" in said
    assert "more than one in 20: remove or replace them" in said


def test_two_readable_pictures_are_needed(tmp_path: Path) -> None:
    paths = list_images(noise(tmp_path / "a", 2))
    paths[0].write_bytes(b"")
    with pytest.raises(DataError, match="a: 1 of 2 pictures cannot be read"):
        survey("a", paths)


def test_pictures_smaller_than_the_crop_are_counted(tmp_path: Path) -> None:
    folder = noise(tmp_path / "a", 5, size=(64, 48))
    Image.new("RGB", (40, 100)).save(folder / "narrow.png")
    Image.new("RGB", (47, 47)).save(folder / "small.png")
    found = survey("a", list_images(folder))
    require_size(found, 40)
    with pytest.raises(
        DataError,
        match=r"a: 2 of 7 pictures are smaller than the crop of 48 pixels \(the smallest, "
        r"narrow\.png, is 40x100\): take them out, choose a smaller --crop, or add --upscale",
    ):
        require_size(found, 48)


def test_files_that_stand_in_both_domains_are_counted(tmp_path: Path) -> None:
    a = list_images(noise(tmp_path / "a", 7))
    b = list_images(noise(tmp_path / "b", 6, seed=1))
    assert count_shared(a, b) == (0, 0)
    for number in range(2):
        (tmp_path / f"b/copy{number}.jpg").write_bytes(a[0].read_bytes())
    assert count_shared(a, list_images(tmp_path / "b")) == (1, 2)
