"""The training loop: its schedule, that it repeats, and that it learns."""

import itertools
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from cyclegan.config import FastConfig, ResnetConfig, UnetConfig
from cyclegan.data import Preprocess
from cyclegan.state import TrainingError, TrainState, new_state
from cyclegan.train_config import (
    LossWeights,
    TrainConfig,
    config_from_json,
    config_to_json,
    lr_scale,
)
from cyclegan.training import MOST_SKIPPED, Progress, train

CPU = torch.device("cpu")
DARK, BRIGHT = (30.0, 40.0, 90.0), (220.0, 170.0, 60.0)


def crops(color: tuple[float, float, float], seed: int) -> Tensor:
    """Two noisy crops around one colour."""
    noise = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) - 0.5
    return (torch.tensor(color).view(1, 3, 1, 1) / 127.5 - 1 + 0.4 * noise).clamp(-1, 1)


def batches(start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    step = start
    while True:
        yield crops(DARK, 2 * step), crops(BRIGHT, 2 * step + 1)
        step += 1


def trained(config: TrainConfig) -> tuple[TrainState, list[Progress]]:
    state = new_state(config, CPU)
    heard: list[Progress] = []
    train(config, state, batches(), report=heard.append, device=CPU)
    return state, heard


def assert_same(a: object, b: object) -> None:
    """Bit for bit, through lists and dictionaries."""
    if isinstance(a, Tensor):
        assert isinstance(b, Tensor)
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert isinstance(b, dict)
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list):
        assert isinstance(b, list)
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    else:
        assert a == b


@pytest.mark.parametrize(
    ("seen", "expected"),
    [(0, 1.0), (40, 1.0), (50, 1.0), (51, 49 / 50), (75, 0.5), (99, 1 / 50)],
)
def test_the_rate_is_flat_then_linear_and_never_zero(seen: int, expected: float) -> None:
    assert lr_scale(seen, TrainConfig(images=100)) == pytest.approx(expected)


@pytest.mark.parametrize(("share", "expected"), [(0.0, [1.0, 0.5, 0.01]), (1.0, [1.0, 1.0, 1.0])])
def test_the_flat_share_can_be_nothing_or_all(share: float, expected: list[float]) -> None:
    config = TrainConfig(images=100, flat_share=share)
    assert [lr_scale(seen, config) for seen in (0, 50, 99)] == pytest.approx(expected)


def test_progress_counts_steps_images_and_rates(tiny: TrainConfig) -> None:
    config = replace(tiny, images=7, lr_g=1e-3, lr_d=3e-4)
    state, heard = trained(config)
    assert [p.step for p in heard] == [1, 2, 3, 4]
    assert [p.images for p in heard] == [2, 4, 6, 7]
    assert {p.steps for p in heard} == {4}
    assert [p.lr_scale for p in heard] == pytest.approx([1.0, 1.0, 3 / 3.5, 1 / 3.5])
    assert state.learner.optimizer_g.param_groups[0]["lr"] == pytest.approx(1e-3 / 3.5)
    assert state.learner.optimizer_d.param_groups[0]["lr"] == pytest.approx(3e-4 / 3.5)


def test_same_seed_same_weights(tiny: TrainConfig) -> None:
    config = replace(tiny, images=16)
    first, second = trained(config)[0], trained(config)[0]
    assert first.step == 8
    assert_same(first.shared(), second.shared())
    assert_same(first.own(), second.own())


def test_other_seed_other_weights(tiny: TrainConfig) -> None:
    first = new_state(tiny, CPU).networks
    second = new_state(replace(tiny, seed=8), CPU).networks
    for one, other in ((first, second), (second, first)):
        assert not torch.equal(next(one.generators()), next(other.generators()))
    assert not torch.equal(next(first.g_ab.parameters()), next(first.g_ba.parameters()))
    assert not torch.equal(next(first.d_a.parameters()), next(first.d_b.parameters()))


