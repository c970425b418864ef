"""Generators that change less."""

import pytest
import torch

from cyclegan.config import FastConfig
from cyclegan.milder import with_milder_change
from cyclegan.networks import FastGenerator, init_weights
from cyclegan.phased import phased


def generator(*, separable: bool = True) -> FastGenerator:
    network = FastGenerator(FastConfig(blocks=1, filters=4, separable=separable)).requires_grad_(
        False
    )
    init_weights(network, std=0.05, seed=0)  # no tanh that is full
    return network.eval()


def picture() -> torch.Tensor:
    """All levels there are, (1, 3, 32, 32)."""
    return torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("share", [0.25, 0.8])
def test_of_a_change_a_share_is_left(share: float, separable: bool) -> None:
    network, given = generator(separable=separable), picture()
    made, whole = with_milder_change(network, share), network(given) - given
    wanted = given + share * whole
    assert float(whole.abs().mean()) > 0.2
    assert float((made(given) - wanted).abs().mean()) < 0.05 * (1 - share) + 0.01
    assert float((made(given) - wanted).abs().max()) < 0.2 * (1 - share) + 0.05
    torch.testing.assert_close(phased(made)(given), made(given), rtol=0, atol=1e-4)


@torch.no_grad()
def test_all_of_it_is_the_generator_itself() -> None:
    network = generator()
    assert torch.equal(with_milder_change(network, 1.0)(picture()), network(picture()))


@torch.no_grad()
def test_next_to_nothing_leaves_a_picture_nearly_as_it_is() -> None:
    made, given = with_milder_change(generator(), 1e-6), picture()
    off = (made(given) - given).abs()
    assert float(off[given.abs() < 0.63].max()) < 0.03
    assert float(off.max()) < 0.2


@pytest.mark.parametrize("share", [0.0, -1.0, 1.01, float("nan")])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share must be above 0 and at most 1"):
        with_milder_change(generator(), share)
