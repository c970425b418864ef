"""Optical flow: found where it is known, the same on any machine; and what is not to be had."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torchvision.models.optical_flow import raft_small

from cyclegan import flow
from cyclegan.checkpoint import WeightsError
from cyclegan.flow import Dis, FlowError, Pixels, open_flow

CPU = torch.device("cpu")


def texture(height: int, width: int, *, seed: int = 0) -> Pixels:
    """Blurred noise in three colours."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2)
    spread = (soft - soft.mean()) / soft.std() * 40 + 128
    return np.asarray(spread.round().clip(0, 255).astype(np.uint8))


def test_a_known_shift_is_found_both_ways_with_any_number_of_threads() -> None:
    wide = texture(90, 160)
    first, second = (
        np.ascontiguousarray(wide[5:75, 10:140]),
        np.ascontiguousarray(wide[8:78, 4:134]),
    )
    found = Dis()(first, second)
    inner = slice(12, -12)
    for part, shift in ((found.forward, (6, -3)), (found.backward, (-6, 3))):
        assert part.shape == (70, 130, 2)
        assert part.dtype == np.float32
        assert np.abs(part[inner, inner] - shift).mean() < 0.1
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(5)
        again = Dis()(first, second)
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(again.forward, found.forward)
    np.testing.assert_array_equal(again.backward, found.backward)


def test_without_opencv_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert open_flow(device=CPU).name == "DIS (medium)"
    monkeypatch.setattr(flow, "find_spec", lambda name: None)
    with pytest.raises(FlowError, match="pip install opencv-python-headless"):
        open_flow(device=CPU)


@pytest.fixture(scope="module")
def raft_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network's weights as they are before any training."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("raft") / "raft_small.pth"
    torch.save(raft_small(weights=None).state_dict(), path)
    return path


def test_raft_reads_its_file_and_takes_frames_of_any_size(raft_file: Path) -> None:
    """Untrained, it says nothing true; but the same of frames that the border makes whole."""
    raft = open_flow(raft_file, device=CPU)
    assert raft.name == "RAFT (small, raft_small)"
    first, second = texture(60, 130), texture(60, 130, seed=1)
    found = raft(first, second)
    assert found.forward.shape == found.backward.shape == (60, 130, 2)
    swapped = raft(second, first)
    np.testing.assert_allclose(swapped.forward, found.backward, atol=1e-3)
    assert np.abs(found.forward - found.backward).max() > 1e-3


def test_other_weights_are_refused_by_name(raft_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(1)}, other)
    with pytest.raises(WeightsError, match=r"other.pth does not hold RAFT's weights: give raft_"):
        open_flow(other, device=CPU)
    with pytest.raises(WeightsError, match=r"gone.pth cannot be read"):
        open_flow(tmp_path / "gone.pth", device=CPU)
