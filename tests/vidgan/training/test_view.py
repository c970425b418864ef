"""Looking on at a real, tiny training: what is drawn, and that nothing of the training changes."""

import json
import resource
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cyclegan.run import Guard, Intervention, Listeners, RunOptions, Unguarded, run_training
from cyclegan.state import Adjustments, TrainState
from cyclegan.training import Progress
from vidgan.training.job import Job
from vidgan.training.listeners import watchers_for
from vidgan.training.view import View

Stop = Callable[[Progress], None]

pytestmark = pytest.mark.usefixtures("one_thread")


def run(
    job: Job,
    *,
    watched: bool = True,
    report: Stop = lambda progress: None,
    guard: Guard | None = None,
    log_steps: int = 2,
) -> list[str]:
    """Train, and say what was warned of."""
    warnings: list[str] = []
    view = View(job, warnings.append, unjudged=str, credit=1e9)
    options = RunOptions(resume=job.resume, log_steps=log_steps, checkpoint_seconds=1e9)
    listeners = Listeners(
        report=report,
        warn=warnings.append,
        watchers=(view,) if watched else (),
        guard=guard or Unguarded(),
    )
    run_training(job.config, job.dataset(memory=0), job.out, options=options, listeners=listeners)
    return warnings


def stop_after(step: int) -> Stop:
    def report(progress: Progress) -> None:
        if progress.step == step:
            raise TimeoutError

    return report


def drawn(job: Job) -> list[int]:
    return sorted(int(path.stem) for path in (job.out / "samples").glob("*.png"))


def on_the_page(job: Job) -> list[int]:
    html = (job.out / "report.html").read_text()
    data = html.partition('type="application/json">')[2].partition("</script>")[0]
    return [sample["images"] for sample in json.loads(data)["samples"]]


def board(job: Job) -> EventAccumulator:
    accumulator = EventAccumulator(str(job.out / "tensorboard"))
    accumulator.Reload()
    return accumulator


def steps(job: Job, tag: str) -> list[int]:
    return [event.step for event in board(job).Scalars(tag)]


def test_samples_page_and_board_of_a_training(job: Job) -> None:
    """Ten steps of two images: after the first step, every eight images, and at the end."""
    assert run(job) == []
    assert drawn(job) == [2, 8, 16, 20]
    assert on_the_page(job) == [2, 8, 16, 20]
    assert steps(job, "losses/cycle_a") == [4, 8, 12, 16, 20]
    found = board(job)
    logged = [json.loads(line) for line in (job.out / "log.jsonl").read_text().splitlines()]
    assert [event.value for event in found.Scalars("losses/discriminator_b")] == pytest.approx(
        [line["discriminator_b"] for line in logged]
    )
    assert found.Scalars("rates/lr_g")[0].value == pytest.approx(job.config.lr_g)
    assert [image.step for image in found.Images("samples/b2a")] == [2, 8, 16, 20]


def test_samples_show_the_average_of_the_held_out_pictures(job: Job) -> None:
    run(job)
    with Image.open(job.out / "samples/00000020.png") as last:
        pixels = np.asarray(last)
    side = job.config.preprocess.crop
    assert len(pixels) > 2 * side
    held_out = [np.asarray(Image.open(path)).mean() for path in job.held_out_a]
    assert pixels[:side, :side].mean() == pytest.approx(held_out[0], abs=4)

    pixels_before = pixels
    shutil.rmtree(job.out)
    run(replace(job, held_out_a=(), held_out_b=()))
    with Image.open(job.out / "samples/00000020.png") as last:
        assert not np.array_equal(np.asarray(last), pixels_before), "training pictures instead"


def test_looking_on_changes_no_bit_of_the_training(job: Job, tmp_path: Path) -> None:
    run(replace(job, out=tmp_path / "seen"))
    run(replace(job, out=tmp_path / "unseen"), watched=False)
    for name in ("a2b.safetensors", "b2a.safetensors", "checkpoint.pt"):
        assert (tmp_path / "seen" / name).read_bytes() == (tmp_path / "unseen" / name).read_bytes()


