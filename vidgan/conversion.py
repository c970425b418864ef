"""A conversion from end to end: inputs to jobs, to tasks, to actors, and results to files."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.errors import ClusterError
from cluster.pace import Patience
from cluster.pool import map_unordered
from cluster.session import Session, describe, session
from cluster.versions import installed
from cyclegan.precision import Precision
from vidgan.batch import Batch
from vidgan.choice import Choice, choose_model, digest
from vidgan.crew import Crew, Share, share_out
from vidgan.errors import OutputError, SettingsError, VidganError, WorkerError
from vidgan.inputs import Piece, plan
from vidgan.jobs import Job, open_job
from vidgan.media.chunks import CHUNK_FRAMES
from vidgan.models import Direction
from vidgan.options import RETRIES, Options
from vidgan.places import Place, as_place, size_of
from vidgan.progress import Progress
from vidgan.report import FileReport, Report
from vidgan.tasks import Recipe, cost_of
from vidgan.worker import FilmWorker


def convert(
    source: str | Place,
    output: str | Place | None = None,
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
    cpus_per_worker: float | None = None,
    gpus_per_worker: float | None = None,
    resources: Mapping[str, float] | None = None,
    retries: int = RETRIES,
    wait: float | None = None,
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
        cpus_per_worker=cpus_per_worker,
        gpus_per_worker=gpus_per_worker,
        resources=tuple((resources or {}).items()),
        retries=retries,
        wait=wait,
        overwrite=overwrite,
        resume=resume,
    )
    report = convert_all([as_place(source)], None if output is None else as_place(output), options)
    if len(report.failures) > 1:
        raise VidganError("; ".join(map(str, report.failures)))
    if report.failures:
        raise report.failures[0]
    return report


def convert_all(
    inputs: Sequence[Place],
    output: Place | None,
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


def _size(place: Place) -> int:
    try:
        return size_of(place)
    except (OSError, VidganError):  # whatever it is, the job says it better
        return 0


def _run(
    jobs: list[Job],
    choice: Choice,
    options: Options,
    progress: Progress,
    held: contextlib.ExitStack,
) -> Crew:
    """Do all jobs; one that fails, or whose part brings workers down, stops no other."""
    chunks = sum(job.count.chunks for job in jobs)
    progress.start(sum(job.count.frames for job in jobs), chunks)
    try:
        cluster = held.enter_context(session(address=options.address, preload=("vidgan.worker",)))
    except ClusterError as error:
        raise WorkerError(str(error)) from error
    crew = _crew(cluster, options).at_most(chunks)
    recipe = choice.recipe(crew, options.precision)
    batch = held.enter_context(Batch(jobs, progress))
    try:
        _map(batch, recipe, crew, options, chunks, progress)
        batch.finish()
    except ClusterError as error:
        batch.give_up(WorkerError(str(error)))
    except OutputError as error:
        batch.give_up(error)
    return crew


def _crew(cluster: Session, options: Options) -> Crew:
    return share_out(
        cluster,
        workers=options.workers,
        device=options.device,
        share=Share(
            cpus=options.cpus_per_worker,
            gpus=options.gpus_per_worker,
            resources=options.resources,
        ),
        gpus_may_come=options.wait is not None,
    )


def _map(
    batch: Batch, recipe: Recipe, crew: Crew, options: Options, chunks: int, progress: Progress
) -> None:
    """Hand all tasks to the workers, and take the results as they come."""

    def room() -> int:
        """Machines that join later get workers, too; not where their number was chosen."""
        return min(chunks, options.workers or describe().places(crew.needs))

    results = map_unordered(
        FilmWorker,
        batch.tasks(digest(recipe)),
        shared=recipe,
        workers=crew.workers,
        cpus_per_worker=crew.cpus_per_worker,
        gpus_per_worker=crew.gpus_per_worker,
        resources=dict(crew.resources),
        room=room,
        versions=installed(("vidgan", "torch", "av")),
        cost=cost_of,
        max_attempts=options.retries + 1,
        patience=Patience() if options.wait is None else Patience(place=options.wait),
        on_event=progress.hear,
    )
    with contextlib.closing(results):
        for position, result in results:
            batch.take(position, result)
