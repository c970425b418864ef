"""Workers and drivers that are killed in mid-run change nothing in what comes out."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import vidgan
from cluster.actor import Event, WorkerLost, WorkerStarted
from patient import PATIENCE, PATIENT
from vidgan.conversion import convert_all
from vidgan.options import Options
from vidgan.progress import Progress
from vidgan.report import Report

MakeFilm = Callable[..., Path]

FRAMES, CHUNK_FRAMES = 336, 12


@pytest.fixture(scope="module")
def film(make_film: MakeFilm) -> Path:
    return make_film("faults.mp4", frames=FRAMES, size=(160, 96), subtitles=True, chapters=True)


class Heard(Progress):
    """Which workers came and went."""

    def __init__(self) -> None:
        self.started: list[WorkerStarted] = []
        self.lost: list[WorkerLost] = []

    def hear(self, event: Event) -> None:
        if isinstance(event, WorkerStarted):
            self.started.append(event)
        if isinstance(event, WorkerLost):
            self.lost.append(event)


class Meets(Heard):
    """Is not done with its first chunk before something else has happened."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.met = threading.Event(), threading.Event()

    def done(self, place: tuple[int, int], frames: int) -> None:
        self.begun.set()
        assert self.met.wait(PATIENCE)


@dataclass(frozen=True)
class Undisturbed:
    """What one worker made of the film, and what a second conversion to the same output got."""

    film: bytes
    second: Report


@pytest.fixture(scope="module")
def undisturbed(
    film: Path, generator_file: Path, tmp_path_factory: pytest.TempPathFactory, ray_up: None
) -> Undisturbed:
    output, heard = tmp_path_factory.mktemp("undisturbed") / "out.mp4", Meets()
    options = Options(weights=generator_file, workers=1, chunk_frames=CHUNK_FRAMES)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(convert_all, [film], output, options, heard)
        assert heard.begun.wait(PATIENCE)
        second = threads.submit(convert_all, [film], output, options)
        second.add_done_callback(lambda ended: heard.met.set())
    assert not first.result().failures
    assert (len(heard.started), len(heard.lost)) == (1, 0)
    return Undisturbed(film=output.read_bytes(), second=second.result())


class Killer(Heard):
    """Kills the first worker, once some frames are done."""

    def __init__(self) -> None:
        super().__init__()
        self.killed = False

    def done(self, place: tuple[int, int], frames: int) -> None:
        if not self.killed:
            self.killed = True
            os.kill(self.started[0].place.pid, signal.SIGKILL)


def test_two_workers_one_of_them_killed_write_the_same_bytes_as_one(
    film: Path, undisturbed: Undisturbed, generator_file: Path, tmp_path: Path
) -> None:
    killer = Killer()
    options = Options(weights=generator_file, workers=2, chunk_frames=CHUNK_FRAMES)
    report = convert_all([film], tmp_path / "out.mp4", options, killer)
    assert not report.failures
    assert len(killer.started) >= 2
    assert len(killer.lost) == 1
    assert (tmp_path / "out.mp4").read_bytes() == undisturbed.film


def test_a_second_conversion_to_the_same_output_is_refused(undisturbed: Undisturbed) -> None:
    """And changes nothing in the first, or the other tests here would see it."""
    (failure,) = undisturbed.second.failures
    assert "another conversion" in str(failure)


MAIN = """
from vidgan.cli import main

main()
"""
HOLD = """
import sys, time
from vidgan.batch import Batch

def take(batch, *result, take=Batch.take, left=[3]):
    take(batch, *result)
    left[0] -= 1
    if not left[0]:
        time.sleep(3600)

Batch.take = take
sys.argv = ["vidgan", *sys.argv[1:]]
"""
"""The command line, whose driver goes no further than three chunks: the film does not end before it
is told to stop, however late that comes."""


def _start(
    script: str, film: Path, output: Path, generator: Path, **environment: str
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD + script, "convert", str(film), "-o", str(output)]
    options = ["--weights", str(generator), "--chunk-frames", str(CHUNK_FRAMES), "--quiet"]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ours, **PATIENT, **environment},
        start_new_session=True,
    )


