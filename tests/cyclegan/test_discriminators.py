"""What discriminators may be: their depth, their scales, their norm."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from cyclegan.config import DiscriminatorConfig
from cyclegan.discriminators import MultiScaleDiscriminator, new_discriminator
from cyclegan.guard.evidence import share_of_patches
from cyclegan.state import new_state
from cyclegan.step import StepResult, StepSettings, train_step
from cyclegan.train_config import LossWeights, TrainConfig

CPU = torch.device("cpu")
SPECTRAL = DiscriminatorConfig(filters=4, norm="spectral")


def picture(side: int, seed: int = 0) -> Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def raw_weights(network: nn.Module) -> list[nn.Parameter]:
    """Those that spectral norm divides by their norm."""
    named = network.named_parameters()
    return [weight for name, weight in named if name.endswith("weight.original")]


@pytest.mark.parametrize(("layers", "patch"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_layers_decide_how_large_a_patch_is_judged(layers: int, patch: int) -> None:
    config = DiscriminatorConfig(filters=1, norm="spectral", layers=layers)
    network = new_discriminator(config, seed=1).eval().double()
    for weight in raw_weights(network):  # no pixel's word is lost on the way
        weight.data.abs_().add_(0.1)
    image = torch.zeros(1, 3, 320, 320, dtype=torch.double, requires_grad=True)
    scores = network(image)
    assert isinstance(scores, Tensor)
    middle = scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle, image)
    rows = gradient.abs().sum((0, 1, 3)).nonzero()
    assert len(rows) == patch


def test_each_scale_judges_a_picture_of_half_the_side() -> None:
    network = new_discriminator(DiscriminatorConfig(filters=4, scales=3), seed=1)
    assert isinstance(network, MultiScaleDiscriminator)
    finest, middle, coarsest = network(picture(128))
    assert [scores.shape[2] for scores in (finest, middle, coarsest)] == [14, 6, 2]
    torch.testing.assert_close(finest, network.scales[0](picture(128)))
    smooth = picture(4, seed=3).repeat_interleave(32, 2).repeat_interleave(32, 3)
    halved = smooth[..., ::2, ::2]
    shown = network(smooth)[1]
    torch.testing.assert_close(shown, network.scales[1](halved), rtol=0, atol=0.3)


def test_scales_begin_with_weights_of_their_own() -> None:
    state = new_discriminator(DiscriminatorConfig(filters=4, scales=2), seed=1).state_dict()
    assert not torch.equal(state["scales.0.model.0.weight"], state["scales.1.model.0.weight"])


@pytest.mark.parametrize("config", [SPECTRAL, replace(SPECTRAL, scales=2)])
def test_a_seed_decides_all(config: DiscriminatorConfig) -> None:
    torch.manual_seed(5)
    one = new_discriminator(config, seed=1).state_dict()
    torch.manual_seed(6)
    same, other = (new_discriminator(config, seed=seed).state_dict() for seed in (1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    drawn = [name for name, value in one.items() if value.numel() > 1 and "bias" not in name]
    assert len(drawn) == config.scales * 14  # the last layer's first vector is a number, 1 or -1
    assert not any(torch.equal(one[name], other[name]) for name in drawn)


def largest_singular_values(network: nn.Module) -> list[float]:
    modules = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        return [float(torch.linalg.matrix_norm(each.weight.flatten(1), ord=2)) for each in modules]


def test_spectral_norm_holds_from_the_first_step_on() -> None:
    network = new_discriminator(replace(SPECTRAL, filters=8), seed=1)
    assert largest_singular_values(network) == pytest.approx([1.0] * 5, rel=0.05)
    for weight in raw_weights(network):
        weight.data.mul_(30)
    for _ in range(20):
        network(picture(32))
    assert largest_singular_values(network) == pytest.approx([1.0] * 5, rel=0.02)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def step(config: TrainConfig, a: Tensor, b: Tensor) -> tuple[StepResult, dict[str, Tensor], bool]:
    """A step's result, the buffers before it, and whether they are the same after it."""
    state = new_state(config, CPU)
    before = {name: each.clone() for name, each in state.networks.d_b.named_buffers()}
    settings = StepSettings(weights=LossWeights(), dtype=torch.float32)
    result = train_step(state.networks, state.learner, a, b, settings=settings, steps=0)
    after = dict(state.networks.d_b.named_buffers())
    return result, before, all(torch.equal(each, after[name]) for name, each in before.items())


def test_a_skipped_step_leaves_the_vectors_of_spectral_norm_as_they_were(
    tiny: TrainConfig,
) -> None:
    config = replace(tiny, discriminator=SPECTRAL)
    result, buffers, are_same = step(config, picture(32, 1), picture(32, 2))
    assert len(buffers) == 10
    assert not result.skipped
    assert not are_same
    result, _, are_same = step(config, picture(32, 1) * torch.nan, picture(32, 2))
    assert result.skipped
    assert are_same


def test_both_scales_learn_and_are_heard(tiny: TrainConfig) -> None:
    config = replace(tiny, discriminator=DiscriminatorConfig(filters=4, layers=2, scales=2))
    state, untouched = new_state(config, CPU), new_state(config, CPU)
    settings = StepSettings(weights=LossWeights(cycle=0, identity=0), dtype=torch.float32)
    a, b = picture(32, 1), picture(32, 2)
    result = train_step(state.networks, state.learner, a, b, settings=settings, steps=0)
    fresh = untouched.networks.d_b.state_dict()
    learnt = state.networks.d_b.state_dict()
    for scale in range(2):
        key = f"scales.{scale}.model.2.weight"
        assert not torch.equal(fresh[key], learnt[key])
    with torch.no_grad():
        scores = untouched.networks.d_b(untouched.networks.g_ab(a))
    expected = sum(float((each - 1).square().mean()) for each in scores) / 2
    assert float(result.losses.adversarial_ab) == pytest.approx(expected, rel=1e-4)


def test_the_guard_counts_patches_of_each_scale_as_much() -> None:
    scores = torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([0.0])
    assert share_of_patches(scores, lambda each: each > 0.5) == pytest.approx(0.375)
    assert share_of_patches(scores[0], lambda each: each < 0.5) == pytest.approx(0.25)


@pytest.mark.parametrize(("layers", "scales", "side"), [(3, 1, 24), (2, 1, 12), (2, 3, 48)])
def test_the_least_crop_is_the_least_that_trains(
    tiny: TrainConfig, layers: int, scales: int, side: int
) -> None:
    discriminator = DiscriminatorConfig(filters=4, layers=layers, scales=scales)
    assert discriminator.least_side == side
    sides = replace(tiny.preprocess, load=side, crop=side)
    config = replace(tiny, discriminator=discriminator, preprocess=sides)
    result, _, _ = step(config, picture(side, 1), picture(side, 2))
    assert not result.skipped
    small = replace(sides, crop=side - 4)
    with pytest.raises(ValueError, match=rf"crop \({side - 4}\) must be {side} pixels or more"):
        replace(config, preprocess=small)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DiscriminatorConfig(layers=0), "layers must be from 1 to 5, not 0"),
        (lambda: DiscriminatorConfig(layers=6), "layers must be from 1 to 5, not 6"),
        (lambda: DiscriminatorConfig(scales=0), "scales must be from 1 to 4, not 0"),
        (lambda: DiscriminatorConfig(filters=0), "filters must be 1 or more, not 0"),
    ],
)
def test_what_cannot_be_built_is_refused(make: type[DiscriminatorConfig], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
