"""A training on disk: it stops and goes on without ever losing what it had."""

import itertools
import json
import os
import resource
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from cyclegan.checkpoint import load_checkpoint
from cyclegan.config import DiscriminatorConfig, ResnetConfig
from cyclegan.data import Preprocess
from cyclegan.precision import Precision
from cyclegan.run import Listeners, RunOptions, Stopped, run_training
from cyclegan.state import TrainingError
from cyclegan.train_config import LossWeights, TrainConfig
from cyclegan.training import Progress
from cyclegan.weights import read_generator
from tests.cyclegan.runs import RESULTS, Domains, assert_same_run, dataset, run


def test_twenty_steps_and_twenty_more_are_forty(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 20:
            raise KeyboardInterrupt

    run(tiny, domains, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tiny, domains, tmp_path / "parts", report=stop)
    assert load_checkpoint(tmp_path / "parts/checkpoint.pt")["step"] == 20
    torch.manual_seed(123)
    steps: list[int] = []
    run(tiny, domains, tmp_path / "parts", resume=True, report=lambda p: steps.append(p.step))

    assert steps == list(range(21, 41))
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_dropout_goes_on_the_same_too(tmp_path: Path, domains: Domains, tiny: TrainConfig) -> None:
    generator = ResnetConfig(blocks=1, filters=4, norm="batch", dropout=True)
    config = replace(tiny, images=8, generator=generator)

    def stop(progress: Progress) -> None:
        if progress.step == 2:
            raise TimeoutError

    run(config, domains, tmp_path / "whole")
    with pytest.raises(TimeoutError):
        run(config, domains, tmp_path / "parts", report=stop)
    run(config, domains, tmp_path / "parts", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_all_that_can_be_asked_for_besides_goes_on_the_same_too(
    tmp_path: Path, domains: Domains, tiny: TrainConfig, precision: Precision
) -> None:
    """Spectral norm remembers vectors, which every forward pass moves; stability draws numbers."""
    discriminator = DiscriminatorConfig(filters=4, norm="spectral", layers=2, scales=2)
    config = replace(
        tiny,
        images=8,
        discriminator=discriminator,
        loss=LossWeights(stability=2.0, perceptual=1.0),
        preprocess=Preprocess(load=72, crop=64),
        precision=precision,
    )

    def stop(progress: Progress) -> None:
        if progress.step == 2:
            raise TimeoutError

    run(config, domains, tmp_path / "whole")
    with pytest.raises(TimeoutError):
        run(config, domains, tmp_path / "parts", report=stop)
    run(config, domains, tmp_path / "parts", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@contextmanager
def ctrl_c_within_step(number: int, *, presses: int) -> Iterator[None]:
    """Press Ctrl-C when the generators have moved in step `number` and discriminators not yet."""
    optimizer_steps = itertools.count()

    def press(*_: object) -> None:
        if next(optimizer_steps) == 2 * (number - 1):
            for _press in range(presses):
                os.kill(os.getpid(), signal.SIGINT)

    handle = register_optimizer_step_post_hook(press)
    try:
        yield
    finally:
        handle.remove()


@pytest.mark.parametrize(("presses", "kept"), [(1, 4), (2, 3)])
def test_ctrl_c_within_a_step_leaves_a_run_that_goes_on_the_same(
    tmp_path: Path, domains: Domains, tiny: TrainConfig, presses: int, kept: int
) -> None:
    """Once, it ends the step first; twice, it ends at once and keeps the checkpoint before."""
    config = replace(tiny, images=16)
    run(config, domains, tmp_path / "whole")
    before = signal.getsignal(signal.SIGINT)
    with ctrl_c_within_step(4, presses=presses), pytest.raises(KeyboardInterrupt):
        run(config, domains, tmp_path / "parts", checkpoint_seconds=0)
    assert signal.getsignal(signal.SIGINT) is before
    assert load_checkpoint(tmp_path / "parts/checkpoint.pt")["step"] == kept
    run(config, domains, tmp_path / "parts", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_a_run_works_outside_the_main_thread(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    config = replace(tiny, images=2)
    thread = threading.Thread(target=run, args=(config, domains, tmp_path / "run"))
    thread.start()
    thread.join()
    assert load_checkpoint(tmp_path / "run/checkpoint.pt")["step"] == 1


def test_what_a_run_leaves_behind(tmp_path: Path, domains: Domains, tiny: TrainConfig) -> None:
    out = tmp_path / "deep" / "run"
    run(replace(tiny, images=20), domains, out)
    assert sorted(p.name for p in out.iterdir()) == sorted([*RESULTS, "healthy.pt", "log.jsonl"])
    assert read_generator(out / "a2b.safetensors").config == tiny.generator
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [5, 10]
    assert all(line["seconds_per_step"] > 0 for line in lines)
    assert {"cycle_a", "adversarial_ba", "discriminator_b", "lr_scale"} <= lines[0].keys()
    assert json.loads((out / "config.json").read_text())["images"] == 20


def test_a_finished_run_resumes_to_the_same(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    config = replace(tiny, images=2)
    run(config, domains, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "before")
    run(config, domains, tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", tmp_path / "before")


@contextmanager
def infinite_weights_after_step(number: int) -> Iterator[None]:
    """As a learning rate makes them that is too high."""
    optimizer_steps = itertools.count()

    def spoil(optimizer: torch.optim.Optimizer, *_: object) -> None:
        if next(optimizer_steps) == 2 * (number - 1):
            with torch.no_grad():
                optimizer.param_groups[0]["params"][0].fill_(torch.inf)

    handle = register_optimizer_step_post_hook(spoil)
    try:
        yield
    finally:
        handle.remove()


@pytest.mark.parametrize("end", [None, 4])
@pytest.mark.parametrize("checkpoint_seconds", [0, 300])
def test_a_training_that_diverges_keeps_what_it_had(
    tmp_path: Path,
    domains: Domains,
    tiny: TrainConfig,
    checkpoint_seconds: float,
    end: int | None,
) -> None:
    """Also where it is stopped before anyone has looked at the losses."""

    def stop(at: int | None) -> Callable[[Progress], None]:
        def report(progress: Progress) -> None:
            if progress.step == at:
                raise TimeoutError

        return report

    out = tmp_path / "run"
    with pytest.raises(TimeoutError):
        run(tiny, domains, out, report=stop(2))
    before = {name: (out / name).read_bytes() for name in RESULTS}
    again = partial(run, checkpoint_seconds=checkpoint_seconds, report=stop(end), resume=True)
    with infinite_weights_after_step(1), pytest.raises(TrainingError, match="diverged"):
        again(tiny, domains, out)
    assert {name: (out / name).read_bytes() for name in RESULTS} == before


def test_a_run_killed_before_its_first_checkpoint_resumes_from_the_start(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    config = replace(tiny, images=8)
    run(config, domains, tmp_path / "whole")
    (tmp_path / "parts").mkdir()
    shutil.copy(tmp_path / "whole/config.json", tmp_path / "parts")
    run(config, domains, tmp_path / "parts", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_a_stop_that_is_asked_for_ends_with_a_checkpoint(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    asked = iter([False, False, True])
    listeners = Listeners(should_stop=lambda: next(asked))
    data = dataset(tiny, domains)
    with pytest.raises(Stopped):
        run_training(tiny, data, tmp_path / "run", options=RunOptions(), listeners=listeners)
    assert load_checkpoint(tmp_path / "run/checkpoint.pt")["step"] == 3


def test_generators_are_kept_every_so_many_images(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    config = replace(tiny, images=10, batch=4)
    data = dataset(config, domains)
    run_training(config, data, tmp_path / "run", options=RunOptions(keep_images=4))
    assert sorted(p.name for p in (tmp_path / "run/every").iterdir()) == ["00000004", "00000008"]
    assert read_generator(tmp_path / "run/every/00000004/b2a.safetensors").config == tiny.generator


def test_a_full_disk_costs_a_warning_and_no_training(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    """A limit on the size of files stands in for the disk: writing fails just the same."""
    out = tmp_path / "run"
    config = replace(tiny, images=8)
    warnings: list[str] = []
    heard: list[int] = []

    def report(progress: Progress) -> None:
        heard.append(progress.step)
        if progress.step == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        run_training(
            config,
            dataset(config, domains),
            out,
            options=RunOptions(checkpoint_seconds=0),
            listeners=Listeners(report=report, warn=warnings.append),
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert heard == [1, 2, 3, 4]
    assert any("checkpoint.pt" in w and "make room" in w for w in warnings)
    assert load_checkpoint(out / "checkpoint.pt")["step"] == 1
    assert not list(out.glob("*.part"))
    run(config, domains, out, resume=True)
    assert load_checkpoint(out / "checkpoint.pt")["step"] == 4


def test_a_resumed_log_holds_each_step_once(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    out = tmp_path / "run"
    config = replace(tiny, images=40)
    run(config, domains, out)
    log = out / "log.jsonl"
    log.write_text(log.read_text() + '{"step": 999}\n{"st')
    run(config, domains, out, resume=True)
    assert [json.loads(x)["step"] for x in log.read_text().splitlines()] == [5, 10, 15, 20]
