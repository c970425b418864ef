"""Scaling in bands does what torch does to whole frames."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.resampling import added, shrunk

SIZES = [((90, 160), (30, 53)), ((61, 97), (60, 96)), ((400, 9), (40, 1)), ((3, 7), (1, 2))]


def noise(dtype: torch.dtype, size: tuple[int, int]) -> Tensor:
    most = torch.iinfo(dtype).max
    levels = np.random.default_rng(2).integers(0, most + 1, (2, *size, 3))
    return torch.from_numpy(levels).to(dtype)


@pytest.mark.parametrize(("large", "small"), SIZES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_a_frame_is_made_small_as_torch_does_it(
    dtype: torch.dtype, large: tuple[int, int], small: tuple[int, int]
) -> None:
    full = noise(dtype, large)
    planes = full.permute(0, 3, 1, 2).float()
    expected = F.interpolate(planes, small, mode="bilinear", antialias=True)
    made = shrunk(full, *small)
    assert made.dtype == torch.float32
    assert float((made - expected).abs().max()) < 1e-6 * torch.iinfo(dtype).max


@pytest.mark.parametrize(("large", "small"), SIZES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_a_change_is_made_large_as_torch_does_it_added_and_rounded(
    dtype: torch.dtype, large: tuple[int, int], small: tuple[int, int]
) -> None:
    full, most = noise(dtype, large), torch.iinfo(dtype).max
    change = torch.from_numpy(np.random.default_rng(3).normal(0, most / 4, (2, 3, *small))).float()
    up = F.interpolate(change, large, mode="bicubic", antialias=True)
    expected = (full.permute(0, 3, 1, 2).double() + up).clamp(0, most)
    made = added(full, change)
    assert made.dtype == dtype
    assert made.shape == full.shape
    off = (made.permute(0, 3, 1, 2).double() - expected).abs()
    assert float(off.max()) <= 0.5 + 1e-6 * most + 1e-4


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_no_change_changes_no_level(dtype: torch.dtype) -> None:
    full = noise(dtype, (90, 160))
    assert torch.equal(added(full, torch.zeros(2, 3, 30, 53)), full)
