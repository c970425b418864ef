"""The training loop: plain, resumable, and without any knowledge of how it was launched."""

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from cyclegan.checkpoint import WeightsError
from cyclegan.data import Crops
from cyclegan.dtypes import resolve_dtype
from cyclegan.learning import Learning, R, R_co, S, Take
from cyclegan.loading import load_batches
from cyclegan.start import read_start
from cyclegan.state import LearningState, TrainingError, TrainState, diverged, new_state
from cyclegan.step import Checkpointed, Networks, StepResult, StepSettings, train_step
from cyclegan.team import Alone, Team
from cyclegan.train_config import Plan, TrainConfig, lr_scale

MOST_SKIPPED = 25
"""Steps in a row without a finite gradient, after which nothing can be hoped for: fp16's scalers,
both of them, need fewer to find their places (`dtypes.FIRST_SCALE`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Generic[R_co]):
    """What `report` hears after each step."""

    step: int
    steps: int
    images: int
    lr_scale: float
    seconds: float
    """This step's, the wait for its data included."""
    waiting: float
    """Seconds of it spent waiting for data."""
    skipped: int
    """Steps so far that a gradient which was not finite has cost."""
    result: R_co


@dataclass(frozen=True, slots=True)
class CycleLearning:
    """The training of a CycleGAN."""

    config: TrainConfig
    start: Path | None = None
    """The file of the networks that it begins with (`cyclegan.start`), where its `config` has one.
    """

    def new_state(self, device: torch.device, *, rank: int) -> TrainState:
        """Fresh networks."""
        return new_state(self.config, device, rank=rank)

    def begin(self, state: TrainState) -> None:
        """With the networks of `start`, and generators as averages of themselves.

        Raises:
            WeightsError: they cannot be used.
        """
        if self.start is None:
            return
        networks, learner = state.networks, state.learner
        try:
            for name, weights in read_start(self.start, self.config.start).items():
                getattr(networks, name).load_state_dict(weights)
        except RuntimeError as exc:
            raise WeightsError(
                f"{self.start} is not of a training with these settings: train anew in another "
                "--out"
            ) from exc
        for average, network in ((learner.ema_ab, networks.g_ab), (learner.ema_ba, networks.g_ba)):
            average.network.load_state_dict(network.state_dict())

    def stepper(self, state: TrainState, device: torch.device, team: Team) -> Take[StepResult]:
        """`train_step`, with the settings that hold at the time."""
        networks = wrapped(state.networks, self.config, team)
        dtype = resolve_dtype(self.config.precision, device, training=True)

        def take(batch: Sequence[Tensor]) -> StepResult:
            a, b = batch
            settings = _settings(self.config, state, dtype)
            return train_step(networks, state.learner, a, b, settings=settings, steps=state.step)

        return take


def train(
    config: TrainConfig,
    state: TrainState,
    batches: Iterable[Sequence[Tensor]],
    *,
    report: Callable[[Progress], None],
    device: torch.device,
    team: Team | None = None,
) -> None:
    """Train a CycleGAN: `learn`, whose batches are (a, b)."""
    learn(CycleLearning(config), state, batches, report=report, device=device, team=team)


def learn(
    learning: Learning[S, R],
    state: S,
    batches: Iterable[Sequence[Tensor]],
    *,
    report: Callable[[Progress[R]], None],
    device: torch.device,
    team: Team | None = None,
) -> None:
    """Train from where `state` stands to the end of the configuration's images.

    `batches` yields this worker's (N, 3, crop, crop) of each domain, float in [-1, 1], and starts
    at the state's own position. `report` is called after each step; what it raises ends the
    training with the state whole, at the end of that step. With a `team` of several, each of them
    calls this, and torch.distributed is up.

    Raises:
        TrainingError: gradients have long not been finite.
    """
    config = learning.config
    take = learning.stepper(state, device, team or Alone())
    in_a_row = 0
    began = time.perf_counter()
    for batch in itertools.islice(batches, config.steps - state.step):
        loaded = time.perf_counter()
        scale = _set_rates(config, state)
        state.is_whole = False
        result = take([_to(crops, device, config) for crops in batch])
        state.step += 1
        state.skipped += result.skipped
        state.is_whole = True
        in_a_row = in_a_row + 1 if result.skipped else 0
        if in_a_row == MOST_SKIPPED:
            words = f"gradients have not been finite numbers for {in_a_row} steps"
            raise TrainingError(diverged(state.step, words))
        ended = time.perf_counter()
        report(
            Progress(
                step=state.step,
                steps=config.steps,
                images=min(state.step * config.images_per_step, config.images),
                lr_scale=scale,
                seconds=ended - began,
                waiting=loaded - began,
                skipped=state.skipped,
                result=result,
            )
        )
        began = time.perf_counter()


def wrapped(networks: Networks, config: TrainConfig, team: Team) -> Networks:
    """The networks as a step calls them: compiled, checkpointed, averaged over the team by DDP.

    The generators run several times in each step before one backward pass, which DDP allows; its
    buffers (batch norm's) stay each worker's own, because it would overwrite them in between.
    """
    if config.compile:
        for network in (networks.g_ab, networks.g_ba, networks.d_a, networks.d_b):
            network.compile()
    generators = [
        Checkpointed(network) if config.checkpointing else network
        for network in (networks.g_ab, networks.g_ba)
    ]
    g_ab, g_ba, d_a, d_b = (
        DistributedDataParallel(network, forward_sync_buffers=False) if team.size > 1 else network
        for network in (*generators, networks.d_a, networks.d_b)
    )
    return Networks(g_ab=g_ab, g_ba=g_ba, d_a=d_a, d_b=d_b)


def _set_rates(config: Plan, state: LearningState) -> float:
    scale = lr_scale(state.step * config.images_per_step, config)
    rates = config.lr_g * state.adjustments.lr_g, config.lr_d * state.adjustments.lr_d
    for optimizer, rate in zip(state.optimizers(), rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate * scale
    return scale


def _settings(config: TrainConfig, state: TrainState, dtype: torch.dtype) -> StepSettings:
    changed = state.adjustments
    return StepSettings(
        weights=replace(config.loss, cycle=changed.cycle_weight(config.loss.cycle)),
        dtype=dtype,
        instance_noise=changed.instance_noise,
    )


def _to(images: Tensor, device: torch.device, config: Plan) -> Tensor:
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    return images.to(device, memory_format=layout, non_blocking=True)


def batches_from(
    dataset: Crops,
    config: Plan,
    *,
    start_step: int,
    rank: int = 0,
    threads: int = 0,
) -> Generator[tuple[Tensor, ...], None, None]:
    """One worker's batches of a training from step `start_step` on, out of the one common stream.

    Step s of all workers takes the next `images_per_step` items; worker r the r-th part of them:
    whole batches for each, each item for one. `threads` load ahead; 0 loads when asked.
    """
    return load_batches(dataset, _shares(config, start_step, rank), threads=threads)


def _shares(config: Plan, start_step: int, rank: int) -> Iterator[range]:
    """The items of one worker, step by step."""
    for step in range(start_step, config.steps):
        first = step * config.images_per_step + rank * config.batch
        yield range(first, first + config.batch)
