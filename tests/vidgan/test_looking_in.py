"""Looking in from outside: Ray's metrics, the report file in a folder of results, the totals.

A batch of two films and a broken one loses a worker; another into the same folder is interrupted.
"""

import itertools
import json
import os
import re
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import ray

import vidgan
from cluster.actor import Event, WorkerStarted
from cluster.meters import Gauge
from patient import PATIENCE
from vidgan.conversion import convert_all
from vidgan.errors import WorkerError
from vidgan.options import Options
from vidgan.progress import Progress
from vidgan.report import Report

MakeFilm = Callable[..., Path]
Numbers = dict[str, float]

FRAMES = 24
marks = itertools.count(1)


class KillFirst(Progress):
    """Kills the first worker as soon as it is ready; looks in when another has done chunks."""

    killed = False
    gauges = 0.0, 0.0
    """Queue depth and workers ready, as they came through in mid-run."""
    waited = 0.0
    """Seconds, for them."""

    def hear(self, event: Event) -> None:
        if isinstance(event, WorkerStarted) and not self.killed:
            self.killed = True
            os.kill(event.place.pid, signal.SIGKILL)

    def done(self, place: tuple[int, int], frames: int) -> None:
        """The driver waits here, so that the numbers it has told stay as they are."""
        began = time.monotonic()
        while not all(self.gauges) and time.monotonic() - began < PATIENCE:
            time.sleep(0.2)
            seen = scrape()
            self.gauges = seen.get("queue_depth", 0), seen.get("workers_ready", 0)
        self.waited += time.monotonic() - began


class StopAtFirst(Progress):
    """Ctrl-C when the first chunk is done."""

    def done(self, place: tuple[int, int], frames: int) -> None:
        raise KeyboardInterrupt


def scrape_all() -> Numbers:
    """All that this process has told Ray by now: what it tells last comes through last."""
    mark = Gauge("vidgan_mark", "Set by a test.")
    value = float(next(marks))
    deadline = time.monotonic() + PATIENCE
    mark.set(value)
    while (found := scrape()).get("mark") != value:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def scrape() -> Numbers:
    """What Prometheus would read from this machine's agent: name (and stage) -> number."""
    (node,) = ray.nodes()  # type: ignore[no-untyped-call]
    address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    with urllib.request.urlopen(address, timeout=60) as answer:
        text = answer.read().decode()
    found: Numbers = {}
    for name, labels, number in re.findall(r"^ray_vidgan_(\w+)\{(.*)\} (\S+)$", text, re.M):
        stage = re.search(r'stage="(\w+)"', labels)
        key = f"{name} {stage[1]}" if stage else name
        found[key] = found.get(key, 0.0) + float(number)
    return found


@dataclass(frozen=True, kw_only=True)
class Batch:
    folder: Path
    films: list[Path]
    options: Options
    report: Report
    scraped: Numbers
    """What the run added."""
    gauges: tuple[float, float]
    """Queue depth and workers ready, seen in mid-run."""
    waited: float
    """Seconds, until they were seen."""


@pytest.fixture(scope="module")
def batch(
    make_film: MakeFilm,
    generator_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
    ray_up: None,
) -> Batch:
    here = tmp_path_factory.mktemp("batch")
    films = [here / "one.mp4", here / "two.mp4", here / "broken.mp4"]
    for film in films[:2]:
        shutil.copy(make_film("clip.mp4", frames=FRAMES), film)
    films[2].write_text("no film\n")
    options = Options(weights=generator_file, workers=1, chunk_frames=12)
    before = scrape_all()
    progress = KillFirst()
    report = convert_all(films, here / "out", options, progress)
    return Batch(
        folder=here / "out",
        films=films,
        options=options,
        report=report,
        scraped={name: number - before.get(name, 0) for name, number in scrape_all().items()},
        gauges=progress.gauges,
        waited=progress.waited,
    )


def test_ray_s_metrics_are_the_report_s_numbers(batch: Batch) -> None:
    report, scraped = batch.report, batch.scraped
    assert scraped["frames_total"] == report.frames == 2 * FRAMES
    assert scraped["chunks_total"] == sum(file.chunks for file in report.files) == 4
    assert scraped["retries_total"] == report.retries >= 1
    assert scraped["workers_lost_total"] == report.workers_lost == 1
    for stage, seconds in report.stages.rounded().items():
        assert scraped[f"stage_seconds_total {stage}"] == pytest.approx(seconds, abs=0.1), stage
    depth, ready = batch.gauges
    assert 1 <= depth <= 4  # one worker has two chunks at a time, and the next is taken early
    assert ready == 1
    # Ray forgets a gauge that is not set any more; one that stood at another number would be seen.
    assert (scraped.get("queue_depth", 0), scraped.get("workers_ready", 0)) == (0, 0)


