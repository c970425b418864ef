"""Several processes that train one pair of generators: they agree, and they add up to one."""

import itertools
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from PIL import Image
from torch import Tensor
from torch._C._distributed_c10d import GradBucket
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from cyclegan.checkpoint import load_checkpoint
from cyclegan.config import DiscriminatorConfig, FastConfig
from cyclegan.data import Preprocess, UnpairedImages, list_images
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
from cyclegan.state import Adjustments, TrainState, new_state, restore
from cyclegan.step import StepResult, StepSettings, train_step
from cyclegan.team import Alone, Distributed, Team
from cyclegan.train_config import LossWeights, TrainConfig
from cyclegan.training import CycleLearning, Progress, batches_from, train, wrapped

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


def dataset(config: TrainConfig, domains: tuple[Path, Path]) -> UnpairedImages:
    a, b = map(list_images, domains)
    images = config.steps * config.images_per_step
    return UnpairedImages(a, b, preprocess=config.preprocess, seed=config.seed, images=images)


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ddp")


@pytest.fixture(scope="module")
def pictures(folder: Path) -> tuple[Path, Path]:
    """Five pictures of one domain and eight of the other."""

    random = torch.Generator().manual_seed(3)
    for name, level, count in (("a", 60, 5), ("b", 190, 8)):
        (folder / name).mkdir()
        for number in range(count):
            noise = torch.randint(-30, 30, (40, 44, 3), generator=random)
            pixels = (level + noise).clamp(0, 255).to(torch.uint8).numpy()
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder / "a", folder / "b"


@pytest.fixture(scope="module")
def seen(folder: Path, pictures: tuple[Path, Path]) -> list[Seen]:
    # The new processes import this very module, by the name that pytest gave it.
    sys.path.insert(0, str(Path(__file__).parents[2]))
    context = multiprocessing.get_context("spawn")
    ranks = [context.Process(target=member, args=(r, folder, pictures)) for r in range(RANKS)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(600)
        assert rank.exitcode == 0
    sys.path.pop(0)
    return [Seen(**torch.load(folder / f"seen-{r}.pt", weights_only=True)) for r in range(RANKS)]


def tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, list):
        for item in value:
            yield from tensors(item)


def assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = list(tensors(one)), list(tensors(other))
    assert len(first) > 50
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_all_ranks_hold_equal_weights(seen: list[Seen]) -> None:
    assert_equal(seen[0].shared, seen[1].shared)


@pytest.mark.parametrize("name", OTHERWISE)
def test_all_ranks_hold_equal_weights_otherwise_too(seen: list[Seen], name: str) -> None:
    one, other = (each.otherwise[name] for each in seen)
    assert_equal(one, other)
    assert one["step"] == other["step"] == 3
    fresh = new_state(OTHERWISE[name], CPU).shared()
    for network in ("g_ab", "g_ba", "d_a", "d_b"):
        key = next(key for key in fresh[network] if key.endswith(("weight", "weight.original")))
        assert not torch.equal(one[network][key], fresh[network][key])


def test_each_gradient_is_averaged_once_a_step(seen: list[Seen]) -> None:
    for each in seen:
        assert len(each.reductions) == 3
        for step in each.reductions:
            for name in ("g_ab", "g_ba", "d_a", "d_b"):
                buckets = [(index, is_last) for of, index, is_last in step if of == name]
                count = len(buckets)
                assert sorted(buckets) == [(i, i == count - 1) for i in range(count)]
                assert count > 0


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("to a healthy state", [1, 2, 3, 3, 4, 5, 6]),
        ("to the start", [1, 2, 3, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_all_ranks_go_back_together(seen: list[Seen], name: str, steps: list[int]) -> None:
    (first, one), (second, other) = (each.detours[name] for each in seen)
    assert first == second == steps
    assert_equal(one, other)
    assert one["adjustments"] == other["adjustments"]
    assert one["adjustments"]["lr_g"] == 0.5


def test_ranks_see_different_pictures_and_draw_from_their_own_chance(seen: list[Seen]) -> None:
    for one, other in zip(seen[0].fakes, seen[1].fakes, strict=True):
        assert not torch.equal(one, other)
    for draws in (
        [drawn(each.own["torch_random"]) for each in seen],
        [drawn(each.own["pool_a"]["random"]) for each in seen],
        [drawn(seen[0].own[pool]["random"]) for pool in ("pool_a", "pool_b")],
    ):
        assert not torch.equal(*draws)


def drawn(state: Tensor) -> Tensor:
    """What a generator in this state gives next: two states may differ and still draw alike."""
    random = torch.Generator()
    random.set_state(state)
    return torch.rand(4, generator=random)


def test_two_ranks_of_batch_1_are_one_process_of_batch_2(
    seen: list[Seen], pictures: tuple[Path, Path]
) -> None:
    config = replace(CONFIG, batch=2, workers=1)
    state = new_state(config, CPU)
    fakes: list[Tensor] = []
    train(
        config,
        state,
        batches_from(dataset(config, pictures), config, start_step=0),
        report=lambda progress: fakes.append(progress.result.images.fake_b),
        device=CPU,
    )
    for alone, first, second in zip(fakes, seen[0].fakes, seen[1].fakes, strict=True):
        torch.testing.assert_close(torch.cat([first, second]), alone, rtol=1e-3, atol=1e-4)
    fresh = new_state(config, CPU).shared()
    for name in ("g_ab", "d_b"):
        # Not the biases: before a norm they have no gradient but rounding, which Adam enlarges.
        for key in (key for key in fresh[name] if key.endswith("weight")):
            before = fresh[name][key]
            alone, together = state.shared()[name][key], seen[0].shared[name][key]
            assert distance(alone, together) <= 0.02 * distance(alone, before) + 1e-6, key


def distance(one: Tensor, other: Tensor) -> float:
    return float((one.float() - other.float()).norm())


def test_ddp_never_searches_for_unused_parameters(seen: list[Seen]) -> None:
    assert seen[0].searches == [False] * 4


def test_a_run_of_two_stops_together_and_goes_on_the_same(seen: list[Seen], folder: Path) -> None:
    assert [each.stopped_at for each in seen] == [-1, -1]
    whole, parts = (load_checkpoint(folder / name / "checkpoint.pt") for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 6
    one, other = list(tensors(whole)), list(tensors(parts))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert len(whole["workers"]) == RANKS  # type: ignore[arg-type]


def test_a_run_of_two_is_not_one_of_one(
    seen: list[Seen], folder: Path, pictures: tuple[Path, Path]
) -> None:
    """A checkpoint of another number of workers is refused, not half used."""
    state = new_state(CONFIG, CPU)
    assert seen

    content = load_checkpoint(folder / "whole/checkpoint.pt")
    with pytest.raises(ValueError, match="of 2 workers, not 1"):
        restore(state, content, Alone())
