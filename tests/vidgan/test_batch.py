"""A batch of photographs without workers: what one of them meets with is nobody else's trouble."""

import errno
import gc
import os
import signal
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from patient import PATIENCE
from tests.vidgan.photos import encode, gradient
from vidgan.account import Account
from vidgan.batch import Batch
from vidgan.errors import OutputError, WorkerError
from vidgan.film_job import FilmJob
from vidgan.image_job import ImageJob
from vidgan.inputs import Piece
from vidgan.ledger import Ledger, ledger_of
from vidgan.options import Options
from vidgan.progress import Progress
from vidgan.report import FileReport
from vidgan.tasks import ImageTask, OnReuse, Result
from vidgan.whole_file import write_whole

MakeFilm = Callable[..., Path]
OPTIONS = Options(pair="none")
PNG = encode(Image.fromarray(gradient()), "PNG")


class SlowJob(ImageJob):
    """Writing takes minutes, unless it is stopped."""

    stopped_in_time = False

    def __init__(self, number: int, piece: Piece, options: Options) -> None:
        super().__init__(number, piece, options)
        self._stopped = threading.Event()
        self.begun = threading.Event()

    def finish(self) -> FileReport:
        self.begun.set()
        self.stopped_in_time = self._stopped.wait(PATIENCE)
        raise OutputError("stopped")

    def stop(self) -> None:
        self._stopped.set()


class BrokenDisk(ImageJob):
    """The system fails where nobody expects it."""

    def tasks(self, settings: bytes, on_reuse: OnReuse) -> Iterator[ImageTask]:
        raise OSError(errno.EIO, "Input/output error")


def photograph(kind: type[ImageJob], number: int, folder: Path) -> ImageJob:
    source = folder / f"{number}.png"
    source.write_bytes(PNG)
    piece = Piece(source=source, output=folder / f"out{number}.png")
    return kind(number, piece, OPTIONS)


def batch_of(*jobs: ImageJob | FilmJob) -> Batch:
    return Batch(jobs, Progress(), Account())


def do_all(batch: Batch) -> None:
    for position, task in enumerate(batch.tasks(b"")):
        batch.take(position, Result(job=task.job, value=PNG))


def finish_all(batch: Batch) -> None:
    with batch:
        do_all(batch)
        batch.finish()


def test_an_interrupt_at_the_end_stops_the_very_output_that_is_being_written(
    tmp_path: Path,
) -> None:
    job = photograph(SlowJob, 0, tmp_path)
    assert isinstance(job, SlowJob)

    def interrupt() -> None:
        job.begun.wait()
        time.sleep(0.1)  # until `finish` waits
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        finish_all(batch_of(job))
    assert job.stopped_in_time
    assert job.report is None


def test_what_was_written_when_an_interrupt_came_is_reported_as_done(tmp_path: Path) -> None:
    first, second = photograph(ImageJob, 0, tmp_path), photograph(SlowJob, 1, tmp_path)
    assert isinstance(second, SlowJob)
    with suppress(KeyboardInterrupt), batch_of(first, second) as batch:
        do_all(batch)
        second.begun.wait()
        raise KeyboardInterrupt
    assert first.piece.output.exists()
    assert first.report is not None
    assert (second.report, second.error) == (None, None)


def test_what_the_system_refuses_for_one_input_fails_it_alone(tmp_path: Path) -> None:
    broken, whole = photograph(BrokenDisk, 0, tmp_path), photograph(ImageJob, 1, tmp_path)
    finish_all(batch_of(broken, whole))
    assert str(broken.error) == (
        f"{broken.piece.output}: Input/output error; check names, permissions and the room on the "
        "disk"
    )
    assert whole.report is not None


def test_a_photograph_that_cannot_be_written_does_not_stay_in_memory(tmp_path: Path) -> None:
    job, translated = photograph(ImageJob, 0, tmp_path), PNG[:-1]
    held = sys.getrefcount(translated)
    with batch_of(job) as batch:
        for task in batch.tasks(b""):
            write_whole(job.piece.output, b"somebody's")  # since the job looked
            batch.take(0, Result(job=task.job, value=translated))
        batch.finish()
    assert "exists already" in str(job.error)
    assert job.complete
    assert sys.getrefcount(translated) == held


def test_a_film_that_failed_lets_go_of_its_ledger_at_once(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    piece = Piece(source=make_film("clip.mp4", frames=24), output=tmp_path / "out.mp4")
    film = FilmJob(0, piece, replace(OPTIONS, chunk_frames=4), b"", int)
    with batch_of(film) as batch:
        for task in batch.tasks(b""):
            batch.take(0, Result(job=task.job, value=WorkerError("a part of it failed")))
        for _ in range(20 * PATIENCE):
            if not ledger_of(piece.output).exists():
                break
            time.sleep(0.05)
        with Ledger(ledger_of(piece.output)):
            pass
    assert str(film.error) == f"{piece.source}: a part of it failed"


def test_a_film_that_is_over_leaves_little_in_memory(make_film: MakeFilm, tmp_path: Path) -> None:
    """Of each frame and of each chunk something is known while it is converted."""
    source = make_film("long.mp4", frames=1200, size=(32, 32), audio=False)
    piece = Piece(source=source, output=tmp_path / "out.mp4")
    film = FilmJob(0, piece, replace(OPTIONS, chunk_frames=4), b"", int)
    tracemalloc.start()
    try:
        for _ in film.tasks(b"", lambda *done: None):
            pass
        open_bytes = kept_by_vidgan()
        film.close()
        assert kept_by_vidgan() < open_bytes / 10
    finally:
        tracemalloc.stop()


def kept_by_vidgan() -> int:
    """Bytes that its code has asked for since tracing began, and that are not free again."""
    gc.collect()  # Python keeps small tuples that are free, too
    own = tracemalloc.Filter(inclusive=True, filename_pattern="*/vidgan/*")
    traced = tracemalloc.take_snapshot().filter_traces([own])
    return sum(line.size for line in traced.statistics("filename"))
