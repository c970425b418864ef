"""A camera whose exposure changes, and what is not that."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.exposure import brightened
from cyclegan.steady import steadied


def a_ground(*, side: int = 96, seed: int = 1) -> Tensor:
    """Asphalt, (1, 3, side, side) in whole levels: nearly plain, lighter to the right."""
    grain = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(seed))
    slope = torch.linspace(50, 90, side).expand(1, 1, side, side)
    return (slope + grain).round().expand(-1, 3, -1, -1).clone()


def exposed(scene: Tensor, factor: float) -> Tensor:
    return (scene * factor).round()


@pytest.mark.parametrize("factor", [0.9, 0.96, 1.04, 1.1])
def test_a_frame_is_seen_in_the_exposure_of_the_next(factor: float) -> None:
    scene = a_ground()
    after = exposed(scene, factor)
    assert float((brightened(scene, after) - after).abs().mean()) < 0.6


def test_each_frame_of_a_batch_has_its_own() -> None:
    scene = a_ground()
    after = torch.cat([exposed(scene, 1.05), scene, exposed(scene, 0.95)])
    made = brightened(scene.expand(3, -1, -1, -1), after)
    for number in range(3):
        alone = brightened(scene, after[number : number + 1])
        torch.testing.assert_close(made[number : number + 1], alone, rtol=0, atol=0)


def test_what_passes_has_no_say_in_it() -> None:
    scene = a_ground()
    after = exposed(scene, 1.05)
    after[..., 20:60, 10:60] = 250.0  # a white car, in a fifth of the picture
    made = brightened(scene, after)
    assert float((made - exposed(scene, 1.05)).abs().mean()) < 0.6


def test_without_exposure_a_frame_stays_as_it_is() -> None:
    generator = torch.Generator().manual_seed(3)
    scene = F.interpolate(255 * torch.rand(1, 3, 12, 12, generator=generator), (96, 96))
    noise = 3 * torch.randn(1, 3, 96, 96, generator=generator)
    half = scene.clone()
    half[..., 48:] += 90
    flash = (scene * 1.8).clamp_max(255)
    dark, white = torch.full_like(scene, 2.0), torch.full_like(scene, 235.0)
    for before, after in [
        (scene, scene + noise),
        (scene, scene.roll(5, 3)),  # a pan
        (scene, half),  # a wall comes into sight
        (scene, flash),
        (dark, white),  # a cut
    ]:
        torch.testing.assert_close(brightened(before, after), before, rtol=0, atol=0)


def test_a_lift_of_black_leaves_lamps_alone() -> None:
    night = torch.full((1, 3, 96, 96), 2.0)
    night[..., 40:44, 40:44] = 220.0
    lifted = night.clone()
    lifted[night == 2.0] = 3.0
    lamp = brightened(night, lifted)[..., 40:44, 40:44]
    assert float((lamp - 220).abs().max()) < 25


def test_changes_stay_where_they_are_while_exposure_settles() -> None:
    scene = a_ground()
    film = torch.cat([exposed(scene, 0.96**n) for n in range(6)])
    painted = torch.zeros(1, 3, 96, 96)
    painted[..., 60:] = 80.0  # what a generator has made up of the lighter side
    changes = torch.cat([painted, torch.zeros(5, 3, 96, 96)])
    _, made = steadied(None, film, changes, strength=0.9)
    expected = painted[0] * 0.9**5
    assert float((made[-1] - expected).abs().mean()) < 2.0
    assert float(made[-1][..., :50].abs().max()) < 5.0
