"""How things moved between small frames."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.motion import motion, moved, window_mean

MARGIN = 20
"""Pixels of a scene beyond each border of the frame."""
AROUND = 8
"""Pixels by which a window and what is smoothed reach beyond a pixel."""


def scene(height: int, width: int, *, seed: int = 0) -> Tensor:
    """Something as natural scenes are: as much of coarse things as of fine ones."""
    random = torch.Generator().manual_seed(seed)
    size = height + 2 * MARGIN, width + 2 * MARGIN
    made = torch.full((1, 3, *size), 120.0)
    for grain in (4, 8, 16, 32):
        coarse = torch.randn(1, 3, *(side // grain + 2 for side in size), generator=random)
        made += 12 * F.interpolate(coarse, size, mode="bicubic", align_corners=False)
    return made


def framed(whole: Tensor, x: float, y: float) -> Tensor:
    """What a camera sees that has moved by so many pixels; between pixels bicubic."""
    height, width = whole.shape[2:]
    across, down = (
        (2 * (torch.arange(side - 2 * MARGIN) + MARGIN + shift) + 1) / side - 1
        for side, shift in ((width, x), (height, y))
    )
    places = torch.stack(torch.meshgrid(down, across, indexing="ij")[::-1], -1)[None]
    return F.grid_sample(whole, places, mode="bicubic", align_corners=False)


def noise(like: Tensor, levels: float, seed: int) -> Tensor:
    return levels * torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


def misses(found: Tensor, x: float, y: float) -> Tensor:
    """Distances from the truth, of pixels whose surroundings were in the frame before as well."""
    height, width = found.shape[2:]
    left, top = (math.ceil(max(0, -shift)) + AROUND for shift in (x, y))
    right, bottom = (math.ceil(max(0, shift)) + AROUND for shift in (x, y))
    inner = found[0, :, top : height - bottom, left : width - right]
    return torch.hypot(inner[0] - x, inner[1] - y).flatten()


SHIFTS = [(1, 0), (-3, 2), (0.5, -0.25), (0.3, 0.7), (6.4, -3.3), (-13, 9)]


@pytest.mark.parametrize(("x", "y"), SHIFTS)
def test_a_camera_that_moves_is_followed_to_a_quarter_of_a_pixel(x: float, y: float) -> None:
    whole = scene(108, 192)
    far = misses(motion(framed(whole, 0, 0), framed(whole, x, y)), x, y)
    assert far.mean() < 0.15
    assert far.quantile(0.95) < 0.25


@pytest.mark.parametrize("times", [2, 3, 10])
@pytest.mark.parametrize(("x", "y"), [(0.3, 0.7), (-13, 9)])
def test_in_larger_frames_it_is_followed_as_far(x: float, y: float, times: int) -> None:
    whole = scene(108, 192)
    before, after = (
        F.interpolate(framed(whole, *shift), scale_factor=times, mode="bicubic")
        for shift in ((0, 0), (x, y))
    )
    found = F.avg_pool2d(motion(before, after), times) / times
    assert misses(found, x, y).mean() < 0.15


@pytest.mark.parametrize(("x", "y"), SHIFTS)
def test_noise_costs_a_fraction_of_a_pixel(x: float, y: float) -> None:
    whole = scene(108, 192)
    before, after = framed(whole, 0, 0), framed(whole, x, y)
    far = misses(motion(before + noise(before, 3, 1), after + noise(after, 3, 2)), x, y)
    assert far.mean() < 0.25


@pytest.mark.parametrize("levels", [0, 4])
@pytest.mark.parametrize(("height", "width"), [(108, 192), (144, 256), (208, 370)])
def test_a_camera_that_stands_still_has_no_motion(height: int, width: int, levels: float) -> None:
    """With the noise of its sensor hardly any."""
    still = framed(scene(height, width), 0, 0)
    found = motion(still + noise(still, levels, 1), still + noise(still, levels, 2))
    assert found.abs().mean() <= levels / 80
    assert found.abs().median() == 0


def test_what_has_no_texture_has_no_motion() -> None:
    flat = torch.full((1, 3, 108, 192), 90.0)
    assert not motion(flat, flat + 3).any()
    assert not motion(flat, flat).any()


@pytest.mark.parametrize("levels", [0, 3])
@pytest.mark.parametrize(("height", "width"), [(96, 160), (144, 256)])
def test_a_thing_that_moves_before_a_ground_that_stands(
    height: int, width: int, levels: float
) -> None:
    ground = framed(scene(height, width), 0, 0)
    thing = framed(scene(height, width, seed=1), 0, 0) + 40
    before, after = ground.clone(), ground.clone()
    before[..., 30:70, 40:90] = thing[..., 30:70, 40:90]
    after[..., 33:73, 46:96] = thing[..., 30:70, 40:90]
    found = motion(before + noise(before, levels, 2), after + noise(after, levels, 3))[0]
    inside = torch.hypot(found[0, 40:66, 54:88] + 6, found[1, 40:66, 54:88] + 3)
    assert inside.median() < 0.25
    assert found[:, :20].abs().mean() < 0.1
    assert found[..., 110:].abs().mean() < 0.1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("height", "width"), [(96, 160), (144, 256)])
def test_such_a_thing_moves_as_a_whole_to_its_corners(height: int, width: int, seed: int) -> None:
    """Not only in its middle, where no window sees the ground."""
    ground = framed(scene(height, width, seed=seed), 0, 0)
    thing = framed(scene(height, width, seed=seed + 10), 0, 0) + 40
    before, after = ground.clone(), ground.clone()
    before[..., 30:70, 40:90] = thing[..., 30:70, 40:90]
    after[..., 33:73, 46:96] = thing[..., 30:70, 40:90]
    found = motion(before, after)[0, :, 36:70, 49:93]
    assert (torch.hypot(found[0] + 6, found[1] + 3) < 1).float().mean() > 0.99


def test_at_a_cut_it_is_finite() -> None:
    found = motion(framed(scene(108, 192), 0, 0), framed(scene(108, 192, seed=9), 0, 0))
    assert found.isfinite().all()
    assert found.abs().max() < 64


@pytest.mark.parametrize(
    ("height", "width"),
    [
        (32, 32),
        (33, 57),
        (20, 24),
        (108, 40),
        (129, 200),
        (160, 160),
        (208, 370),
        (161, 163),
        (321, 333),
    ],
)
def test_sizes(height: int, width: int) -> None:
    whole = scene(height, width)
    found = motion(framed(whole, 0, 0), framed(whole, 1, 0))
    assert found.shape == (1, 2, height, width)
    assert misses(found, 1, 0).median() < 0.25


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (8, 8), (8, 300), (3, 2)])
def test_frames_too_small_to_see_anything_in(height: int, width: int) -> None:
    before = torch.full((1, 3, height, width), 7.0)
    assert motion(before, before).shape == (1, 2, height, width)
    assert motion(before, before + noise(before, 50, 1)).isfinite().all()


def test_a_frame_s_motion_does_not_depend_on_its_batch() -> None:
    whole = scene(37, 61)
    row = torch.cat([framed(whole, step * 1.3, -step) for step in range(6)])
    together = motion(row[:-1], row[1:])
    for number in range(5):
        alone = motion(row[number : number + 1], row[number + 1 : number + 2])
        assert torch.equal(together[number : number + 1], alone)


def test_values_are_moved_by_whole_pixels_and_by_parts() -> None:
    values = noise(torch.empty(2, 4, 9, 12), 1, 3)
    shift = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1).expand(2, -1, 9, 12)
    torch.testing.assert_close(moved(values, shift)[:, :, 1:, :-2], values[:, :, :-1, 2:])
    torch.testing.assert_close(moved(values, 100 * shift), values[:, :, :1, -1:].expand_as(values))
    half = moved(values, shift / 4)[:, :, 1:, :-1]
    rows = values[:, :, 1:] * 0.75 + values[:, :, :-1] * 0.25
    torch.testing.assert_close(half, (rows[..., :-1] + rows[..., 1:]) / 2)


def test_the_mean_of_windows() -> None:
    planes = noise(torch.empty(2, 3, 7, 5), 1, 3)
    wide = F.pad(planes, (2, 2, 2, 2), mode="replicate")
    torch.testing.assert_close(window_mean(planes, 2), F.avg_pool2d(wide, 5, stride=1))