def test_initial_weights_are_the_papers(tiny: TrainConfig) -> None:
    state = new_state(replace(tiny, generator=FastConfig(blocks=3, filters=16)), CPU)
    for module in state.networks.g_ab.modules():
        if isinstance(module, nn.Conv2d):
            assert float(module.weight.detach().std()) == pytest.approx(0.02, rel=0.15)
            assert module.bias is not None
            assert module.bias.eq(0).all()


def test_optimisers_are_the_papers() -> None:
    config = TrainConfig(generator=FastConfig(blocks=1, filters=4))
    for optimizer in new_state(config, CPU).optimizers():
        assert isinstance(optimizer, torch.optim.Adam)
        for group in optimizer.param_groups:
            assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999))
            assert (group["weight_decay"], group["amsgrad"]) == (0, False)


def test_a_training_learns_to_change_the_colour(tiny: TrainConfig) -> None:
    config = replace(
        tiny,
        images=200,
        lr_g=2e-3,
        lr_d=2e-3,
        loss=LossWeights(cycle=1.0, identity=0.0),
        ema_decay=0.9,
    )
    state, _ = trained(config)
    with torch.no_grad():
        to_bright = state.learner.ema_ab.network(crops(DARK, 9001))
        to_dark = state.learner.ema_ba.network(crops(BRIGHT, 9002))
    assert distance(to_bright, BRIGHT) < 0.4 * distance(to_bright, DARK)
    assert distance(to_dark, DARK) < 0.4 * distance(to_dark, BRIGHT)


def distance(images: Tensor, color: tuple[float, float, float]) -> float:
    """How far, in levels, the mean colour of `images` is from `color`."""
    mean = (images.mean(dim=(0, 2, 3)) + 1) * 127.5
    return float((mean - torch.tensor(color)).norm())


def test_what_report_raises_ends_the_training_between_two_steps(tiny: TrainConfig) -> None:
    state = new_state(tiny, CPU)

    def stop(progress: Progress) -> None:
        if progress.step == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        train(tiny, state, batches(), report=stop, device=CPU)
    assert state.step == 3
    assert state.is_whole


class Fails(nn.Module):
    """A discriminator that runs out of memory."""

    def forward(self, x: Tensor) -> Tensor:
        raise MemoryError