def test_a_resumed_run_goes_on_without_doubles(job: Job, tmp_path: Path) -> None:
    """It is killed ten images after its last state, so some steps are taken twice."""
    with pytest.raises(TimeoutError):
        run(job, report=stop_after(3))
    checkpoint = (job.out / "checkpoint.pt").read_bytes()
    with pytest.raises(TimeoutError):
        run(replace(job, resume=True), report=stop_after(8))
    assert drawn(job) == [2, 8, 16]
    (job.out / "checkpoint.pt").write_bytes(checkpoint)
    run(replace(job, resume=True, sample_images=12))
    assert drawn(job) == [2, 12, 20]
    assert on_the_page(job) == [2, 12, 20]
    assert steps(job, "losses/cycle_a") == [4, 8, 12, 16, 20]
    assert [image.step for image in board(job).Images("samples/a2b")] == [2, 12, 20]
    assert len(list((job.out / "tensorboard").iterdir())) == 3


class SendsBack(Unguarded):
    """A guard that goes back once, after step 7, to the beginning."""

    def __init__(self) -> None:
        self.has_acted = False

    def look(self, progress: Progress, state: TrainState) -> Intervention | None:
        if progress.step != 7 or self.has_acted:
            return None
        self.has_acted = True
        return Intervention(adjustments=Adjustments(lr_d=0.5))


def test_a_run_that_the_guard_sends_back_has_no_doubles(job: Job) -> None:
    run(job, guard=SendsBack())
    assert drawn(job) == [2, 8, 16, 20]
    assert steps(job, "losses/cycle_a") == [4, 8, 12, 16, 20]
    html = (job.out / "report.html").read_text()
    data = json.loads(html.partition('type="application/json">')[2].partition("</script>")[0])
    assert data["charts"][0]["curves"][0]["x"] == [4, 8, 12, 16, 20]


def test_a_training_that_is_stopped_leaves_a_page_of_how_far_it_came(job: Job) -> None:
    with pytest.raises(TimeoutError):
        run(job, report=stop_after(7))
    html = (job.out / "report.html").read_text()
    assert "12 of 20" in html
    assert on_the_page(job) == [2, 8]


def test_no_samples_still_means_curves(job: Job) -> None:
    run(replace(job, sample_images=0))
    assert not (job.out / "samples").exists()
    assert "20 of 20" in (job.out / "report.html").read_text()
    assert steps(job, "losses/cycle_a") == [4, 8, 12, 16, 20]


def test_the_page_says_why_nothing_is_judged(job: Job) -> None:
    job = replace(job, held_out_a=job.held_out_a[:9])
    listeners = Listeners(watchers=watchers_for(job, lambda warning: None))
    run_training(
        job.config, job.dataset(memory=0), job.out, options=RunOptions(), listeners=listeners
    )
    page = (job.out / "report.html").read_text()
    assert "Not measured: fewer than 10 pictures of a domain are held out." in page


def test_a_training_that_never_began_leaves_nothing(job: Job) -> None:
    for path in job.train_a:
        path.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"is not a .* image"):
        run(replace(job, held_out_a=()))
    left = {path.name for path in job.out.glob("*")}
    assert not left & {"samples", "tensorboard", "report.html"}


def test_a_full_disk_costs_a_warning_for_each_file_and_no_training(job: Job) -> None:
    """A limit on the size of files stands in for the disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    heard: list[int] = []

    def report(progress: Progress) -> None:
        heard.append(progress.step)
        if progress.step == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))

    try:
        warnings = run(job, report=report, log_steps=100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert heard == list(range(1, 11))
    for name in ("samples", "tensorboard", "report.html"):
        told = [warning for warning in warnings if f"{name} could not be written" in warning]
        assert len(told) == 1, name
        assert "make room" in told[0]
    assert drawn(job) == on_the_page(job) == [2]
    assert not list(job.out.glob("**/*.part"))
