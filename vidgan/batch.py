"""All jobs of a conversion on their way through one pool of workers, so that none idles between."""

import contextlib
import errno
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from traceback import clear_frames
from types import TracebackType

from cluster.actor import Lost
from vidgan.account import Account
from vidgan.errors import OutputError, VidganError, WorkerError
from vidgan.jobs import Job
from vidgan.progress import Progress
from vidgan.report import FileReport
from vidgan.tasks import Result, Task, part_of

_MOST_WAITING = 16
"""Outputs that wait to be written; photographs wait in memory."""


class Batch:
    """Gives out the tasks of all jobs, takes results, and finishes each job in the background.

    Outputs are written by one thread beside the one that feeds the workers: a long film is read
    back and compared for seconds, in which no worker should wait. Where it is left by an exception
    (Ctrl-C), what is being written is stopped, and no part of it stays.
    """

    def __init__(self, jobs: Sequence[Job], progress: Progress, account: Account) -> None:
        self._jobs = jobs
        self._progress = progress
        self._account = account
        self._origin: list[tuple[Job, str]] = []
        """Which job each task came from, and which part of it that is."""
        self._writer = ThreadPoolExecutor(1, "writer")
        self._writing: dict[Future[FileReport], Job] = {}

    def __enter__(self) -> "Batch":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OutputError):
            self._reap()
        if exc is not None:
            for job in self._writing.values():
                job.stop()
        self._writer.shutdown(wait=True, cancel_futures=exc is not None)
        for written, job in self._writing.items():
            if not written.cancelled() and written.exception() is None:
                job.report = written.result()  # it was whole before it heard that it should stop

    def tasks(self, settings: bytes) -> Iterator[Task]:
        """All tasks of all jobs, in order; `settings` stands for what decides the pixels.

        A job of which nothing is left to do, after a crash in the join for one, is finished here.

        Raises:
            OutputError: the disk is full, and what is finished can no longer be kept.
        """
        for job in self._jobs:
            with self._failing(job):
                tasks: Iterator[Task] = job.tasks(settings, self._progress.reused)
                for task in self._account.clock.each("demux", tasks):
                    if job.error is not None:
                        break
                    self._origin.append((job, part_of(task)))
                    self._account.hand_out()
                    yield task
            self._write_if_complete(job)

    def take(self, position: int, result: Result | Lost) -> None:
        """Take what became of a task, the `position`-th that was given out.

        Raises:
            OutputError: the disk is full, and it can no longer be kept.
        """
        self._account.take(None if isinstance(result, Lost) else result)
        self._reap()
        job, part = self._origin[position]
        if job.error is not None:
            return
        with self._failing(job):
            if isinstance(result, Lost):
                raise WorkerError(
                    f"{job.piece.source}: {part} brought down its worker {result.attempts} times "
                    f"({result.reason}): try a smaller --size or fewer --workers; "
                    "what is finished is kept"
                )
            if isinstance(result.value, VidganError):
                raise result.value
            with self._account.clock.stage("ledger"):
                index, frames = job.take(result)
            self._account.done(frames)
            self._progress.done((job.number, index), frames)
        self._write_if_complete(job)

    def finish(self) -> None:
        """Wait until every output is written.

        Raises:
            OutputError: the disk is full.
        """
        wait(self._writing)  # where this is interrupted, what is being written is still known
        self._reap()

    def give_up(self, error: VidganError) -> None:
        """Fail whatever is not done, for a reason that none of it is to blame for."""
        for job in self._jobs:
            if job.report is None and job not in self._writing.values():
                self._fail(job, error)
        while self._writing:
            with contextlib.suppress(OutputError):
                self.finish()

    def _write_if_complete(self, job: Job) -> None:
        written = job.report is not None or job in self._writing.values()
        if job.complete and job.error is None and not written:
            if len(self._writing) >= _MOST_WAITING:
                wait(self._writing, return_when=FIRST_COMPLETED)
                self._reap()
            self._progress.joining(job.piece.output)
            self._writing[self._writer.submit(self._account.joining.call, job.finish)] = job

    def _reap(self) -> None:
        """Note which outputs are written by now, or why not."""
        for future in [future for future in self._writing if future.done()]:
            job = self._writing.pop(future)
            with self._failing(job):
                job.report = future.result()

    @contextlib.contextmanager
    def _failing(self, job: Job) -> Iterator[None]:
        """What goes wrong with one job fails it alone; but a full disk is full for all."""
        try:
            with job.piece.blamed():
                yield
        except VidganError as error:
            self._fail(job, error)
            if _is_full(error):
                raise

    def _fail(self, job: Job, error: VidganError) -> None:
        """Note the first error of a job; whatever is wrong, the line names the file."""
        if job.error is not None:
            return
        named = any(str(path) in str(error) for path in (job.piece.source, job.piece.output))
        job.error = error if named else type(error)(f"{job.piece.source}: {error}")
        _let_go(error)
        self._writer.submit(job.close)  # not here: its server may not answer, and workers wait


def _let_go(error: BaseException | None) -> None:
    """Free what an error's traceback holds, whole photographs among it; where it was stays known.

    A batch keeps all its errors to the end.
    """
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _is_full(error: VidganError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
