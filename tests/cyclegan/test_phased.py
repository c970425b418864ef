"""A fast generator in the form in which translators run it on a CPU."""

import copy

import pytest
import torch
from torch import Tensor, nn

from cyclegan.config import FastConfig, ResnetConfig
from cyclegan.networks import Generator, build_generator, init_weights
from cyclegan.phased import phased
from cyclegan.traced import traced

KINDS = (FastConfig(blocks=1), FastConfig(blocks=1, separable=True), FastConfig(filters=3))
SIZES = ((8, 8), (8, 20), (52, 36))


def fast(config: FastConfig) -> Generator:
    """Bold enough that a wrong weight anywhere shows in its answers."""
    network = build_generator(config)
    init_weights(network, std=0.2, seed=1)
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias, 0, 0.2, generator=torch.Generator().manual_seed(2))
    return network.eval().requires_grad_(False)


def pictures(height: int, width: int) -> Tensor:
    random = torch.Generator().manual_seed(height * width)
    return torch.rand((2, 3, height, width), generator=random) * 2 - 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("config", KINDS)
def test_it_answers_as_the_network_does_up_to_the_border(
    config: FastConfig, size: tuple[int, int]
) -> None:
    network = fast(config)
    expected = network(pictures(*size))
    assert expected.std() > 0.1
    assert (phased(network)(pictures(*size)) - expected).abs().max() < 1e-4


@pytest.mark.parametrize("config", KINDS)
def test_recorded_at_one_size_it_answers_at_every_other(config: FastConfig) -> None:
    network = phased(fast(config)).eval()
    graph = traced(network, pictures(8, 8))
    for size in SIZES:
        assert torch.equal(graph(pictures(*size)), network(pictures(*size)))


@pytest.mark.parametrize("config", KINDS)
def test_in_bfloat16_it_is_as_near_the_exact_answer_as_the_network(config: FastConfig) -> None:
    network, image = fast(config), pictures(52, 36)
    exact = network(image)

    def error(made: nn.Module) -> float:
        half = copy.deepcopy(made).to(torch.bfloat16)(image.to(torch.bfloat16))
        return float((half.detach().float() - exact).abs().mean())

    assert error(phased(network)) < 1.05 * error(network)


def test_making_it_draws_no_random_numbers() -> None:
    """A training that judges its generators goes on as it would without."""
    network, before = fast(FastConfig(separable=True)), torch.get_rng_state()
    phased(network)
    assert torch.equal(torch.get_rng_state(), before)


def test_of_other_generators_there_is_no_such_form() -> None:
    network = build_generator(ResnetConfig(blocks=1, filters=4))
    assert phased(network) is network
