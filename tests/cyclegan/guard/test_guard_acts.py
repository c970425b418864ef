"""A guard that acts: saves what would end blank, also over a stop, or gives up with a report."""

from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cyclegan.checkpoint import save_checkpoint
from cyclegan.guard.evidence import correlation, surface
from cyclegan.guard.watch import STUCK
from cyclegan.run import Stopped
from cyclegan.state import Adjustments, TrainingError
from cyclegan.train_config import LossWeights, TrainConfig

Domains = tuple[Tensor, Tensor]
Run = Any
MakeRun = Callable[..., Any]

BLANK = 0.05
"""Contrast; six of 255 levels. Of these pictures it is 0.33 by day, 0.16 by night.

Which direction ends blank, and how soon, depends on the seed and the processor's last bits; that
one does held for all of eight seeds on one processor and for seven of them on another, that the
guard saves both for all eight on the first.
"""
SEEDS = (7, 3, 5)
"""Of which one at least ends blank."""


@pytest.fixture(scope="session")
def dominated(small: TrainConfig) -> TrainConfig:
    """Discriminators a hundred times as fast as generators; else with the paper's weights."""
    return replace(
        small, images=180, batch=1, lr_g=5e-3, lr_d=0.5, loss=LossWeights(), seed=SEEDS[0]
    )


@pytest.fixture(scope="session")
def saved(dominated: TrainConfig, night: Domains, make_run: MakeRun) -> Run:
    return make_run(replace(dominated, guard="act"), night)


def test_a_dominant_discriminator_ends_blank_without_the_guard(
    dominated: TrainConfig, night: Domains, make_run: MakeRun
) -> None:
    assert any(_ends_blank(replace(dominated, guard="off", seed=n), night, make_run) for n in SEEDS)


def _ends_blank(config: TrainConfig, night: Domains, make_run: MakeRun) -> bool:
    run = make_run(config, night)
    assert run.steps == list(range(1, 181))
    return min(surface(drawn).contrast for drawn in run.outputs(night)) < BLANK


def test_a_guard_that_acts_saves_it(saved: Run, night: Domains) -> None:
    """The same seed and length as without it."""
    assert saved.steps[-1] == 180
    for source, drawn in zip(night, saved.outputs(night), strict=True):
        assert surface(drawn).contrast > BLANK
        assert correlation(source[: len(drawn)], drawn) > 0.4, "outputs follow their inputs"
    back = [step for step, after in pairwise(saved.steps) if after < step]
    acted = [event for event in saved.events() if event.status == "acted"]
    assert [event.step for event in acted] == back
    assert acted[0].remedy == "back to the start, lr-d 0.5 -> 0.005 (try 1)"
    assert [line for line in saved.warnings if "(try 1)" in line] == [acted[0].line()]
    assert len(acted) <= 2, "of which one is enough with most seeds"
    assert saved.checkpoint()["adjustments"] == asdict(Adjustments(lr_d=0.01 / len(acted)))


@pytest.mark.slow
def test_a_stop_before_and_one_after_going_back_change_nothing(
    dominated: TrainConfig, night: Domains, make_run: MakeRun, saved: Run
) -> None:
    config = replace(dominated, guard="act")
    acted = next(event.step for event in saved.events() if event.status == "acted")
    before, after = acted - 7, acted + 8
    out = _stopped(make_run, config, night, at=before)
    _stopped(make_run, config, night, at=after, out=out)
    resumed = make_run(config, night, out=out)
    assert resumed.steps == saved.steps[saved.steps.index(after) + 1 :]
    assert_same(resumed.checkpoint(), saved.checkpoint())
    assert (out / "guard.jsonl").read_bytes() == (saved.out / "guard.jsonl").read_bytes()


@pytest.mark.slow
def test_checkpoints_by_the_clock_do_not_change_where_it_goes_back_to(
    small: TrainConfig, seasons: Domains, make_run: MakeRun
) -> None:
    """One after each step: of those it goes back to the one that it asked for itself."""
    config = replace(small, images=2 * (50 + STUCK), guard="act")
    options = {"bad_from": 2 * 48, "tries": 1, "checkpoint_seconds": 0.0}
    run = _given_up(make_run, config, seasons, **options)
    acted = next(event for event in run.events() if event.status == "acted")
    assert acted.remedy.startswith("back to step 40, ")


