"""A camera whose exposure changes, and what is not that."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan import steady
from cyclegan.exposure import exposed, exposure_gain
from cyclegan.steady import steadied

SIDES = [96, 40]


def a_ground(side: int = 96, *, seed: int = 1) -> Tensor:
    """Asphalt, (1, 3, side, side) in whole levels: nearly plain, lighter to the right."""
    grain = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(seed))
    slope = torch.linspace(50, 90, side).expand(1, 1, side, side)
    return (slope + grain).round().expand(-1, 3, -1, -1).clone()


def in_light(scene: Tensor, factor: float) -> Tensor:
    return (scene * factor).round().clamp(0, 255)


def sameness(before: Tensor, after: Tensor) -> Tensor:
    return steady._course(before, after)[1]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("factor", [0.9, 0.96, 1.04, 1.1])
def test_a_frame_is_seen_in_the_exposure_of_the_next(factor: float, side: int) -> None:
    scene = a_ground(side)
    after = in_light(scene, factor)
    gain = exposure_gain(scene, after)
    assert float(gain) == pytest.approx(factor - 1, abs=0.01)
    assert float((exposed(scene, gain) - after).abs().mean()) < 0.6


def test_each_frame_of_a_batch_has_its_own() -> None:
    scene = a_ground()
    after = torch.cat([in_light(scene, 1.05), scene, in_light(scene, 0.95)])
    gains = exposure_gain(scene.expand(3, -1, -1, -1), after)
    for number in range(3):
        assert torch.equal(gains[number : number + 1], exposure_gain(scene, after[number, None]))
    assert gains.flatten().sign().tolist() == [1, 0, -1]


def test_what_passes_has_no_say_in_it() -> None:
    scene = a_ground()
    after = in_light(scene, 1.05)
    after[..., 20:60, 10:60] = 200.0  # a pale car, in a fifth of the picture
    assert float(exposure_gain(scene, after)) == pytest.approx(0.05, abs=0.01)


def test_without_exposure_there_is_none() -> None:
    generator = torch.Generator().manual_seed(3)
    scene = F.interpolate(40 + 160 * torch.rand(1, 3, 12, 12, generator=generator), (96, 96))
    half = scene.clone()
    half[..., 48:] += 50
    noisy = scene + 3 * torch.randn(1, 3, 96, 96, generator=generator)
    night = torch.full((1, 3, 96, 96), 2.0)
    night[..., 40:44, 40:44] = 220.0
    for before, after in [
        (scene, noisy),
        (scene, scene.roll(5, 3)),  # a pan
        (scene, half),  # a wall comes into sight
        (scene, (scene * 1.8).clamp_max(255)),  # a flash
        (torch.full_like(scene, 20.0), torch.full_like(scene, 235.0)),  # a cut
        (night, torch.where(night == 2, 3.0, night)),  # black that is a level lighter
        (torch.zeros_like(scene), torch.zeros_like(scene)),
    ]:
        gain = exposure_gain(before, after)
        assert float(gain) == 0
        assert torch.equal(exposed(before, gain), before)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (3, 2), (5, 5)])
def test_frames_too_small_to_tell_have_none(height: int, width: int) -> None:
    scene = torch.full((2, 3, height, width), 100.0)
    assert exposure_gain(scene, scene * 1.05).flatten().tolist() == [0, 0]


@pytest.mark.parametrize("before", [0.0, 2.0, 6.0])
def test_black_that_is_lifted_leaves_lamps_the_same(before: float) -> None:
    night = torch.full((1, 3, 96, 96), before)
    night[..., 40:56, 40:56] = 220.0
    lifted = torch.where(night == before, before + 1, night)
    assert float(sameness(night, lifted).min()) > 0.9


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_what_is_white_stays_the_same_while_the_rest_gets_other_light(factor: float) -> None:
    scene = a_ground()
    scene[..., :32, :] = 255.0
    after = in_light(scene, factor)
    after[..., :32, :] = 255.0
    found = sameness(scene, after)
    assert float(found[..., :26, :].min()) > 0.9
    assert float(found[..., 40:, :].mean()) > 0.9


@pytest.mark.parametrize(("factor", "was", "is_now"), [(1.1, 215.0, 225.0), (0.9, 240.0, 227.0)])
def test_what_is_nearly_white_goes_some_of_the_way(
    factor: float, was: float, is_now: float
) -> None:
    scene = a_ground()
    scene[..., :32, :] = was
    after = in_light(scene, factor)
    after[..., :32, :] = is_now
    assert float(sameness(scene, after)[..., :26, :].min()) > 0.95


@pytest.mark.parametrize("is_now", [140.0, 240.0])
def test_what_differs_by_more_than_the_light_is_not_the_same(is_now: float) -> None:
    """A thing that comes or goes while exposure settles: by that alone 180 would be 198."""
    scene = a_ground()
    scene[..., :32, :] = 180.0
    after = in_light(scene, 1.1)
    after[..., :32, :] = is_now
    found = sameness(scene, after)
    assert float(found[..., :16, :].max()) < 0.15
    assert float(found[..., 40:, :].mean()) > 0.9


def test_changes_stay_where_they_are_while_exposure_settles() -> None:
    scene = a_ground()
    film = torch.cat([in_light(scene, 0.96**n) for n in range(6)])
    painted = torch.zeros(1, 3, 96, 96)
    painted[..., 60:] = 80.0  # what a generator has made up of the lighter side
    changes = torch.cat([painted, torch.zeros(5, 3, 96, 96)])
    _, made = steadied(None, film, changes, strength=0.9)
    expected = painted[0] * 0.9**5
    assert float((made[-1] - expected).abs().mean()) < 2.0
    assert float(made[-1][..., :50].abs().max()) < 5.0
