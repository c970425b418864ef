"""Workers and drivers that are killed in mid-run change nothing in what comes out."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import vidgan
from cluster.actor import Event, WorkerLost, WorkerStarted
from vidgan.conversion import convert_all
from vidgan.options import Options
from vidgan.progress import Progress

MakeFilm = Callable[..., Path]

FRAMES, CHUNK_FRAMES = 336, 12


@pytest.fixture(scope="module")
def film(make_film: MakeFilm) -> Path:
    return make_film("faults.mp4", frames=FRAMES, size=(160, 96))


@pytest.fixture(scope="module")
def undisturbed(
    film: Path, generator_file: Path, tmp_path_factory: pytest.TempPathFactory, ray_up: None
) -> bytes:
    output = tmp_path_factory.mktemp("undisturbed") / "out.mp4"
    vidgan.convert(film, output, weights=generator_file, chunk_frames=CHUNK_FRAMES)
    return output.read_bytes()


class Killer(Progress):
    """Kills the first worker, once some frames are done."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.killed = False
        self.lost: list[WorkerLost] = []

    def hear(self, event: Event) -> None:
        if isinstance(event, WorkerStarted) and self.pid is None:
            self.pid = event.place.pid
        if isinstance(event, WorkerLost):
            self.lost.append(event)

    def done(self, place: tuple[int, int], frames: int) -> None:
        if not self.killed and self.pid is not None:
            self.killed = True
            os.kill(self.pid, signal.SIGKILL)


def test_a_killed_worker_changes_nothing(
    film: Path, undisturbed: bytes, generator_file: Path, tmp_path: Path
) -> None:
    killer = Killer()
    options = Options(weights=generator_file, workers=2, chunk_frames=CHUNK_FRAMES)
    report = convert_all([film], tmp_path / "out.mp4", options, killer)
    assert not report.failures
    assert len(killer.lost) == 1
    assert (tmp_path / "out.mp4").read_bytes() == undisturbed


def _start(film: Path, output: Path, generator: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "vidgan", "convert", str(film), "-o", str(output)]
    options = ["--weights", str(generator), "--chunk-frames", str(CHUNK_FRAMES), "--quiet"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    return subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def _wait_for_chunks(ledger: Path, number: int) -> None:
    for _ in range(1200):
        if ledger.is_dir() and len(list(ledger.glob("*.chunk"))) >= number:
            return
        time.sleep(0.05)
    pytest.fail("no chunk was finished within a minute")


class Interrupter(Progress):
    """Presses Ctrl-C when some chunks are done."""

    def __init__(self, chunks: int) -> None:
        self.left = chunks

    def done(self, place: tuple[int, int], frames: int) -> None:
        self.left -= 1
        if not self.left:
            signal.raise_signal(signal.SIGINT)


def test_a_stopped_driver_goes_on_where_it_was(
    film: Path, undisturbed: bytes, generator_file: Path, tmp_path: Path
) -> None:
    """Stopped three times, each time later: by Ctrl-C, by SIGTERM, and by SIGKILL."""
    output, ledger = tmp_path / "out.mp4", tmp_path / "out.mp4.vidgan"
    options = Options(weights=generator_file, chunk_frames=CHUNK_FRAMES)
    with pytest.raises(KeyboardInterrupt):
        convert_all([film], output, options, Interrupter(3))
    assert len(list(ledger.glob("*.chunk"))) >= 3
    for how, chunks in ((signal.SIGTERM, 6), (signal.SIGKILL, 9)):
        with _start(film, output, generator_file) as driver:
            _wait_for_chunks(ledger, chunks)
            driver.send_signal(how)
            _, said = driver.communicate(timeout=60)
        assert not output.exists()
        if how == signal.SIGTERM:
            assert driver.returncode == 143
            assert said == "vidgan: interrupted; run the same command again to go on from here\n"

    report = vidgan.convert(film, output, weights=generator_file, chunk_frames=CHUNK_FRAMES)
    assert report.files[0].chunks_reused >= 9
    assert report.frames == FRAMES
    assert output.read_bytes() == undisturbed
    assert {path.name for path in tmp_path.iterdir()} == {"out.mp4"}


def test_two_conversions_of_one_output_do_not_mix(
    film: Path, undisturbed: bytes, generator_file: Path, tmp_path: Path, ray_up: None
) -> None:
    output = tmp_path / "out.mp4"
    options = Options(weights=generator_file, chunk_frames=CHUNK_FRAMES)
    reports = []
    threads = [
        threading.Thread(target=lambda: reports.append(convert_all([film], output, options)))
        for _ in range(2)
    ]
    first, second = threads
    first.start()
    _wait_for_chunks(tmp_path / "out.mp4.vidgan", 1)
    second.start()
    for thread in threads:
        thread.join()
    failures = [str(failure) for report in reports for failure in report.failures]
    assert len(failures) == 1
    assert "another conversion" in failures[0]
    assert output.read_bytes() == undisturbed


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
    options = Options(weights=generator_file, workers=1)
    report = convert_all(films, tmp_path / "out", options, KillAtStart(4))
    (failure,) = report.failures
    (done,) = report.files
    assert "one part of it brought down its worker 3 times" in str(failure)
    assert str(next(film for film in films if film != done.source)) in str(failure)
    assert list((tmp_path / "out").iterdir()) == [done.output]
