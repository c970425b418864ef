"""The stream of unpaired crops: repeatable, fair to each picture, the same for both domains."""

import struct
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from cyclegan.data import (
    DataError,
    Preprocess,
    UnpairedImages,
    is_held_out,
    list_images,
    read_image,
    to_signed,
)
from cyclegan.run import training_paths
from cyclegan.training import batches_from


def dataset(domains: tuple[Path, Path], *, images: int = 40, seed: int = 0) -> UnpairedImages:
    a, b = (list_images(folder) for folder in domains)
    return UnpairedImages(a, b, preprocess=Preprocess(load=36, crop=32), seed=seed, images=images)


def test_items_are_crops_in_range(domains: tuple[Path, Path]) -> None:
    a, b = dataset(domains)[0]
    assert a.shape == b.shape == (3, 32, 32)
    assert a.dtype == torch.float32
    assert -1 <= a.min() < a.max() < 0.2  # dark
    assert b[0].mean() > 0.5  # bright red channel


def test_item_i_is_the_same_for_ever_and_items_differ(domains: tuple[Path, Path]) -> None:
    first, again, other = dataset(domains), dataset(domains, images=90), dataset(domains, seed=1)
    for item in (0, 7, 39):
        assert torch.equal(first[item][0], again[item][0])
        assert torch.equal(first[item][1], again[item][1])
    assert not torch.equal(first[0][0], first[5][0])
    assert not all(torch.equal(first[item][0], other[item][0]) for item in range(10))


def test_the_stream_ends(domains: tuple[Path, Path]) -> None:
    with pytest.raises(IndexError):
        dataset(domains)[40]
    with pytest.raises(IndexError):
        dataset(domains)[-1]


def flat_folder(folder: Path, levels: list[int]) -> Path:
    """Pictures of one grey level each, so that a crop tells which one it is from."""
    folder.mkdir()
    for level in levels:
        Image.new("L", (40, 40), level).save(folder / f"{level:03}.png")
    return folder


def level_of(crop: Tensor) -> int:
    return round((float(crop.mean()) + 1) * 127.5)


def test_every_picture_is_seen_once_a_round_in_an_order_of_its_own(tmp_path: Path) -> None:
    a_levels, b_levels = [0, 40, 80, 120, 160, 200, 240], [10, 20, 30]
    folders = (flat_folder(tmp_path / "a", a_levels), flat_folder(tmp_path / "b", b_levels))
    data = dataset(folders, images=21)
    seen = [(level_of(a), level_of(b)) for a, b in (data[i] for i in range(21))]
    for start in (0, 7, 14):
        assert sorted(a for a, _ in seen[start : start + 7]) == a_levels
    for start in range(0, 21, 3):
        assert sorted(b for _, b in seen[start : start + 3]) == b_levels
    assert [a for a, _ in seen[:7]] != [a for a, _ in seen[7:14]]
    assert max(Counter(seen).values()) < 3, "domains are paired anew each round"


def test_both_domains_are_prepared_alike(tmp_path: Path) -> None:
    """One and the same picture, large enough to scale and crop, gives the same kind of crops."""
    ramp = np.tile(np.linspace(0, 255, 144).astype(np.uint8), (72, 1))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(2):
            Image.fromarray(ramp).save(tmp_path / name / f"{number}.png")
    data = dataset((tmp_path / "a", tmp_path / "b"), images=300)
    slopes: list[list[float]] = [[], []]
    for item in range(300):
        for domain, crop in enumerate(data[item]):
            slopes[domain].append(float(crop[0, 0, 30] - crop[0, 0, 1]) / 29)
    alike = sum((a < 0) == (b < 0) for a, b in zip(*slopes, strict=True))
    assert 110 < alike < 190, "each domain draws its own crops"
    for domain in (0, 1):
        mirrored = sum(slope < 0 for slope in slopes[domain])
        assert 110 < mirrored < 190  # half of 300
        # 72 rows become 36, so 144 levels of ramp become 72 columns: 2/71 a column in [-1, 1]
        assert np.abs(slopes[domain]).mean() == pytest.approx(2 / 71, rel=0.02)


def test_crops_reach_every_edge() -> None:
    ramp = torch.arange(36, dtype=torch.uint8).expand(3, 36, 36).contiguous()
    random = torch.Generator().manual_seed(0)
    preprocess = Preprocess(load=36, crop=32)
    starts = Counter(
        round((float(preprocess(ramp, random)[0].min()) + 1) * 127.5) for _ in range(200)
    )
    assert set(starts) == {0, 1, 2, 3, 4}