def test_a_failure_within_a_step_is_told_from_one_between(tiny: TrainConfig) -> None:
    state = new_state(tiny, CPU)
    state.networks.d_a = Fails()
    with pytest.raises(MemoryError):
        train(tiny, state, batches(), report=lambda progress: None, device=CPU)
    assert not state.is_whole


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TrainConfig(images=0), "images must be 1 or more, not 0"),
        (lambda: TrainConfig(batch=0), "batch must be 1 or more, not 0"),
        (lambda: TrainConfig(flat_share=1.5), r"flat_share must be in 0\.\.1, not 1\.5"),
        (
            lambda: TrainConfig(preprocess=Preprocess(load=40, crop=30)),
            r"crop \(30\) must be a multiple of 4",
        ),
        (
            lambda: TrainConfig(preprocess=Preprocess(load=40, crop=20)),
            r"crop \(20\) must be 24 pixels or more",
        ),
        (lambda: TrainConfig(seed=-1), "seed must be from 0 to 2147483647, not -1"),
        (lambda: TrainConfig(seed=2**31), "seed must be from 0 to 2147483647, not 2147483648"),
    ],
    ids=["images", "batch", "flat_share", "crop", "small crop", "negative seed", "large seed"],
)
def test_settings_out_of_range_are_refused(make: Callable[[], TrainConfig], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_the_smallest_crop_and_the_largest_seed_train(tiny: TrainConfig) -> None:
    config = replace(tiny, images=2, seed=2**31 - 1, preprocess=Preprocess(load=24, crop=24))
    small = [(a[..., :24, :24], b[..., :24, :24]) for a, b in itertools.islice(batches(), 1)]
    state = new_state(config, CPU)
    train(config, state, small, report=lambda progress: None, device=CPU)
    assert state.step == 1


def with_nan(steps: set[int]) -> Iterator[tuple[Tensor, Tensor]]:
    for step, (a, b) in enumerate(batches()):
        yield (a * math.nan if step in steps else a), b


def test_steps_that_are_not_finite_are_skipped_and_counted(tiny: TrainConfig) -> None:
    state = new_state(tiny, CPU)
    heard: list[Progress] = []
    train(tiny, state, with_nan({2, 3, 7}), report=heard.append, device=CPU)
    assert [p.step for p in heard if p.result.skipped] == [3, 4, 8]
    assert heard[-1].skipped == state.skipped == 3
    state.require_finite()
    assert all(image.isfinite().all() for image in state.learner.pool_b.images)


def test_a_training_that_diverges_ends_with_a_word(tiny: TrainConfig) -> None:
    state = new_state(tiny, CPU)
    bad = with_nan(set(range(5, 100)))
    with pytest.raises(TrainingError, match=rf"gradients .* for {MOST_SKIPPED} steps;.*--lr-g"):
        train(tiny, state, bad, report=lambda progress: None, device=CPU)
    assert state.step == 5 + MOST_SKIPPED
    state.require_finite()


def test_a_configuration_survives_json(tiny: TrainConfig) -> None:
    back = replace(tiny, generator_back=FastConfig(norm_eps=1))
    for config in (TrainConfig(), tiny, replace(tiny, workers=3, checkpointing=True), back):
        assert config_from_json(config_to_json(config)) == config
    for text in ("", "[]", "{}", '{"images": 3}', config_to_json(tiny)[:-9] + ', "new": 1}'):
        with pytest.raises(ValueError, match=r"."):
            config_from_json(text)


def test_of_generators_built_alike_a_configuration_says_one(tiny: TrainConfig) -> None:
    """As it did when there was nothing else: runs of then go on."""
    assert "generator_back" not in json.loads(config_to_json(tiny))


def test_a_crop_fits_both_generators() -> None:
    unet = UnetConfig(downs=7)
    with pytest.raises(ValueError, match=r"crop \(160\) must be a multiple of 128"):
        TrainConfig(preprocess=Preprocess(load=180, crop=160), generator_back=unet)


def test_time_spent_waiting_for_data_is_told(tiny: TrainConfig) -> None:
    def slow() -> Iterator[tuple[Tensor, Tensor]]:
        for pair in batches():
            time.sleep(0.05)
            yield pair

    heard: list[Progress] = []
    train(replace(tiny, images=6), new_state(tiny, CPU), slow(), report=heard.append, device=CPU)
    assert all(0.05 <= p.waiting < p.seconds for p in heard)


def test_all_ways_to_compute_train(tiny: TrainConfig) -> None:
    """Each knob that changes how, not what, gives a training much like the plain one."""
    config = replace(tiny, images=4)
    plain = trained(config)[1][-1].result.losses.cycle_a
    for knob in ({"checkpointing": True}, {"channels_last": False}, {"precision": "bf16"}):
        other = trained(replace(config, **knob))[1][-1].result.losses.cycle_a
        assert float(other) == pytest.approx(float(plain), rel=0.05)


def test_a_skipped_step_does_not_spoil_running_statistics_unseen(tiny: TrainConfig) -> None:
    """Batch norm's are changed in the forward pass: a run must not save what they make of it."""
    config = replace(tiny, generator=ResnetConfig(blocks=1, filters=4, norm="batch"))
    state = new_state(config, CPU)
    train(config, state, with_nan({3}), report=lambda progress: None, device=CPU)
    images = crops(DARK, 0)
    with torch.no_grad():
        assert state.learner.ema_ab.network(images).isfinite().all()
    state.require_finite()
