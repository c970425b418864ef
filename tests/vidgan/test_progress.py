"""What bar and log show: never twice, never backwards, and a log in lines that can be read."""

import re
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cluster.actor import (
    ItemRetried,
    Place,
    WorkerLost,
    WorkerReleased,
    WorkerStarted,
    WorkerStatus,
)
from cyclegan.translator import Translator
from tests.vidgan.photos import shared_pages
from vidgan.bar import Bar, shown_progress
from vidgan.choice import choose_model
from vidgan.crew import Crew
from vidgan.log_lines import LogLines
from vidgan.options import Options
from vidgan.progress import Tally
from vidgan.tasks import ImageTask
from vidgan.worker import FilmWorker

ONE, TWO = Place(pid=1, node="a"), Place(pid=2, node="a")


def test_frames_under_way_count_until_their_chunk_is_done() -> None:
    tally = Tally()
    tally.hear(ONE, {(0, 0): 10, (0, 1): 3})
    tally.hear(TWO, {(0, 2): 5})
    assert tally.frames == 18
    assert tally.chunks == 3
    tally.done((0, 0), 16)
    assert tally.chunks == 3
    assert tally.frames == 24  # 16 safe, 3 and 5 under way; the worker's word on (0, 0) is old


def test_a_lost_worker_does_not_turn_the_bar_back() -> None:
    tally = Tally()
    tally.hear(ONE, {(0, 0): 10})
    assert tally.frames == 10
    tally.lose(ONE)
    assert tally.frames == 10
    tally.hear(TWO, {(0, 0): 2})
    assert tally.frames == 10
    tally.done((0, 0), 16)
    assert tally.frames == 16


def test_what_is_safe_is_counted_not_remembered() -> None:
    """A long conversion has millions of chunks, which come a little out of order."""
    tally = Tally()
    tracemalloc.start()
    try:
        for first in range(0, 20_000, 2):
            tally.done((0, first + 1), 10)
            tally.done((0, first), 10)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 20_000
    tally.done((0, 777), 10)  # again
    tally.hear(ONE, {(0, 778): 9, (0, 20_000): 3})  # the worker's word on the first is old
    assert (tally.frames, tally.chunks) == (200_003, 20_001)


