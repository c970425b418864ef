"""One process of several that train one pair of generators: what it does, and has to tell."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import GradBucket
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from cyclegan.config import DiscriminatorConfig, FastConfig
from cyclegan.data import Preprocess
from cyclegan.learning import Take
from cyclegan.run import (
    Intervention,
    Listeners,
    RunOptions,
    Stopped,
    Unguarded,
    run_learning,
    run_training,
)
from cyclegan.state import Adjustments, TrainState, new_state
from cyclegan.step import StepResult, StepSettings, train_step
from cyclegan.team import Alone, Distributed, Team
from cyclegan.train_config import LossWeights, TrainConfig
from cyclegan.training import CycleLearning, Progress, batches_from, train, wrapped
from tests.cyclegan.runs import dataset

CPU = torch.device("cpu")
RANKS = 2
CONFIG = TrainConfig(
    images=12,
    batch=1,
    workers=RANKS,
    preprocess=Preprocess(load=36, crop=32),
    pool=0,
    generator=FastConfig(blocks=1, filters=4),
    discriminator=DiscriminatorConfig(filters=4),
    precision="fp32",
    seed=7,
)


@dataclass(frozen=True)
class Seen:
    """What one rank has to tell."""

    shared: dict[str, Any]
    own: dict[str, Any]
    fakes: list[Tensor]
    stopped_at: int
    searches: list[bool]
    reductions: list[list[tuple[str, int, bool]]]
    """Of each step: the network, the number of the bucket, and whether it was the last one."""
    otherwise: dict[str, dict[str, Any]]
    """What trainings with other settings end with, by the name of the setting."""
    detours: dict[str, tuple[list[int], dict[str, Any]]]
    """Of runs whose guard goes back: the steps that were taken, and what they end with."""


OTHERWISE: dict[str, TrainConfig] = {
    "checkpointing in bf16": replace(CONFIG, images=6, checkpointing=True, precision="bf16"),
    "perceptual, checkpointing": replace(
        CONFIG,
        images=6,
        loss=LossWeights(perceptual=2.0),
        preprocess=Preprocess(load=72, crop=64),
        checkpointing=True,
    ),
    "no identity": replace(CONFIG, images=6, loss=LossWeights(identity=0.0)),
    "spectral norm, two scales, stability": replace(
        CONFIG,
        images=6,
        loss=LossWeights(stability=2.0),
        discriminator=DiscriminatorConfig(filters=4, norm="spectral", layers=2, scales=2),
    ),
}


def member(rank: int, folder: Path, domains: tuple[Path, Path]) -> None:
    """One rank: trainings without a pool, and runs with one, among them one that is stopped and
    taken up again, and two that go back.
    """
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'rendezvous'}", rank=rank, world_size=RANKS
    )
    team = Distributed()
    state = new_state(CONFIG, CPU, rank=rank)
    fakes: list[Tensor] = []
    train(
        CONFIG,
        state,
        batches_from(dataset(CONFIG, domains), CONFIG, start_step=0, rank=rank),
        report=lambda progress: fakes.append(progress.result.images.fake_b),
        device=CPU,
        team=team,
    )
    networks = wrapped(state.networks, CONFIG, team)
    parts = networks.g_ab, networks.g_ba, networks.d_a, networks.d_b
    searches = [
        part.find_unused_parameters for part in parts if isinstance(part, DistributedDataParallel)
    ]
    whole = replace(CONFIG, pool=2)
    run(whole, domains, folder / "whole", team)
    stopped_at = run(whole, domains, folder / "parts", team, stop_at=3)
    run(whole, domains, folder / "parts", team, resume=True)
    otherwise = {name: trained(config, domains, team) for name, config in OTHERWISE.items()}
    reductions = reductions_of_steps(domains, team)
    detours = {
        "to a healthy state": with_detour(domains, folder / "healthy", team, save_at=2),
        "to the start": with_detour(domains, folder / "start", team, save_at=None),
    }
    seen = Seen(
        state.shared(),
        state.own(),
        fakes,
        stopped_at,
        searches,
        reductions=reductions,
        otherwise=otherwise,
        detours=detours,
    )
    torch.save(vars(seen), folder / f"seen-{rank}.pt")
    dist.destroy_process_group()


def run(
    config: TrainConfig,
    domains: tuple[Path, Path],
    out: Path,
    team: Distributed | Alone,
    *,
    stop_at: int | None = None,
    resume: bool = False,
) -> int:
    """Train in a folder; only rank 0 knows when to stop. The step at which this rank stopped."""
    steps = [0]

    def report(progress: Progress) -> None:
        steps.append(progress.step)

    try:
        run_training(
            config,
            dataset(config, domains),
            out,
            options=RunOptions(resume=resume, log_steps=2),
            listeners=Listeners(report=report, should_stop=lambda: steps[-1] == stop_at),
            team=team,
        )
    except Stopped:
        return -1
    return steps[-1]


def trained(config: TrainConfig, domains: tuple[Path, Path], team: Team) -> dict[str, Any]:
    """What all of a team share after a training of theirs."""
    state = new_state(config, CPU, rank=team.rank)
    data = batches_from(dataset(config, domains), config, start_step=0, rank=team.rank)
    train(config, state, data, report=lambda progress: None, device=CPU, team=team)
    return state.shared()


def reductions_of_steps(
    domains: tuple[Path, Path], team: Team
) -> list[list[tuple[str, int, bool]]]:
    """What DDP averages over the team in each of three steps."""
    state = new_state(CONFIG, CPU, rank=team.rank)
    networks = wrapped(state.networks, CONFIG, team)
    averaged: list[tuple[str, int, bool]] = []
    for spec in fields(networks):
        network = getattr(networks, spec.name)
        assert isinstance(network, DistributedDataParallel)
        network.register_comm_hook(None, counting_hook(spec.name, averaged))
    steps = []
    data = batches_from(dataset(CONFIG, domains), CONFIG, start_step=0, rank=team.rank)
    settings = StepSettings(weights=CONFIG.loss, dtype=torch.float32)
    for step, (a, b) in enumerate(itertools.islice(data, 3)):
        train_step(networks, state.learner, a, b, settings=settings, steps=step)
        steps.append(list(averaged))
        averaged.clear()
    return steps


Hook = Callable[[object, GradBucket], torch.futures.Future[torch.Tensor]]


def counting_hook(name: str, averaged: list[tuple[str, int, bool]]) -> Hook:
    """DDP's own average, written down."""
    world = dist.group.WORLD
    assert world is not None

    def hook(state: object, bucket: GradBucket) -> torch.futures.Future[torch.Tensor]:
        averaged.append((name, bucket.index(), bucket.is_last()))
        return allreduce_hook(world, bucket)

    return hook


