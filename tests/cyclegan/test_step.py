"""One training step: who learns from what, and what is left alone."""

from collections.abc import Iterable
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor, nn

from cyclegan.config import GanMode, ResnetConfig
from cyclegan.state import TrainState, new_state
from cyclegan.step import Checkpointed, StepLosses, StepResult, StepSettings, train_step
from cyclegan.train_config import LossWeights, TrainConfig
from tests.cyclegan.counting import Counting

CPU = torch.device("cpu")


@pytest.fixture
def state(tiny: TrainConfig) -> TrainState:
    return new_state(tiny, CPU)


@pytest.fixture
def untouched(tiny: TrainConfig) -> TrainState:
    """The same state again."""
    return new_state(tiny, CPU)


def crops(seed: int) -> Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def take(
    state: TrainState,
    weights: LossWeights | None = None,
    dtype: torch.dtype = torch.float32,
    instance_noise: float = 0.0,
) -> StepResult:
    settings = StepSettings(
        weights=weights or LossWeights(), dtype=dtype, instance_noise=instance_noise
    )
    return train_step(state.networks, state.learner, crops(1), crops(2), settings=settings, steps=0)


def step(
    state: TrainState, weights: LossWeights | None = None, dtype: torch.dtype = torch.float32
) -> StepLosses:
    return take(state, weights, dtype).losses


def copies(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in parameters]


def changed(before: list[Tensor], parameters: Iterable[nn.Parameter]) -> list[bool]:
    return [not torch.equal(old, new) for old, new in zip(before, parameters, strict=True)]


@pytest.mark.parametrize("mode", ["lsgan", "vanilla", "hinge"])
def test_all_four_networks_and_the_averages_move(state: TrainState, mode: GanMode) -> None:
    networks = state.networks
    before_g, before_d = copies(networks.generators()), copies(networks.discriminators())
    before_ema = copies(state.learner.ema_ab.network.parameters())
    losses = step(state, LossWeights(gan_mode=mode))
    assert sum(changed(before_g, networks.generators())) > 0.5 * len(before_g)
    assert sum(changed(before_d, networks.discriminators())) > 0.5 * len(before_d)
    assert any(changed(before_ema, state.learner.ema_ab.network.parameters()))
    for spec in fields(losses):
        loss = getattr(losses, spec.name)
        assert loss.shape == ()
        assert loss.isfinite()
        assert not loss.requires_grad


def assert_same_gradients(one: nn.Module, other: nn.Module) -> None:
    for found, wanted in zip(one.parameters(), other.parameters(), strict=True):
        assert found.grad is not None
        assert wanted.grad is not None
        torch.testing.assert_close(found.grad, wanted.grad, rtol=1e-4, atol=1e-6)


def test_discriminators_learn_from_their_own_loss_alone(
    state: TrainState, untouched: TrainState
) -> None:
    d_b, fake_b = untouched.networks.d_b, untouched.networks.g_ab(crops(1)).detach()
    loss = (d_b(crops(2)) - 1).square().mean() + d_b(fake_b).square().mean()
    (0.5 * loss).backward()

    step(state)

    assert_same_gradients(state.networks.d_b, d_b)


def test_generators_learn_from_their_own_loss_alone(
    state: TrainState, untouched: TrainState
) -> None:
    a, b = crops(1), crops(2)
    g_ab, g_ba = untouched.networks.g_ab, untouched.networks.g_ba
    fake_b, fake_a = g_ab(a), g_ba(b)
    adversarial = (untouched.networks.d_b(fake_b) - 1).square().mean()
    adversarial = adversarial + (untouched.networks.d_a(fake_a) - 1).square().mean()
    cycle = (g_ba(fake_b) - a).abs().mean() + (g_ab(fake_a) - b).abs().mean()
    identity = (g_ba(a) - a).abs().mean() + (g_ab(b) - b).abs().mean()
    (adversarial + 3.0 * cycle + 3.0 * 0.25 * identity).backward()

    step(state, LossWeights(cycle=3.0, identity=0.25))

    assert_same_gradients(state.networks.g_ab, g_ab)
    assert_same_gradients(state.networks.g_ba, g_ba)


def test_discriminators_are_ready_to_learn_after_the_step(state: TrainState) -> None:
    step(state)
    assert all(p.requires_grad for p in state.networks.discriminators())