def test_a_photograph_gives_a_sign_with_each_page_and_is_no_frame_before_it_is_done(
    generator_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a scan of many pages would be taken for a worker that hangs."""
    choice = choose_model(Options(weights=generator_file))
    crew = Crew(workers=1, lanes=1, cpus_per_worker=1, gpus_per_worker=0, device="cpu")
    worker = FilmWorker(choice.recipe(crew, "fp32"))
    worker.setup()
    task, said = ImageTask(job=7, name="scan.tif", data=shared_pages(30, (96, 96))), list[float]()
    translated = Translator.__call__

    def asked(*page: Any, **more: Any) -> Any:
        said.extend(worker.status().values())
        return translated(*page, **more)

    monkeypatch.setattr(Translator, "__call__", asked)
    result = worker.process(task)
    worker.close()
    assert isinstance(result.value, bytes)
    assert said == sorted(said)
    assert len(set(said)) == 30
    assert 0 <= said[0] < said[-1] < 1
    tally = Tally()
    for share in said:
        tally.hear(ONE, {(7, 0): share})
        assert tally.frames == 0
    assert worker.status() == {}


def test_the_bar_keeps_off_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar.start(10, chunks=1)
    bar.hear(WorkerStarted(ONE))
    bar.hear(WorkerStatus(ONE, {(0, 0): 3}))
    bar.hear(WorkerLost(ONE, "killed by the system"))
    bar.done((0, 0), 10)
    bar.stop()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "killed by the system" in printed.err
    assert "chunk 1 of 1" in printed.err
    assert "10/10" in printed.err


def test_what_was_done_before_is_no_speed_and_counts_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bar = Bar()
    bar.start(30, chunks=3)
    for _ in range(2):  # as when work is begun again without a film that failed
        bar.reused((0, 0), 10)
        bar.reused((0, 1), 10)
    bar.done((0, 2), 10)
    bar.reused((0, 2), 10)
    bar.stop()
    printed = capsys.readouterr().err
    assert "30/30" in printed
    assert "chunk 3 of 3" in printed
    assert not re.search(r"[4-9]\d/30", printed)


def test_a_short_look_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar.looking(1000)
    bar.looked(1000)
    bar.stop()
    assert capsys.readouterr().err == ""


class Log:
    """A log and the time of day; `convert` does chunks of 50 frames at one speed."""

    def __init__(self, total: int) -> None:
        self.now = 1000.0
        self.lines: list[str] = []
        self.progress = LogLines(clock=lambda: self.now, say=self.lines.append)
        self.progress.start(total, chunks=total // 50)

    def convert(self, first: int, last: int, *, rate: float) -> None:
        for chunk in range(first // 50, last // 50):
            for frames in range(0, 50, 10):
                self.progress.hear(WorkerStatus(ONE, {(0, chunk): frames}))
                self.now += 10 / rate
            self.progress.done((0, chunk), 50)


def test_a_log_gets_lines_that_say_all_and_are_ten_seconds_apart() -> None:
    log = Log(9000)
    log.progress.hear(WorkerStarted(ONE))
    log.progress.hear(WorkerStarted(TWO))
    log.convert(0, 8950, rate=20)
    log.progress.hear(WorkerReleased(TWO))  # nothing is left for it
    log.convert(8950, 9000, rate=20)
    log.progress.stop()
    assert log.lines[0] == "starting workers for 9,000 frames in 180 chunks"
    assert log.lines[1] == (
        "translating: 200 of 9,000 frames (2 %), 20.0 frames/s, about 7 min left, 2 workers"
    )
    assert log.lines[-1] == "translating: 9,000 of 9,000 frames (100 %), 20.0 frames/s, 1 worker"
    assert 20 <= len(log.lines) <= 45  # of seven and a half minutes


def test_a_short_film_is_a_few_lines_and_a_long_one_a_line_a_minute() -> None:
    short, long = Log(250), Log(900_000)
    short.convert(0, 250, rate=100)
    short.progress.stop()
    assert [line.partition(" frames")[0] for line in short.lines[1:]] == [
        "translating: 200 of 250",
        "translating: 250 of 250",
    ]
    long.convert(0, 900_000, rate=25)
    assert 600 < len(long.lines) < 700  # of ten hours


def test_what_is_foretold_follows_the_last_minute_without_jumps() -> None:
    log = Log(20_000)
    for chunk in range(100):  # an earlier try had done these, which is no speed
        log.progress.reused((0, chunk), 50)
    log.progress.hear(WorkerStarted(ONE))
    log.convert(5_000, 7_500, rate=25)
    log.convert(7_500, 10_000, rate=5)
    rates = [
        float(found[1]) for line in log.lines if (found := re.search(r"([\d.]+) frames/s", line))
    ]
    assert max(rates) < 26
    assert rates[-1] == pytest.approx(5, abs=0.2)
    assert max(before - after for before, after in pairwise(rates)) < 6


def test_a_log_says_what_happens_to_workers_and_files() -> None:
    log = Log(100)
    log.progress.hear(WorkerStarted(ONE))
    log.progress.hear(WorkerStarted(TWO))
    log.progress.hear(WorkerLost(TWO, "out of memory"))
    log.progress.hear(ItemRetried(position=1, attempts=1, reason="out of memory"))
    log.convert(0, 100, rate=10)
    log.progress.joining(Path("out/clip.winter.mp4"))
    log.progress.stop()
    assert log.lines[1:3] == [
        "a worker was lost (out of memory); its work is given to another",
        "a part is tried again, after 1 attempt",
    ]
    assert all(line.endswith("1 worker") for line in log.lines if "frames/s" in line)
    assert log.lines[-1] == "writing clip.winter.mp4"


def test_without_a_terminal_no_carriage_return_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = shown_progress(quiet=False)
    shown.start(10, chunks=1)
    shown.done((0, 0), 10)
    shown.joining(Path("a\nname\rof lines.mp4"))
    shown.stop()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "starting workers for 10 frames in 1 chunk",
        "writing a name of lines.mp4",
        "translating: 10 of 10 frames (100 %)",
    ]
    assert "\r" not in printed.err
    shown_progress(quiet=True).start(10, chunks=1)
    assert capsys.readouterr().err == ""
