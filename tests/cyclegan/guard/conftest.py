"""Small trainings for the guard to watch: pictures that are made up, seconds on one thread."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cyclegan.checkpoint import load_checkpoint
from cyclegan.config import DiscriminatorConfig, FastConfig
from cyclegan.data import Crops, Preprocess
from cyclegan.guard.journal import Event, Journal
from cyclegan.guard.watch import GuardSettings, TrainingGuard
from cyclegan.run import Guard, Listeners, RunOptions, Unguarded, run_training
from cyclegan.state import TrainState, new_state
from cyclegan.step import StepImages
from cyclegan.train_config import TrainConfig
from cyclegan.training import Progress, train
from cyclegan.weights import load_generator

SIDE = 32
Tint = tuple[float, float, float]
COOL: Tint = (-0.3, -0.2, 0.1)
WARM: Tint = (0.3, 0.15, -0.15)


def waves(count: int, parts: int, frequencies: tuple[float, float], seed: int) -> Tensor:
    """(count, parts, SIDE, SIDE): plane waves of any direction."""
    random = torch.Generator().manual_seed(seed)
    lowest, highest = frequencies
    frequency, turn, phase = (torch.rand(count, parts, 1, 1, generator=random) for _ in range(3))
    frequency = lowest + (highest - lowest) * frequency
    y, x = torch.meshgrid(*(torch.linspace(0, 1, SIDE),) * 2, indexing="ij")
    across = x * torch.cos(math.pi * turn) + y * torch.sin(math.pi * turn)
    return torch.sin(2 * math.pi * (frequency * across + phase))


def photographs(tint: Tint, *, count: int = 300, seed: int) -> Tensor:
    """(count, 3, SIDE, SIDE) in [-1, 1]: soft shapes below a bright sky, in colour, with grain."""
    random = torch.Generator().manual_seed(seed)
    shapes = waves(count, 8, (1, 7), seed).mean(1, keepdim=True)
    horizon = torch.rand(count, 1, 1, 1, generator=random) * 0.6 + 0.2
    light = shapes + 0.3 * (torch.linspace(0, 1, SIDE).view(1, 1, SIDE, 1) < horizon)
    light = light - light.mean((2, 3), keepdim=True)
    light = light / light.std((2, 3), keepdim=True)
    color = 0.08 * waves(count, 3, (0.5, 1), seed + 1)
    color = color + 0.1 * torch.randn(count, 3, 1, 1, generator=random)
    grain = 0.015 * torch.randn(count, 3, SIDE, SIDE, generator=random)
    return (0.3 * light + color + torch.tensor(tint).view(1, 3, 1, 1) + grain).clamp(-1, 1)


Domains = tuple[Tensor, Tensor]


@pytest.fixture(scope="session")
def seasons() -> Domains:
    """Two domains that differ as seasons do: cool pictures, warm ones."""
    return photographs(COOL, seed=1), photographs(WARM, seed=2)


@pytest.fixture(scope="session")
def small() -> TrainConfig:
    """A step of 20 ms; ends in good pictures when nothing is done to it."""
    return TrainConfig(
        images=600,
        batch=2,
        lr_g=2e-3,
        lr_d=2e-3,
        flat_share=1.0,
        preprocess=Preprocess(load=SIDE, crop=SIDE),
        pool=10,
        generator=FastConfig(blocks=1, filters=8, input_share=0.0),
        discriminator=DiscriminatorConfig(filters=8),
        precision="fp32",
        channels_last=False,
        seed=7,
    )


class Held(Crops):
    """Crops that are held in memory."""

    def __init__(self, domains: Domains, images: int, *, bad_from: int | None = None) -> None:
        self._held, self.images = domains, images
        self._bad_from = images if bad_from is None else bad_from

    def __getitem__(self, item: int) -> tuple[Tensor, ...]:
        """From item `bad_from` on they hold no numbers."""
        random = torch.Generator().manual_seed(item)
        if item >= self._bad_from:
            return tuple(torch.full_like(pictures[0], torch.nan) for pictures in self._held)
        return tuple(
            pictures[int(torch.randint(len(pictures), (), generator=random))].clone()
            for pictures in self._held
        )


@dataclass(frozen=True)
class Watched:
    """What came of a training that a guard has watched."""

    events: list[Event]
    warnings: list[str]
    guard: TrainingGuard
    state: TrainState
    images: StepImages
    """Of the last step."""

    def found(self) -> set[str]:
        """Titles of all findings."""
        return {event.title for event in self.events if event.status == "found"}


Watch = Callable[..., Watched]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """`watch(config, domains, steps=80)`: train with a guard that looks every 5 steps."""

    def train_watched(
        config: TrainConfig,
        domains: Domains,
        *,
        steps: int,
        batches: Iterator[Domains] | None = None,
    ) -> Watched:
        config = replace(config, images=steps * config.batch)
        state = new_state(config, torch.device("cpu"))
        warnings: list[str] = []
        journal = Journal(tmp_path / "guard.jsonl", warnings.append)
        guard = TrainingGuard(config, journal, settings=GuardSettings(every=5))
        heard: list[Progress] = []

        def report(progress: Progress) -> None:
            heard[:] = [progress]
            guard.look(progress, state)

        batches = batches or batches_of(domains, config)
        train(config, state, batches, report=report, device=torch.device("cpu"))
        events = [Event(**each) for each in journal.to_plain()]
        return Watched(events, warnings, guard, state, heard[-1].result.images)

    return train_watched


def batches_of(domains: Domains, config: TrainConfig) -> Iterator[Domains]:
    held = Held(domains, config.steps * config.batch)
    for first in range(0, len(held), config.batch):
        a, b = zip(*(held[first + n] for n in range(config.batch)), strict=True)
        yield torch.stack(a), torch.stack(b)


@dataclass(frozen=True)
class Run:
    """What came of a run on disk."""

    out: Path
    steps: list[int]
    """In the order in which they were taken."""
    warnings: list[str]

    def checkpoint(self) -> dict[str, Any]:
        """The last whole state."""
        return load_checkpoint(self.out / "checkpoint.pt")

    def events(self) -> list[Event]:
        """What the guard has said, by its file."""
        lines = (self.out / "guard.jsonl").read_text().splitlines()
        return [Event(**json.loads(line)) for line in lines]

    @torch.no_grad()
    def outputs(self, domains: Domains, *, count: int = 16) -> Domains:
        """What its generators, as `vidgan convert` loads them, make of a few pictures of each."""
        ab, ba = (load_generator(self.out / f"{name}.safetensors") for name in ("a2b", "b2a"))
        return ab(domains[0][:count]), ba(domains[1][:count])


MakeRun = Callable[..., Run]


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """`make_run(config, domains)`: a run on disk, guarded as `config` says, on one thread.

    `out` names an earlier one's folder, to go on with; `heard` is given the run before its first
    step, for those that are ended by an error. Pictures from number `bad_from` on are not numbers.
    """

    def make(
        config: TrainConfig,
        domains: Domains,
        *,
        out: Path | None = None,
        stop_at: int = 0,
        tries: int = 4,
        checkpoint_seconds: float = 1e9,
        bad_from: int | None = None,
        heard: Callable[[Run], None] = lambda run: None,
    ) -> Run:
        resume, out = out is not None, out or tmp_path_factory.mktemp("run")
        run = Run(out, [], [])
        heard(run)
        guard: Guard = Unguarded()
        if config.guard != "off":
            settings = GuardSettings(every=5, save_every=10, tries=tries)
            journal = Journal(out / "guard.jsonl", run.warnings.append)
            guard = TrainingGuard(config, journal, settings=settings)
        with single_thread():
            run_training(
                config,
                Held(domains, config.steps * config.images_per_step, bad_from=bad_from),
                out,
                options=RunOptions(
                    log_steps=10, checkpoint_seconds=checkpoint_seconds, resume=resume
                ),
                listeners=Listeners(
                    guard=guard,
                    warn=run.warnings.append,
                    report=lambda progress: run.steps.append(progress.step),
                    should_stop=lambda: run.steps[-1] == stop_at,
                ),
            )
        return run

    return make


@contextmanager
def single_thread() -> Iterator[None]:
    """Sums in one order; a fixture of the session's is made before a test's own are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="session")
def night(seasons: Domains) -> Domains:
    """Day and night: the second domain has half of the contrast, and little light."""
    a, b = seasons
    return a, (0.5 * b - 0.45).clamp(-1, 1)


@pytest.fixture(scope="session")
def ambiguous() -> Domains:
    """Two domains of pictures whose negatives would be as good."""
    grey = (0.2 * waves(400, 4, (0.5, 2), 3)).sum(1, keepdim=True).expand(-1, 3, -1, -1)
    return grey[:200].contiguous(), grey[200:].contiguous()


@pytest.fixture(scope="session")
def secretive() -> Domains:
    """Pictures full of shapes, and pictures that are one soft shade with a little noise."""
    random = torch.Generator().manual_seed(4)
    shapes = 0.28 * waves(300, 4, (0.5, 2), 5).sum(1, keepdim=True)
    shapes = shapes + 0.15 * torch.randn(300, 1, 1, 1, generator=random)
    shades = 0.3 * waves(300, 1, (0.2, 0.4), 6) + 0.02 * torch.randn(
        300, 1, SIDE, SIDE, generator=random
    )
    a, b = (grey.expand(-1, 3, -1, -1).clamp(-1, 1).contiguous() for grey in (shapes, shades))
    return a, b
