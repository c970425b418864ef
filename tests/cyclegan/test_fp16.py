"""fp16 scales its losses: what overflows is skipped and counted, and the scale finds its place.

`vidgan train` computes in fp16 on CUDA alone; torch can on a CPU, slowly, and that is enough here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from cyclegan.checkpoint import load_checkpoint, save_checkpoint
from cyclegan.dtypes import FIRST_SCALE, loss_scaler
from cyclegan.guard.watch import STUCK
from cyclegan.learning import Take
from cyclegan.state import TrainState, collect, restore
from cyclegan.step import StepResult, StepSettings, train_step
from cyclegan.team import Alone, Team
from cyclegan.train_config import TrainConfig
from cyclegan.training import CycleLearning, Progress, learn

CPU = torch.device("cpu")
TOO_LARGE = 2.0**20


@dataclass(frozen=True, slots=True)
class HalfLearning(CycleLearning):
    """A CycleGAN's training in fp16 wherever it is."""

    first_scale: float = FIRST_SCALE

    def new_state(self, device: torch.device, *, rank: int) -> TrainState:
        state = CycleLearning.new_state(self, device, rank=rank)
        scalers = [loss_scaler(device, torch.float16) for _ in range(2)]
        for scaler in scalers:
            scaler.load_state_dict(scaler.state_dict() | {"scale": self.first_scale})
        state.learner.scaler_g, state.learner.scaler_d = scalers
        return state

    def stepper(self, state: TrainState, device: torch.device, team: Team) -> Take[StepResult]:
        settings = StepSettings(weights=self.config.loss, dtype=torch.float16)

        def take(batch: Sequence[Tensor]) -> StepResult:
            a, b = batch
            return train_step(
                state.networks, state.learner, a, b, settings=settings, steps=state.step
            )

        return take


def batches(config: TrainConfig) -> list[list[Tensor]]:
    def crops(seed: int) -> Tensor:
        random = torch.Generator().manual_seed(seed)
        return torch.rand(config.batch, 3, 32, 32, generator=random) * 2 - 1

    return [[crops(2 * step), crops(2 * step + 1)] for step in range(config.steps)]


def trained(learning: HalfLearning, state: TrainState, until: int | None = None) -> list[Progress]:
    heard: list[Progress] = []
    data = batches(learning.config)[state.step : until]
    learn(learning, state, data, report=heard.append, device=CPU)
    return heard


def scales(state: TrainState) -> tuple[float, float]:
    scalers = state.learner.scaler_g, state.learner.scaler_d
    return scalers[0].get_scale(), scalers[1].get_scale()


def test_what_overflows_is_skipped_and_counted_until_both_scales_fit(tiny: TrainConfig) -> None:
    learning = HalfLearning(replace(tiny, images=30, batch=1), first_scale=TOO_LARGE)
    state = learning.new_state(CPU, rank=0)
    heard = trained(learning, state)

    halvings = [math.log2(TOO_LARGE / scale) for scale in scales(state)]
    assert all(each > 0 for each in halvings)
    assert state.skipped == sum(each.result.skipped for each in heard) == sum(halvings)
    assert not any(each.result.skipped for each in heard[-5:])
    state.require_finite()
    scores = heard[-1].result.scores
    assert scores is not None
    assert isinstance(scores.real_a, torch.Tensor)
    assert scores.real_a.dtype == torch.float16
    assert next(state.networks.generators()).dtype == torch.float32


def test_discriminators_scale_waits_for_the_generators(tiny: TrainConfig) -> None:
    """Why the two searches add up: see `FIRST_SCALE`."""
    learning = HalfLearning(replace(tiny, images=2), first_scale=2.0**30)
    state = learning.new_state(CPU, rank=0)
    trained(learning, state)
    assert scales(state) == (2.0**29, 2.0**30)


def test_from_the_first_scale_on_a_training_never_looks_stuck(tiny: TrainConfig) -> None:
    scaler = loss_scaler(CPU, torch.float16)
    assert 2 * math.log2(scaler.get_scale()) < STUCK
    learning = HalfLearning(replace(tiny, images=10, batch=1))
    heard = trained(learning, learning.new_state(CPU, rank=0))
    assert sum(each.result.skipped for each in heard) <= 2


def test_other_numbers_are_not_scaled() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        assert not loss_scaler(CPU, dtype).is_enabled()


def test_scales_go_on_where_a_state_was_saved(tiny: TrainConfig, tmp_path: Path) -> None:
    config = replace(tiny, images=20, batch=1)
    learning = HalfLearning(config, first_scale=TOO_LARGE)
    whole, half = (learning.new_state(CPU, rank=0) for _ in range(2))
    trained(learning, whole)
    trained(learning, half, until=10)
    content = collect(half, Alone())
    assert content is not None
    save_checkpoint(content, tmp_path / "state.pt")

    resumed = HalfLearning(config).new_state(CPU, rank=0)
    assert scales(resumed) != scales(half)
    restore(resumed, load_checkpoint(tmp_path / "state.pt"), Alone())
    assert scales(resumed) == scales(half)
    trained(HalfLearning(config), resumed)
    assert (resumed.step, resumed.skipped) == (whole.step, whole.skipped)
    assert scales(resumed) == scales(whole)
    for one, other in zip(resumed.networks.generators(), whole.networks.generators(), strict=True):
        assert torch.equal(one, other)