def test_a_stop_on_a_step_that_is_to_be_kept_keeps_it(
    small: TrainConfig, seasons: Domains, make_run: MakeRun
) -> None:
    """Else a resumed training would go back further than an undisturbed one."""
    out = _stopped(make_run, replace(small, images=2 * 60, guard="act"), seasons, at=40)
    assert torch.load(out / "healthy.pt", weights_only=True)["step"] == 40


def test_noise_on_what_discriminators_see_goes_on_after_a_stop(
    small: TrainConfig, seasons: Domains, make_run: MakeRun
) -> None:
    config = replace(small, images=2 * 20, guard="act")
    ends = []
    for stops in ((), (10,)):
        out = _stopped(make_run, config, seasons, at=4)
        file = out / "checkpoint.pt"
        state = torch.load(file, weights_only=True)
        save_checkpoint({**state, "adjustments": asdict(Adjustments(instance_noise=0.1))}, file)
        for stop in stops:
            _stopped(make_run, config, seasons, at=stop, out=out)
        ends.append(make_run(config, seasons, out=out).checkpoint())
    assert_same(*ends)
    quiet = make_run(config, seasons).checkpoint()
    assert not torch.equal(
        ends[0]["workers"][0]["torch_random"], quiet["workers"][0]["torch_random"]
    )


def test_one_that_only_warns_changes_nothing(
    dominated: TrainConfig, night: Domains, make_run: MakeRun
) -> None:
    short = replace(dominated, images=40)
    warned, off = (make_run(replace(short, guard=mode), night) for mode in ("warn", "off"))
    assert "discriminator never settles" in {event.name for event in warned.events()}
    one, other = warned.checkpoint(), off.checkpoint()
    assert not (off.out / "guard.jsonl").exists()
    assert_same({**one, "guard": {}}, {**other, "guard": {}})


def test_it_gives_up_after_so_many_tries(
    small: TrainConfig, seasons: Domains, make_run: MakeRun
) -> None:
    """Pictures that hold no numbers no rate can mend; it goes back to the last healthy step."""
    config = replace(small, images=2 * 100, guard="act")
    run = _given_up(make_run, config, seasons, bad_from=2 * 52, tries=2)
    acted = [event for event in run.events() if event.status == "acted"]
    assert [event.remedy for event in acted] == [
        "back to step 50, lr-g 0.002 -> 0.001, lr-d 0.002 -> 0.001 (try 1)",
        "back to step 50, lr-g 0.001 -> 0.0005, lr-d 0.001 -> 0.0005 (try 2)",
    ]
    assert run.steps == [*range(1, 53 + STUCK), *range(51, 53 + STUCK), *range(51, 52 + STUCK)]
    last = run.events()[-1]
    assert (last.status, last.name) == ("gave up", "not finite")
    assert run.warnings[-1] == last.line()
    assert run.checkpoint()["step"] == 50, "the last healthy state is kept"


def _given_up(make_run: MakeRun, config: TrainConfig, domains: Domains, **options: Any) -> Run:
    """The run, whose error must be a clear report."""
    heard: list[Run] = []
    with pytest.raises(TrainingError) as raised:
        make_run(config, domains, heard=heard.append, **options)
    (run,) = heard
    report = str(raised.value)
    tries = options.get("tries", 4)
    assert (
        f"the guard gives up at step {run.steps[-1] + 1} after {tries} tries (lr-g 0.002 -> 0.001, "
        in report
    )
    assert f"not finite: {STUCK} steps in a row had gradients that are not finite" in report
    assert "Train anew in another --out: lower --lr-g and --lr-d" in report
    assert "\n" not in report
    return run


def _stopped(
    make_run: MakeRun, config: TrainConfig, domains: Domains, *, at: int, out: Path | None = None
) -> Path:
    """The folder of a run that was stopped after this step."""
    heard: list[Run] = []
    with pytest.raises(Stopped):
        make_run(config, domains, out=out, stop_at=at, heard=heard.append)
    folder: Path = heard[0].out
    return folder


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Bit for bit, all that a checkpoint holds."""
    assert type(one) is type(other), where
    if isinstance(one, Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            assert_same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}/{place}")
    else:
        assert one == other, where
