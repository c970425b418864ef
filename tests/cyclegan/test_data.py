"""The stream of unpaired crops: repeatable, fair to each picture, the same for both domains."""

import pickle
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as tvf

from cyclegan.data import DataError, Preprocess, UnpairedImages, list_images, to_signed

PREPROCESS = Preprocess(load=36, crop=32)


def dataset(
    domains: tuple[Path, Path], *, images: int = 40, seed: int = 0, memory: int = 0
) -> UnpairedImages:
    a, b = (list_images(folder) for folder in domains)
    return UnpairedImages(a, b, preprocess=PREPROCESS, seed=seed, images=images, memory=memory)


def draw(data: UnpairedImages) -> None:
    """Each picture of a domain of five once."""
    for item in range(5):
        data[item]


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


def test_without_flips_crops_lie_where_they_lay() -> None:
    """The random numbers that follow do not depend on it."""
    ramp = torch.arange(36, dtype=torch.uint8).expand(3, 36, 36).contiguous()
    flips, straight = PREPROCESS, Preprocess(load=36, crop=32, flip=False)
    draws = [
        (flips, torch.Generator().manual_seed(3)),
        (straight, torch.Generator().manual_seed(3)),
    ]
    mirrored = 0
    for _ in range(40):
        one, other = (preprocess(ramp, random) for preprocess, random in draws)
        assert other[0, 0, 0] < other[0, 0, -1]
        mirrored += torch.equal(one.flip(-1), other)
        assert torch.equal(one, other) or torch.equal(one.flip(-1), other)
    assert 8 < mirrored < 32


def first_release(paths: list[Path], domain: int, item: int, seed: int) -> Tensor:
    """Item `item` of a domain as the first release drew it."""

    def mixed(*parts: int) -> torch.Generator:
        return torch.Generator().manual_seed(zlib.crc32(repr(parts).encode()))

    round_, place = divmod(item, len(paths))
    order = torch.randperm(len(paths), generator=mixed(seed, domain, round_)).tolist()
    with Image.open(paths[order[place]]) as file:
        image = torch.from_numpy(np.array(file.convert("RGB"))).permute(2, 0, 1)
    image = tvf.resize(image, [36], antialias=True)
    random = mixed(seed, 2 + domain, item)
    top = int(torch.randint(image.shape[1] - 32 + 1, (), generator=random))
    left = int(torch.randint(image.shape[2] - 32 + 1, (), generator=random))
    image = image[:, top : top + 32, left : left + 32]
    if torch.rand((), generator=random) < 0.5:
        image = image.flip(-1)
    crop: Tensor = image.float() / 127.5 - 1.0
    return crop


@pytest.mark.parametrize("memory", [0, 20_000, 1_000_000], ids=["none", "a few", "all"])
def test_runs_begun_with_the_first_release_go_on_with_the_same_pictures(
    domains: tuple[Path, Path], memory: int
) -> None:
    """Whatever is kept in memory: nothing, some pictures, all."""
    data = dataset(domains, seed=5, memory=memory)
    elsewhere: UnpairedImages = pickle.loads(pickle.dumps(data))  # noqa: S301 - our own
    paths = [list_images(folder) for folder in domains]
    for item in (0, 1, 2, 3, 4, 5, 12, 39, 12):
        expected = [first_release(paths[domain], domain, item, 5) for domain in (0, 1)]
        for stream in (data, elsewhere):
            for crop, wanted in zip(stream[item], expected, strict=True):
                assert torch.equal(crop, wanted)


def test_a_picture_kept_in_memory_is_read_but_once(domains: tuple[Path, Path]) -> None:
    size = 3 * 36 * 48  # bytes of a picture of 40 to 44 times 48 pixels, scaled to 36
    kept, some = dataset(domains, memory=10 * size), dataset(domains, memory=3 * size)
    first = [(kept[item], some[item]) for item in range(5)]
    for folder in domains:
        for path in list_images(folder):
            path.unlink()
    for item in range(5):
        for crop, again in zip(first[item][0], kept[item], strict=True):
            assert torch.equal(crop, again)
    with pytest.raises(DataError, match=r"\.png cannot be read \(No such file"):
        draw(some)


def test_a_picture_cut_off_is_named(domains: tuple[Path, Path]) -> None:
    """One of five is more than one in twenty."""
    whole = (domains[0] / "000.png").read_bytes()
    (domains[0] / "000.png").write_bytes(whole[: len(whole) // 2])
    data = dataset(domains)
    with pytest.raises(DataError, match=r"000\.png cannot be read as an image"):
        draw(data)


def test_for_a_broken_picture_another_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One of twenty-one; the next by its place, whoever asks and whenever."""
    folders = flat_folder(tmp_path / "a", list(range(0, 210, 10))), flat_folder(tmp_path / "b", [7])
    Image.new("L", (40, 40), 9).save(folders[1] / "009.png")
    damage(folders[0] / "050.png")
    levels = [level_of(dataset(folders, images=42)[item][0]) for item in range(42)]
    assert 50 not in levels
    assert Counter(levels)[60] == 4
    data = dataset(folders, images=42)
    caplog.clear()
    assert [level_of(data[item][0]) for item in reversed(range(42))] == levels[::-1]
    [said] = caplog.messages
    assert "050.png cannot be read as an image" in said
    assert "another picture is taken in its place" in said


def damage(path: Path) -> None:
    """Overwrite the middle of a file, so that its head and its end are whole."""
    content = bytearray(path.read_bytes())
    middle = content.index(b"IDAT") + 4
    content[middle : middle + 12] = b"\xff" * 12
    path.write_bytes(content)


def test_what_the_system_does_not_give_ends_the_training(domains: tuple[Path, Path]) -> None:
    """A folder that is gone for a while is no reason to go on with other pictures."""
    data = dataset(domains)
    (domains[0] / "003.png").unlink()
    with pytest.raises(
        DataError, match=r"003\.png cannot be read \(No such file.*check that it is"
    ):
        draw(data)
