"""The stability term: what it moves, what it asks for, and that it costs nothing unasked."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from cyclegan.neighbours import (
    MOST_SHIFT,
    MOST_TURN,
    MOST_ZOOM,
    inner,
    moved,
    noisy,
    random_movements,
)
from cyclegan.state import TrainState, new_state
from cyclegan.step import StepResult, StepSettings, train_step
from cyclegan.train_config import LossWeights, TrainConfig
from cyclegan.training import train
from tests.cyclegan.counting import Counting

CPU = torch.device("cpu")
QUIET = LossWeights(stability=3.0, stability_noise=0.0)


def crops(seed: int, count: int = 2) -> Tensor:
    """Smooth pictures, as photographs are."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 8, 8, generator=random) * 2 - 1
    return nn.functional.interpolate(coarse, (32, 32), mode="bicubic").clamp(-1, 1)


def positions(count: int, side: int) -> Tensor:
    """Pictures whose two channels say where a pixel is: (N, 2, side, side)."""
    line = torch.arange(side, dtype=torch.float32)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([columns, rows]).expand(count, -1, -1, -1)


def test_movements_are_affine_small_and_each_pictures_own() -> None:
    side, count = 64, 200
    images = positions(count, side)
    found = inner(moved(images, random_movements(images)))
    across, down = found[:, :, :, 1:] - found[:, :, :, :-1], found[:, :, 1:] - found[:, :, :-1]
    for steps in (across, down):  # the same everywhere: nothing was reflected into the inner part
        assert float(steps.std(dim=(2, 3)).max()) < 0.01  # torch's kernel bends lines a little
    zoom = across.mean((2, 3)).norm(dim=1)
    turn = torch.atan2(across.mean((2, 3))[:, 1], across.mean((2, 3))[:, 0])
    shift = (found - inner(images)).mean((2, 3))
    for values, most in ((zoom - 1, MOST_ZOOM), (turn, MOST_TURN), (shift, MOST_SHIFT * side)):
        assert 0.8 * most < float(values.max()) < most + 0.001
        assert 0.8 * most < -float(values.min()) < most + 0.001
        assert float(values.std()) == pytest.approx(most / math.sqrt(3), rel=0.15)


def test_a_picture_that_is_not_moved_stays_the_same() -> None:
    still = torch.eye(2, 3).expand(2, 2, 3)
    torch.testing.assert_close(moved(crops(1), still), crops(1), rtol=0, atol=1e-5)


def test_noise_has_the_levels_it_is_asked_for() -> None:
    plain = crops(1, count=50)
    assert float((noisy(plain, levels=4) - plain).std()) * 127.5 == pytest.approx(4, rel=0.02)
    assert torch.equal(noisy(plain, levels=0), plain)


def take(state: TrainState, weights: LossWeights) -> StepResult:
    settings = StepSettings(weights=weights, dtype=torch.float32)
    learner = state.learner
    return train_step(state.networks, learner, crops(1), crops(2), settings=settings, steps=0)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_unasked_it_costs_neither_work_nor_a_random_number(
    tiny: TrainConfig, weight: float
) -> None:
    state = new_state(tiny, CPU)
    counting = Counting(state.networks.g_ab)
    state.networks.g_ab = counting
    state.learner.ema_ab.network = Counting(state.learner.ema_ab.network)
    before = torch.get_rng_state()
    losses = take(state, LossWeights(identity=0.0, stability=weight)).losses
    assert counting.calls == 2 + (weight > 0)
    assert torch.equal(torch.get_rng_state(), before) == (weight == 0)
    assert (losses.stability_ab > 0) == (losses.stability_ba > 0) == (weight > 0)


def test_generators_learn_from_it_by_its_weight_and_follow_the_clean_translation(
    tiny: TrainConfig,
) -> None:
    state, plain = new_state(tiny, CPU), new_state(tiny, CPU)
    take(plain, replace(QUIET, stability=0.0))
    untouched = new_state(tiny, CPU)
    g_ab = untouched.networks.g_ab
    torch.manual_seed(11)
    movements = random_movements(crops(1))
    with torch.no_grad():
        expected = inner(moved(g_ab(crops(1)), movements))
    loss = (inner(g_ab(moved(crops(1), movements))) - expected).abs().mean()
    (3.0 * loss).backward()  # type: ignore[no-untyped-call]

    torch.manual_seed(11)
    losses = take(state, QUIET).losses

    assert float(losses.stability_ab) == pytest.approx(float(loss.detach()), rel=1e-4)
    parts = (state.networks.g_ab, plain.networks.g_ab, g_ab)
    for whole, rest, own in zip(*(each.parameters() for each in parts), strict=True):
        assert whole.grad is not None
        assert rest.grad is not None
        assert own.grad is not None
        torch.testing.assert_close(whole.grad - rest.grad, own.grad, rtol=1e-3, atol=1e-5)


def unsteadiness(generator: nn.Module) -> float:
    """What movements and noise change in translations of pictures that were not trained on."""
    torch.manual_seed(3)
    images = crops(99, count=20)
    movements = random_movements(images)
    with torch.no_grad():
        expected = moved(generator(images), movements)
        found = generator(noisy(moved(images, movements), levels=8))
    return float((inner(found) - inner(expected)).abs().mean())


def test_a_training_that_asks_for_it_gives_steadier_generators(tiny: TrainConfig) -> None:
    found = []
    for weight in (0.0, 20.0):
        loss = LossWeights(cycle=1.0, identity=0.0, stability=weight, stability_noise=8.0)
        config = replace(tiny, images=60, lr_g=2e-3, ema_decay=0.5, loss=loss)
        state = new_state(config, CPU)
        with torch.no_grad():
            for parameter in state.networks.g_ab.parameters():
                parameter.mul_(6)  # answers to noise with more of it
        data = ((crops(2 * n), crops(2 * n + 1)) for n in range(1000, 2000))
        train(config, state, data, report=lambda progress: None, device=CPU)
        found.append(unsteadiness(state.learner.ema_ab.network))
    assert found[1] < 0.8 * found[0]
