"""A conversion from end to end: inputs to jobs, to tasks, to actors, and results to files."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cluster.errors import ClusterError, PoisonItemError
from cluster.pool import map_unordered
from cluster.session import session
from cyclegan.precision import Precision
from vidgan.choice import Choice, choose_model, digest
from vidgan.crew import Crew, share_out
from vidgan.errors import SettingsError, VidganError, WorkerError
from vidgan.inputs import Piece, plan
from vidgan.jobs import Job, open_job
from vidgan.media.chunks import CHUNK_FRAMES
from vidgan.models import Direction
from vidgan.options import Options
from vidgan.progress import Progress
from vidgan.report import FileReport, Report
from vidgan.tasks import Recipe, Result, Task
from vidgan.worker import FilmWorker


def convert(
    source: str | Path,
    output: str | Path | None = None,
    *,
    pair: str | None = None,
    weights: str | Path | None = None,
    direction: Direction | None = None,
    workers: int | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    size: int | None = None,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    chunk_frames: int = CHUNK_FRAMES,
    address: str | None = None,
    overwrite: bool = False,
    resume: bool = True,
) -> Report:
    """Convert one film, photograph or folder; the options are those of `vidgan convert`.

    Raises:
        VidganError: it failed; the text says why and what to do. Nothing half-written is left,
            and what was finished is kept for the next call.
    """
    options = Options(
        pair=pair,
        weights=None if weights is None else Path(weights),
        direction=direction,
        workers=workers,
        device=device,
        precision=precision,
        size=size,
        codec=codec,
        crf=crf,
        preset=preset,
        chunk_frames=chunk_frames,
        address=address,
        overwrite=overwrite,
        resume=resume,
    )
    report = convert_all([Path(source)], None if output is None else Path(output), options)
    if len(report.failures) > 1:
        raise VidganError("; ".join(map(str, report.failures)))
    if report.failures:
        raise report.failures[0]
    return report


def convert_all(
    inputs: Sequence[Path],
    output: Path | None,
    options: Options,
    progress: Progress | None = None,
) -> Report:
    """Convert any number of inputs; one that fails is reported and does not stop the others.

    Raises:
        VidganError: nothing can be converted at all: a wrong setting, an unknown pair, no cluster.
        KeyboardInterrupt: interrupted; finished chunks are kept.
    """
    started = time.monotonic()
    progress = progress or Progress()
    choice = choose_model(options)
    pieces, failures = plan(inputs, output, choice.label)
    with contextlib.ExitStack() as held:
        held.callback(progress.stop)
        jobs, reports, refused = _open_jobs(
            pieces, options, choice.purpose(options), progress, held
        )
        failures += refused
        crew = Crew.nobody()
        if jobs:
            crew = _run(jobs, choice, options, progress, held)
        for job in jobs:
            if job.error is not None:
                failures.append(job.error)
            elif job.report is not None:
                reports.append(job.report)
    return Report(
        files=tuple(reports),
        failures=tuple(failures),
        seconds=time.monotonic() - started,
        workers=crew.workers,
        device=crew.device,
    )


def _open_jobs(
    pieces: Sequence[Piece],
    options: Options,
    purpose: bytes,
    progress: Progress,
    held: contextlib.ExitStack,
) -> tuple[list[Job], list[FileReport], list[VidganError]]:
    """Look through all inputs, so that what cannot be converted is refused before any work."""
    progress.looking(sum(_size(piece.source) for piece in pieces))
    jobs: list[Job] = []
    reports: list[FileReport] = []
    failures: list[VidganError] = []
    for piece in pieces:
        try:
            job = open_job(len(jobs), piece, options, purpose, progress.looked)
        except SettingsError:
            raise
        except VidganError as error:
            failures.append(error)
            continue
        if isinstance(job, FileReport):
            reports.append(job)
        else:
            held.callback(job.close)
            jobs.append(job)
    return jobs, reports, failures


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # whatever it is, the job says it better
        return 0


def _run(
    jobs: list[Job],
    choice: Choice,
    options: Options,
    progress: Progress,
    held: contextlib.ExitStack,
) -> Crew:
    """Do all jobs; one whose part brings workers down fails, and the others go on without it."""
    progress.start(sum(job.count.frames for job in jobs), sum(job.count.chunks for job in jobs))
    try:
        cluster = held.enter_context(session(address=options.address, preload=("vidgan.worker",)))
    except ClusterError as error:
        raise WorkerError(str(error)) from error
    crew = share_out(cluster, workers=options.workers, device=options.device)
    recipe = choice.recipe(crew, options.precision)
    while waiting := [job for job in jobs if job.error is None and job.report is None]:
        for job in waiting:
            job.restart()
        origin: list[Job] = []
        try:
            _map(waiting, recipe, crew, origin, progress)
            break
        except PoisonItemError as error:
            _fail(
                origin[error.position],
                WorkerError(
                    f"one part of it brought down its worker {error.attempts} times "
                    f"({error.reason}): try a smaller --size or fewer --workers; "
                    "what is finished is kept"
                ),
            )
        except ClusterError as error:
            for job in waiting:
                _fail(job, WorkerError(str(error)))
    return crew


def _map(
    jobs: Sequence[Job], recipe: Recipe, crew: Crew, origin: list[Job], progress: Progress
) -> None:
    """Hand all tasks to the workers, and take the results as they come."""
    by_number = {job.number: job for job in jobs}
    results = map_unordered(
        FilmWorker,
        _tasks(jobs, digest(recipe), origin, progress),
        shared=recipe,
        workers=crew.workers,
        cpus_per_worker=crew.cpus_per_worker,
        gpus_per_worker=crew.gpus_per_worker,
        on_event=progress.hear,
    )
    with contextlib.closing(results):
        for _, result in results:
            _take(by_number[result.job], result, progress)


def _tasks(
    jobs: Sequence[Job], settings: bytes, origin: list[Job], progress: Progress
) -> Iterator[Task]:
    """All tasks of all jobs, in order; `origin` notes which job each came from.

    A job of which nothing is left to do, after a crash in the join for one, is finished here.
    """
    for job in jobs:
        try:
            for task in job.tasks(settings, progress.reused):
                if job.error is not None:
                    break
                origin.append(job)
                yield task
        except VidganError as error:
            _fail(job, error)
        _finish_if_complete(job, progress)


def _take(job: Job, result: Result, progress: Progress) -> None:
    if isinstance(result.value, VidganError):
        _fail(job, result.value)
    if job.error is not None:
        return
    try:
        index, frames = job.take(result)
        progress.done((job.number, index), frames)
    except VidganError as error:
        _fail(job, error)
    _finish_if_complete(job, progress)


def _finish_if_complete(job: Job, progress: Progress) -> None:
    if not job.complete or job.error is not None or job.report is not None:
        return
    progress.joining(job.piece.output)
    try:
        job.report = job.finish()
    except VidganError as error:
        _fail(job, error)


def _fail(job: Job, error: VidganError) -> None:
    """Note the first error of a job; whatever is wrong, the line names the file."""
    named = any(str(path) in str(error) for path in (job.piece.source, job.piece.output))
    if job.error is None:
        job.error = error if named else type(error)(f"{job.piece.source}: {error}")