@pytest.mark.parametrize(("identity", "calls"), [(0.0, 2), (0.5, 3)])
def test_without_identity_loss_no_work_is_done_for_it(
    state: TrainState, identity: float, calls: int
) -> None:
    counting = Counting(state.networks.g_ab)
    state.networks.g_ab = counting
    averaged = state.learner.ema_ab
    averaged.network = Counting(averaged.network)
    losses = step(state, LossWeights(identity=identity))
    assert counting.calls == calls
    assert (losses.identity_a > 0) == (identity > 0)


def test_each_pool_keeps_what_was_drawn_for_its_domain(
    state: TrainState, untouched: TrainState
) -> None:
    step(state)
    with torch.no_grad():
        fake_b, fake_a = untouched.networks.g_ab(crops(1)), untouched.networks.g_ba(crops(2))
    torch.testing.assert_close(torch.stack(state.learner.pool_b.images), fake_b)
    torch.testing.assert_close(torch.stack(state.learner.pool_a.images), fake_a)


def test_reduced_precision_trains_and_keeps_float32_weights(
    state: TrainState, untouched: TrainState
) -> None:
    exact = step(untouched)
    rough = step(state, dtype=torch.bfloat16)
    for spec in fields(exact):
        a, b = float(getattr(exact, spec.name)), float(getattr(rough, spec.name))
        assert b == pytest.approx(a, rel=0.1, abs=0.02)
    assert all(p.dtype == torch.float32 for p in state.networks.generators())


def test_generators_with_batch_norm_and_dropout_train(tiny: TrainConfig) -> None:
    generator = ResnetConfig(blocks=1, filters=4, norm="batch", dropout=True)
    losses = step(new_state(replace(tiny, generator=generator), CPU))
    assert losses.cycle_a.isfinite()


def test_what_a_step_saw(state: TrainState, untouched: TrainState) -> None:
    result = take(state)
    images, scores = result.images, result.scores
    g_ab, g_ba = untouched.networks.g_ab, untouched.networks.g_ba
    with torch.no_grad():
        fake_b = g_ab(crops(1))
        torch.testing.assert_close(images.fake_b, fake_b)
        torch.testing.assert_close(images.cycled_a, g_ba(fake_b))
        assert scores is not None
        torch.testing.assert_close(scores.real_b, untouched.networks.d_b(crops(2)))
        torch.testing.assert_close(scores.fake_b, untouched.networks.d_b(fake_b))
    assert not result.skipped
    assert not any(getattr(images, spec.name).requires_grad for spec in fields(images))


def test_a_gradient_that_is_not_finite_changes_nothing(state: TrainState) -> None:
    networks = state.networks
    with torch.no_grad():
        next(networks.d_b.parameters()).fill_(torch.inf)
    before = copies(networks.generators()), copies(networks.discriminators())
    averages = copies(state.learner.ema_ab.network.parameters())
    result = take(state)
    assert result.skipped
    assert result.scores is None
    assert not any(changed(before[0], networks.generators()))
    assert not any(changed(before[1], networks.discriminators()))
    assert not any(changed(averages, state.learner.ema_ab.network.parameters()))
    assert state.learner.pool_a.images == []
    assert all(p.requires_grad for p in networks.discriminators())


def test_noise_on_what_discriminators_see_blurs_their_scores_alone(
    state: TrainState, untouched: TrainState
) -> None:
    plain, noisy = take(untouched), take(state, instance_noise=0.5)
    torch.testing.assert_close(plain.images.fake_b, noisy.images.fake_b)
    assert plain.scores is not None
    assert noisy.scores is not None
    for name in ("real_a", "fake_a"):
        with pytest.raises(AssertionError):
            torch.testing.assert_close(getattr(plain.scores, name), getattr(noisy.scores, name))


def test_recomputed_activations_give_the_same_gradients(
    state: TrainState, untouched: TrainState
) -> None:
    take(untouched)
    state.networks.g_ab = Checkpointed(state.networks.g_ab)
    state.networks.g_ba = Checkpointed(state.networks.g_ba)
    take(state)
    assert_same_gradients(state.networks.g_ab, untouched.networks.g_ab)
    assert_same_gradients(state.networks.g_ba, untouched.networks.g_ba)
