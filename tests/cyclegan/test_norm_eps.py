"""Generators that leave plain pictures plain."""

import pytest
import torch
from torch import Tensor

from cyclegan.config import FastConfig
from cyclegan.networks import FastGenerator, init_weights
from cyclegan.norm_eps import with_norm_eps
from cyclegan.phased import phased

SIDE = 32


def generator(*, separable: bool = True, norm_eps: float = 1e-5) -> FastGenerator:
    config = FastConfig(blocks=2, filters=4, separable=separable, norm_eps=norm_eps)
    network = FastGenerator(config).eval().requires_grad_(False)
    init_weights(network, std=0.2, seed=0)
    return network


def picture(contrast: float = 1.0, *, seed: int = 0) -> Tensor:
    """Blocks of colours around a grey, (1, 3, SIDE, SIDE)."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, SIDE // 4, SIDE // 4), generator=random) * 2 - 1
    return contrast * coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("before", [1e-5, 0.3])
@pytest.mark.parametrize("eps", [0.1, 1.0, 10.0])
def test_a_picture_of_usual_contrast_is_translated_as_before(
    eps: float, before: float, separable: bool
) -> None:
    network = generator(separable=separable, norm_eps=before)
    made = with_norm_eps(network, [picture()], eps)
    assert made.config.norm_eps == eps
    torch.testing.assert_close(made(picture()), network(picture()), rtol=0, atol=1e-4)
    torch.testing.assert_close(phased(made)(picture()), network(picture()), rtol=0, atol=1e-4)


def test_what_is_plain_stays_plain() -> None:
    """A hundredth of the contrast: before, the change is as strong as ever; then it is not."""
    network = generator()
    made = with_norm_eps(network, [picture(seed=seed) for seed in range(4)], 1.0)
    usual, plain = picture(), picture(0.01)

    def change(of: FastGenerator, given: Tensor) -> float:
        return float((of(given) - torch.tanh(0.5 * given)).std())

    assert change(network, plain) > 0.8 * change(network, usual)
    assert change(made, plain) < 0.4 * change(made, usual)


def test_gradients_are_of_the_same_function() -> None:
    """Where gradients are wanted, another kernel computes the norm."""
    made = with_norm_eps(generator(), [picture()], 1.0)
    given = picture(0.1).requires_grad_()
    torch.testing.assert_close(made(given).detach(), made(picture(0.1)), rtol=0, atol=1e-5)


def test_there_must_be_pictures() -> None:
    with pytest.raises(ValueError, match="no picture"):
        with_norm_eps(generator(), [], 1.0)
