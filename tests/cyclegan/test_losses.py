"""The losses, against values worked out by hand."""

import math

import pytest
import torch

from cyclegan.config import GanMode
from cyclegan.losses import cycle_loss, discriminator_loss, generator_loss, identity_loss

SCORES = torch.tensor([[0.0, 2.0], [-1.0, 3.0]])
REAL, FAKE = torch.tensor([0.5, 2.0]), torch.tensor([-2.0, 0.0])
LOG2 = math.log(2)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("lsgan", (1 + 1 + 4 + 4) / 4),
        ("vanilla", (LOG2 + softplus(-2) + softplus(1) + softplus(-3)) / 4),
        ("hinge", -1.0),
    ],
)
def test_generator_loss(mode: GanMode, expected: float) -> None:
    assert generator_loss(SCORES, mode=mode).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("lsgan", 0.5 * ((0.25 + 1) / 2 + (4 + 0) / 2)),
        ("vanilla", 0.5 * ((softplus(-0.5) + softplus(-2)) / 2 + (softplus(-2) + LOG2) / 2)),
        ("hinge", 0.5 * ((0.5 + 0) / 2 + (0 + 1) / 2)),
    ],
)
def test_discriminator_loss(mode: GanMode, expected: float) -> None:
    assert discriminator_loss(REAL, FAKE, mode=mode).item() == pytest.approx(expected)


@pytest.mark.parametrize("mode", ["lsgan", "vanilla", "hinge"])
def test_each_scale_counts_as_much_however_many_patches_it_judges(mode: GanMode) -> None:
    fine, coarse = SCORES, FAKE
    apart = generator_loss(fine, mode=mode), generator_loss(coarse, mode=mode)
    both = generator_loss((fine, coarse), mode=mode)
    assert both.item() == pytest.approx((apart[0] + apart[1]).item() / 2)
    apart = (
        discriminator_loss(fine, 2 * fine, mode=mode),
        discriminator_loss(REAL, coarse, mode=mode),
    )
    both = discriminator_loss((fine, REAL), (2 * fine, coarse), mode=mode)
    assert both.item() == pytest.approx((apart[0] + apart[1]).item() / 2)


@pytest.mark.parametrize("mode", ["lsgan", "vanilla", "hinge"])
def test_scores_far_out_stay_finite(mode: GanMode) -> None:
    far = torch.tensor([-1e4, 1e4])
    assert generator_loss(far, mode=mode).isfinite()
    assert discriminator_loss(far, -far, mode=mode).isfinite()


def test_image_losses_are_mean_absolute_differences() -> None:
    image, other = torch.tensor([1.0, -1.0, 0.0, 0.5]), torch.tensor([0.0, -1.0, 0.5, 0.0])
    assert cycle_loss(image, other).item() == pytest.approx(0.5)
    assert identity_loss(image, other).item() == pytest.approx(0.5)
    assert cycle_loss(image, image) == 0