def test_levels_map_onto_minus_one_to_one() -> None:
    levels = torch.tensor([0, 255], dtype=torch.uint8)
    assert to_signed(levels).tolist() == [-1.0, 1.0]


def test_a_crop_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"crop \(300\) must be from 1 to load \(286\)"):
        Preprocess(crop=300)


@pytest.mark.parametrize(
    ("mode", "color", "suffix", "expected"),
    [
        ("RGB", (200, 100, 50), "png", (200, 100, 50)),
        ("RGBA", (200, 100, 50, 255), "png", (200, 100, 50)),
        ("RGBA", (200, 100, 50, 255), "webp", (200, 100, 50)),
        ("L", 77, "png", (77, 77, 77)),
        ("L", 77, "jpg", (77, 77, 77)),
        ("LA", (77, 255), "png", (77, 77, 77)),
        ("P", 0, "png", (0, 0, 0)),
        ("1", 1, "png", (255, 255, 255)),
        ("I;16", 257 * 77, "png", (77, 77, 77)),
        ("CMYK", (0, 0, 0, 0), "jpg", (255, 255, 255)),
    ],
)
def test_pictures_of_all_kinds_become_rgb(
    tmp_path: Path, mode: str, color: int | tuple[int, ...], suffix: str, expected: tuple[int, ...]
) -> None:
    Image.new(mode, (10, 8), color).save(tmp_path / f"p.{suffix}", lossless=True)
    image = read_image(tmp_path / f"p.{suffix}")
    assert image.dtype == torch.uint8
    assert image.shape == (3, 8, 10)
    assert tuple(image[:, 4, 5].tolist()) == expected


def png_chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def test_a_png_of_sixteen_bits_a_channel(tmp_path: Path) -> None:
    row = b"\0" + struct.pack(">3H", 257 * 200, 257 * 100 + 100, 65535) * 10
    (tmp_path / "deep.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">2I5B", 10, 8, 16, 2, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(row * 8))
        + png_chunk(b"IEND", b"")
    )
    image = read_image(tmp_path / "deep.png")
    assert image.dtype == torch.uint8
    assert image[:, 4, 5].tolist() == [200, 100, 255]


def test_a_photograph_held_sideways_is_turned_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20))
    image.paste((255, 255, 255), (0, 0, 20, 20))  # the left half is white
    exif = image.getexif()
    exif[0x0112] = 6  # turn clockwise by 90 degrees to see it upright
    image.save(tmp_path / "p.jpg", exif=exif, quality=95)
    upright = read_image(tmp_path / "p.jpg").float()
    assert upright.shape == (3, 40, 20)
    assert upright[:, :18].mean() > 250  # left becomes top
    assert upright[:, 22:].mean() < 5


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_a_file_that_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"p\.jpg is not a JPEG, PNG or WebP image: remove it"):
        read_image(tmp_path / "p.jpg")


def test_a_picture_cut_off_is_named(tmp_path: Path, domains: tuple[Path, Path]) -> None:
    whole = (domains[0] / "000.png").read_bytes()
    (domains[0] / "000.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"000\.png cannot be read"):
        list(batches_from(dataset(domains), batch=4, start_step=0))


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


def test_batches_go_on_where_a_training_stopped(domains: tuple[Path, Path]) -> None:
    data = dataset(domains, images=11)
    batches = list(batches_from(data, batch=4, start_step=0))
    assert [len(a) for a, _ in batches] == [4, 4, 3]
    rest = list(batches_from(data, batch=4, start_step=1))
    assert len(rest) == 2
    for (a, b), (again_a, again_b) in zip(batches[1:], rest, strict=True):
        assert torch.equal(a, again_a)
        assert torch.equal(b, again_b)
    assert list(batches_from(data, batch=4, start_step=3)) == []


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_loader_processes_change_nothing(domains: tuple[Path, Path]) -> None:
    data = dataset(domains, images=8)
    alone = list(batches_from(data, batch=2, start_step=1))
    helped = list(batches_from(data, batch=2, start_step=1, loaders=2))
    for (a, b), (again_a, again_b) in zip(alone, helped, strict=True):
        assert torch.equal(a, again_a)
        assert torch.equal(b, again_b)