def _wait_for_chunks(ledger: Path, number: int, driver: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE
    while not ledger.is_dir() or len(list(ledger.glob("*.chunk"))) < number:
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Interrupter(Progress):
    """Presses Ctrl-C when some chunks are done."""

    def __init__(self, chunks: int) -> None:
        self.left = chunks

    def done(self, place: tuple[int, int], frames: int) -> None:
        self.left -= 1
        if not self.left:
            signal.raise_signal(signal.SIGINT)


def test_a_stopped_driver_goes_on_where_it_was(
    film: Path, undisturbed: Undisturbed, generator_file: Path, tmp_path: Path
) -> None:
    """Stopped three times, each time later: by Ctrl-C, by SIGTERM, and by SIGKILL."""
    output, ledger = tmp_path / "out.mp4", tmp_path / "out.mp4.vidgan"
    options = Options(weights=generator_file, chunk_frames=CHUNK_FRAMES)
    with pytest.raises(KeyboardInterrupt):
        convert_all([film], output, options, Interrupter(3))
    assert len(list(ledger.glob("*.chunk"))) >= 3
    for how in (signal.SIGTERM, signal.SIGKILL):
        kept = len(list(ledger.glob("*.chunk")))
        with _start(MAIN, film, output, generator_file) as driver:
            _wait_for_chunks(ledger, kept + 3, driver)
            driver.send_signal(how)
            began = time.monotonic()
            _, said = driver.communicate(timeout=PATIENCE)
            assert time.monotonic() - began < SECONDS_TO_STOP
        assert not output.exists()
        if how == signal.SIGTERM:
            assert driver.returncode == 143
            assert said == "vidgan: interrupted; run the same command again to go on from here\n"

    report = vidgan.convert(film, output, weights=generator_file, chunk_frames=CHUNK_FRAMES)
    assert report.files[0].chunks_reused >= 9
    assert report.frames == FRAMES
    assert output.read_bytes() == undisturbed.film
    assert {path.name for path in tmp_path.iterdir()} == {"out.mp4"}


SECONDS_TO_STOP = 45.0
"""Three are usual; the rest is for a busy machine."""
DEAF = """
import cluster.session

def slow_shutdown(*args, shutdown=cluster.session.ray.shutdown):
    print("tidying up", file=sys.stderr, flush=True)
    time.sleep(600)

cluster.session.ray.shutdown = slow_shutdown
"""
"""Where tidying up takes for ever."""


def test_a_second_ctrl_c_stops_at_once(film: Path, generator_file: Path, tmp_path: Path) -> None:
    output, mark = tmp_path / "out.mp4", uuid.uuid4().hex
    with _start(DEAF + MAIN, film, output, generator_file, TEST_MARK=mark) as driver:
        _wait_for_chunks(tmp_path / "out.mp4.vidgan", 1, driver)
        driver.send_signal(signal.SIGINT)
        assert driver.stderr is not None
        assert driver.stderr.readline() == "tidying up\n"
        driver.send_signal(signal.SIGINT)
        assert driver.wait(timeout=PATIENCE) == 130  # and not in ten minutes
        assert driver.stderr.read() == "vidgan: stopped at once\n"
    assert not output.exists()
    _wait_until_gone(mark)


def _wait_until_gone(mark: str) -> None:
    """Of what is killed the system takes a moment to be rid."""
    for _ in range(10 * PATIENCE):
        if not _marked(mark):
            return
        time.sleep(0.1)
    pytest.fail(f"still running: {_marked(mark)}")


def _marked(mark: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if f"TEST_MARK={mark}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


class KillAtStart(Progress):
    """Kills workers as soon as they are ready, the first `number` of them."""

    def __init__(self, number: int) -> None:
        self.left = number

    def hear(self, event: Event) -> None:
        if isinstance(event, WorkerStarted) and self.left:
            self.left -= 1
            os.kill(event.place.pid, signal.SIGKILL)


def test_a_part_that_kills_its_workers_fails_its_own_film_alone(
    make_film: MakeFilm, generator_file: Path, tmp_path: Path, ray_up: None
) -> None:
    films = [make_film(f"poison{number}.mp4", frames=12) for number in range(2)]
    # Both films' tasks are lost with the first worker, then each is tried alone, in turns: the
    # fourth death is the third of one film's task.
    options = Options(weights=generator_file, workers=1, retries=2)
    report = convert_all(films, tmp_path / "out", options, KillAtStart(4))
    (failure,) = report.failures
    (done,) = report.files
    assert "the part from 0.000 to 0.458 s brought down its worker 3 times" in str(failure)
    assert str(next(film for film in films if film != done.source)) in str(failure)
    assert {*(tmp_path / "out").iterdir()} == {done.output, tmp_path / "out/vidgan-report.json"}
