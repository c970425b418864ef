"""One judge for a whole training: untouched, perfect and ruined pictures, and what is kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from cyclegan.judge import Judge, read_pictures
from cyclegan.photographs import DataError
from cyclegan.translator import Frames


class Colors:
    """A feature network small enough to see through: mean and spread of each channel."""

    name = "colours"

    def __init__(self) -> None:
        self.pictures = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.pictures += len(images)
        levels = images.float().flatten(2) / 255
        return torch.cat([levels.mean(2), levels.std(2)], 1)


def pictures(count: int, level: int, *, seed: int) -> Tensor:
    """Rectangles around one level of grey: uint8 (count, 3, 32, 32)."""
    random = np.random.default_rng(seed)
    images = np.zeros((count, 3, 32, 32))
    for number in range(count):
        images[number] = level + random.integers(-20, 20)
        top, left = random.integers(4, 20, 2)
        images[number, :, top : top + 9, left : left + 9] += random.integers(-60, 60)
    return torch.from_numpy(images.clip(0, 255).astype(np.uint8))


DARK, BRIGHT = pictures(40, 70, seed=1), pictures(36, 170, seed=2)


def brighter(frames: Frames, levels: int = 100) -> Frames:
    changed: Frames = np.clip(frames.astype(int) + levels, 0, 255).astype(np.uint8)
    return changed


def darker(frames: Frames) -> Frames:
    return brighter(frames, -100)


@pytest.fixture
def judge() -> Judge:
    return Judge(DARK, BRIGHT, network=Colors(), resamples=200)


def test_untouched_pictures_close_nothing_and_keep_everything(judge: Judge) -> None:
    score = judge.score(np.copy, "a2b")
    assert score.gap_closed is not None
    assert (score.gap_closed.value, score.gap_closed.low, score.gap_closed.high) == (0, 0, 0)
    assert score.kid == score.kid_before
    assert score.fid == score.fid_before > 0.1
    assert score.edges.value == pytest.approx(1)
    assert score.lpips is None


def test_a_right_translation_closes_the_gap_either_way(judge: Judge) -> None:
    for direction, translate in (("a2b", brighter), ("b2a", darker)):
        score = judge.score(translate, direction)  # type: ignore[arg-type]
        assert score.gap_closed is not None
        assert 0.9 < score.gap_closed.low < score.gap_closed.value < 1.1
        assert score.fid < score.fid_before / 10
        assert score.edges.value > 0.95


def test_the_interval_of_edges_is_that_of_the_mean_of_pictures(judge: Judge) -> None:
    grain = np.random.default_rng(4).normal(size=(len(DARK), 32, 32, 3))
    strengths = np.linspace(0, 40, len(DARK))[:, None, None, None]
    left = iter(np.split(grain * strengths, range(16, len(DARK), 16)))

    def noisy(frames: Frames) -> Frames:
        return (frames + next(left)).clip(0, 255).astype(np.uint8)

    edges = judge.score(noisy, "a2b").edges
    assert 0.3 < edges.low < edges.value < edges.high < 1
    assert 0.05 < edges.high - edges.low < 0.3


def test_wrong_directions_and_ruins_are_told(judge: Judge) -> None:
    away = judge.score(darker, "a2b")
    assert away.gap_closed is not None
    assert away.gap_closed.high < 0
    assert away.fid > away.fid_before
    ruined = judge.score(lambda frames: np.full_like(frames, 170), "a2b")
    assert ruined.edges.value == 0


def test_the_same_pictures_give_the_same_figures(judge: Judge) -> None:
    again = Judge(DARK, BRIGHT, network=Colors(), resamples=200)
    assert again.score(brighter, "a2b") == judge.score(brighter, "a2b")


def test_real_pictures_are_seen_once_and_translated_ones_once_each() -> None:
    network, heard = Colors(), list[int]()
    judge = Judge(DARK, BRIGHT, network=network, resamples=10, heard=heard.append)
    assert (network.pictures, sum(heard)) == (76, 76)
    judge.score(brighter, "a2b", heard=heard.append)
    assert (network.pictures, sum(heard)) == (116, 116)
    judge.score(darker, "b2a")
    assert network.pictures == 152


def test_alike_domains_have_no_gap_to_close() -> None:
    judge = Judge(DARK, pictures(40, 70, seed=3), network=Colors(), resamples=200)
    assert judge.score(np.copy, "a2b").gap_closed is None


def test_pictures_are_scaled_by_their_short_side_and_cut_in_the_middle(tmp_path: Path) -> None:
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = (200, 100, 50)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide.transpose(1, 0, 2)).save(tmp_path / "high.png")
    heard = list[int]()
    paths = [tmp_path / "wide.png", tmp_path / "high.png"]
    images = read_pictures(paths, 20, heard=heard.append)
    assert (images.shape, images.dtype, heard) == ((2, 3, 20, 20), torch.uint8, [1, 1])
    inner = images[:, :, 2:-2, 2:-2]
    assert torch.equal(inner, torch.tensor([200, 100, 50])[:, None, None].expand_as(inner))
    (tmp_path / "broken.png").write_text("no picture")
    with pytest.raises(DataError, match=r"broken\.png"):
        read_pictures([*paths, tmp_path / "broken.png"], 20)