@dataclass(frozen=True, slots=True)
class RecordedLearning(CycleLearning):
    """A CycleGAN's training that keeps its state, and the steps it took, in their order."""

    steps: list[int] = field(default_factory=list)
    states: list[TrainState] = field(default_factory=list)

    def stepper(self, state: TrainState, device: torch.device, team: Team) -> Take[StepResult]:
        take_plainly = CycleLearning.stepper(self, state, device, team)
        self.states.append(state)

        def take(batch: Sequence[Tensor]) -> StepResult:
            self.steps.append(state.step + 1)
            return take_plainly(batch)

        return take


class GoesBackOnce(Unguarded[TrainState, StepResult]):
    """At step 3, with half the generators' rate."""

    def __init__(self, save_at: int | None) -> None:
        self._save_at = save_at
        self._has_acted = False

    def look(self, progress: Progress, state: TrainState) -> Intervention | None:
        self.wants_save = progress.step == self._save_at
        if progress.step != 3 or self._has_acted:
            return None
        self._has_acted = True
        return Intervention(adjustments=Adjustments(lr_g=0.5))


def with_detour(
    domains: tuple[Path, Path], out: Path, team: Team, *, save_at: int | None
) -> tuple[list[int], dict[str, Any]]:
    """A run that goes back once; rank 0 alone has the guard."""
    config = replace(CONFIG, pool=2)
    learning = RecordedLearning(config)
    guard = GoesBackOnce(save_at) if team.rank == 0 else Unguarded[TrainState, StepResult]()
    run_learning(
        learning,
        dataset(config, domains),
        out,
        options=RunOptions(),
        listeners=Listeners(guard=guard),
        team=team,
    )
    return learning.steps, learning.states[-1].shared()
