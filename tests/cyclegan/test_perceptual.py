"""The perceptual term: what it measures, what learns from it, and that it costs nothing unasked."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cyclegan.config import DiscriminatorConfig, FastConfig
from cyclegan.features import find_efficientnet
from cyclegan.features.efficientnet import EfficientNet
from cyclegan.perceptual import perceptual_distance
from cyclegan.state import TrainState, new_state
from cyclegan.step import StepResult, StepSettings, train_step
from cyclegan.train_config import LossWeights, TrainConfig
from cyclegan.training import train

CPU = torch.device("cpu")
ASKED = LossWeights(perceptual=3.0)


def crops(seed: int, count: int = 2) -> Tensor:
    """Smooth pictures, as photographs are."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 12, 12, generator=random) * 2 - 1
    return F.interpolate(coarse, (64, 64), mode="bicubic").clamp(-1, 1)


@pytest.fixture
def large(tiny: TrainConfig) -> TrainConfig:
    """With crops that have features of all scales."""
    return replace(tiny, preprocess=replace(tiny.preprocess, load=72, crop=64))


def test_it_is_what_the_features_of_a_place_have_not_in_common() -> None:
    network = EfficientNet(find_efficientnet(), device=CPU)
    one, other = network.pyramid(crops(1)), network.pyramid(crops(2))
    common = [float(F.cosine_similarity(*pair).mean()) for pair in zip(one, other, strict=True)]
    expected = sum(2 - 2 * each for each in common) / 4
    assert float(perceptual_distance(crops(1), crops(2))) == pytest.approx(expected, rel=1e-4)


def test_the_same_picture_has_all_in_common_and_nothing_to_learn() -> None:
    translated = crops(1).requires_grad_()
    distance = perceptual_distance(crops(1), translated)
    (gradient,) = torch.autograd.grad(distance, translated)
    assert distance == 0
    assert not gradient.any()


def test_another_light_keeps_more_than_another_picture() -> None:
    picture, other = crops(1), crops(2)
    night = (picture + 1) * torch.tensor([0.2, 0.3, 0.5])[:, None, None] - 1
    assert (night - picture).abs().mean() > (other - picture).abs().mean()
    lit, drawn = (float(perceptual_distance(picture, each)) for each in (night, other))
    assert 0 < lit < 0.6 * drawn


def test_translations_alone_learn_and_in_fp32_under_autocast_too() -> None:
    picture, translated = crops(1).requires_grad_(), crops(2).requires_grad_()
    plain = perceptual_distance(picture, translated)
    with torch.autocast("cpu", torch.bfloat16):
        found = perceptual_distance(picture, translated)
        found.backward()  # type: ignore[no-untyped-call]
    assert found.dtype == torch.float32
    assert torch.equal(found, plain)
    assert picture.grad is None
    assert translated.grad is not None
    assert (translated.grad != 0).float().mean() > 0.9


def take(state: TrainState, weights: LossWeights) -> StepResult:
    settings = StepSettings(weights=weights, dtype=torch.float32)
    return train_step(state.networks, state.learner, crops(1), crops(2), settings=settings, steps=0)


def test_unasked_it_is_not_looked_for(tiny: TrainConfig) -> None:
    """No network is read: pictures may be smaller than one takes, and channels other than three."""
    config = replace(
        tiny,
        generator=FastConfig(blocks=1, filters=4, channels=1),
        discriminator=DiscriminatorConfig(filters=4, channels=1),
    )
    state = new_state(config, CPU)
    settings = StepSettings(weights=LossWeights(), dtype=torch.float32)
    a, b = (crops(seed)[:, :1, :32, :32] for seed in (1, 2))
    losses = train_step(state.networks, state.learner, a, b, settings=settings, steps=0).losses
    assert losses.perceptual_ab == losses.perceptual_ba == 0


def test_generators_learn_from_it_by_its_weight_each_from_its_own_direction(
    large: TrainConfig,
) -> None:
    state, plain, untouched = (new_state(large, CPU) for _ in range(3))
    take(plain, replace(ASKED, perceptual=0.0))
    g_ab, g_ba = untouched.networks.g_ab, untouched.networks.g_ba
    forth, back = (
        perceptual_distance(crops(1), g_ab(crops(1))),
        perceptual_distance(crops(2), g_ba(crops(2))),
    )
    (3.0 * (forth + back)).backward()  # type: ignore[no-untyped-call]

    losses = take(state, ASKED).losses

    assert float(losses.perceptual_ab) == pytest.approx(float(forth.detach()), rel=1e-4)
    assert float(losses.perceptual_ba) == pytest.approx(float(back.detach()), rel=1e-4)
    for name in ("g_ab", "g_ba"):
        parts = (getattr(each.networks, name).parameters() for each in (state, plain, untouched))
        for whole, rest, own in zip(*parts, strict=True):
            torch.testing.assert_close(whole.grad - rest.grad, own.grad, rtol=1e-3, atol=1e-4)


def test_a_training_that_asks_for_it_gives_generators_that_keep_more(large: TrainConfig) -> None:
    found = []
    for weight in (0.0, 10.0):
        loss = LossWeights(cycle=0.1, identity=0.0, perceptual=weight)
        generator = FastConfig(blocks=1, filters=4, input_share=0.0)  # all that is kept is learnt
        config = replace(large, generator=generator, images=40, lr_g=2e-3, ema_decay=0.5, loss=loss)
        state = new_state(config, CPU)
        data = ((crops(2 * n), crops(2 * n + 1)) for n in range(1000, 2000))
        train(config, state, data, report=lambda progress: None, device=CPU)
        found.append(kept_from(state.learner.ema_ab.network))
    assert found[1] < 0.5 * found[0]


@torch.no_grad()
def kept_from(generator: nn.Module) -> float:
    """The distance of translations of pictures that were not trained on."""
    images = crops(99, count=10)
    return float(perceptual_distance(images, generator(images)))


def test_a_crop_too_small_to_have_coarse_features_is_refused(large: TrainConfig) -> None:
    smaller = replace(large.preprocess, crop=60)
    replace(large, preprocess=smaller)
    with pytest.raises(ValueError, match=r"crop \(60\) must be 64 .* for the perceptual loss"):
        replace(large, preprocess=smaller, loss=ASKED)