def test_each_stage_took_its_time_and_the_driver_s_make_up_the_run(batch: Batch) -> None:
    stages, seconds = batch.report.stages, batch.report.seconds
    assert min(stages.rounded().values()) > 0
    driver = stages.start + stages.demux + stages.ledger + stages.waiting
    assert 0.7 * (seconds - batch.waited) < driver <= seconds
    for busy in (stages.decode, stages.translate, stages.encode):
        assert busy < seconds * 2 * (os.cpu_count() or 1)


def test_the_report_file_names_each_input(batch: Batch) -> None:
    said = read_report(batch.folder)
    assert said["version"] == vidgan.__version__
    assert not said["interrupted"]
    totals = said["totals"]
    assert (totals["done"], totals["skipped"], totals["failed"]) == (2, 0, 1)
    assert totals["frames"] == 2 * FRAMES
    assert totals["stages"] == batch.report.to_json()["stages"]
    broken, one, two = said["files"]
    assert (broken["source"], broken["output"]) == (str(batch.films[2]), "broken.mp4")
    assert broken["status"] == "failed"
    assert f"{batch.films[2]} is not a video" in broken["reason"]
    assert [entry["source"] for entry in (one, two)] == [str(film) for film in batch.films[:2]]
    for entry in (one, two):
        assert (entry["status"], entry["frames"], entry["chunks"]) == ("done", FRAMES, 2)


def test_a_later_run_updates_the_report_also_where_it_is_interrupted(
    batch: Batch, tmp_path: Path
) -> None:
    folder = shutil.copytree(batch.folder, tmp_path / "out")
    three = tmp_path / "three.mp4"
    shutil.copy(batch.films[0], three)
    with pytest.raises(KeyboardInterrupt):
        convert_all([three, tmp_path / "none.mp4"], folder, batch.options, StopAtFirst())
    said = read_report(folder)
    assert said["interrupted"]
    assert {entry["output"]: entry["status"] for entry in said["files"]} == {
        "broken.mp4": "failed",
        "none.mp4": "failed",
        "one.mp4": "done",
        "three.mp4": "failed",
        "two.mp4": "done",
    }
    assert "interrupted" in said["files"][3]["reason"]


def test_where_no_cluster_answers_the_report_says_so_of_each_input(
    batch: Batch, tmp_path: Path
) -> None:
    options = replace(batch.options, address="127.0.0.1:1")
    with pytest.raises(WorkerError, match=r"127\.0\.0\.1:1"):
        convert_all(batch.films, tmp_path / "out", options)
    said = read_report(tmp_path / "out")
    reasons = [entry["reason"] for entry in said["files"]]
    assert [("127.0.0.1:1" in reason) for reason in reasons] == [False, True, True]
    assert not said["interrupted"]


def test_on_screen_each_file_is_done_skipped_or_failed_and_the_file_keeps_what_is_known(
    batch: Batch, tmp_path: Path, vidgan_command: Callable[..., Any]
) -> None:
    """The folder has its report, which is no input; a damaged one is in nobody's way."""
    films = tmp_path / "films"
    films.mkdir()
    for film in batch.films:
        shutil.copy(film, films)
    shutil.copy(batch.folder / "vidgan-report.json", films)
    folder = shutil.copytree(batch.folder, tmp_path / "out")
    command = ["convert", films, "-o", folder, "--weights", batch.options.weights]
    said = vidgan_command(*command)
    assert said.status == 1
    assert f"{folder / 'one.mp4'}: is there already, skipped" in said.lines
    assert f"{folder / 'two.mp4'}: is there already, skipped" in said.lines
    assert [line for line in said.lines if line.startswith(f"vidgan: {films / 'broken.mp4'}")]
    assert len(said.lines) == 3
    entries = {entry["output"]: entry for entry in read_report(folder)["files"]}
    assert (entries["one.mp4"]["status"], entries["one.mp4"]["frames"]) == ("skipped", FRAMES)

    (folder / "vidgan-report.json").write_text('{"files": [3]}')
    said = vidgan_command(*command, "--json")
    assert json.loads(said.out)["workers"] == 0
    assert [entry["status"] for entry in read_report(folder)["files"]] == [
        "failed",
        "skipped",
        "skipped",
    ]


def test_a_report_that_cannot_be_written_is_a_warning(batch: Batch, tmp_path: Path) -> None:
    folder = shutil.copytree(batch.folder, tmp_path / "out")
    (folder / "vidgan-report.json").unlink()
    (folder / "vidgan-report.json").mkdir()
    report = convert_all(batch.films[:2], folder, batch.options)
    assert f"{folder / 'vidgan-report.json'}: the report cannot be written" in report.warnings[-1]


def read_report(folder: Path) -> Any:
    return json.loads((folder / "vidgan-report.json").read_bytes())
