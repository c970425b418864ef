"""A conversion from end to end: inputs to jobs, to tasks, to actors, and results to files."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from cluster.actor import Event
from cluster.errors import ClusterError
from cluster.pace import Patience
from cluster.pool import map_unordered
from cluster.session import Session, describe, machine, names_a_cluster, session
from cluster.versions import installed
from cyclegan.direction import Direction
from cyclegan.precision import Precision
from vidgan.account import Account
from vidgan.batch import Batch
from vidgan.choice import Choice, choose_model, digest
from vidgan.crew import Crew, Share, share_out
from vidgan.errors import OutputError, VidganError, WorkerError
from vidgan.held_folders import held_folder
from vidgan.inputs import Failure, Piece, named_failures, plan
from vidgan.jobs import Job, bytes_of, open_jobs
from vidgan.media.part import Part
from vidgan.media.streams import Streams
from vidgan.media.types import Compare, Deinterlace, Treatment
from vidgan.options import RETRIES, Options
from vidgan.places import Place, as_place
from vidgan.progress import Progress
from vidgan.report import FileReport, Report
from vidgan.report_file import write_reports
from vidgan.tasks import Recipe, cost_of, make_worker


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
    steady: float | None = None,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    compare: Compare | None = None,
    deinterlace: Deinterlace = "auto",
    background: tuple[int, int, int] | None = None,
    tonemap: bool = False,
    audio: bool = True,
    maps: Sequence[str] = (),
    rate: Fraction | None = None,
    start: Fraction | float | None = None,
    end: Fraction | float | None = None,
    every: int = 1,
    chunk_frames: int | None = None,
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
        steady=steady,
        codec=codec,
        crf=crf,
        preset=preset,
        treatment=Treatment(
            compare=compare, deinterlace=deinterlace, background=background, tonemap=tonemap
        ),
        streams=Streams.parse(maps, audio=audio),
        rate=rate,
        part=Part(
            start=None if start is None else Fraction(start),
            end=None if end is None else Fraction(end),
            every=every,
        ),
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
    choice = choose_model(options)
    options = replace(options, steady=choice.steady)
    pieces, failures = plan(inputs, output, choice.label)
    folders = dict.fromkeys(piece.folder for piece in pieces if piece.folder is not None)
    run = _Run(failed=failures, progress=progress or Progress())
    try:
        with contextlib.ExitStack() as held:
            held.callback(run.progress.stop)
            if names_a_cluster(options.address):  # which may not answer: better known at once
                _connect(run, options, held)
            for folder in folders:
                held.enter_context(held_folder(folder, pieces))
            with run.account.clock.stage("demux"):
                _open_jobs(run, pieces, options, choice.purpose(options), held)
            if run.jobs:
                _convert_jobs(run, choice, options, held)
    except (KeyboardInterrupt, WorkerError) as end:
        if run.jobs:
            write_reports(run.report(end), folders, interrupted=isinstance(end, KeyboardInterrupt))
        raise
    report = run.report()
    return replace(report, notes=tuple(write_reports(report, folders)))


@dataclass(eq=False, kw_only=True)
class _Run:
    """What has become of the inputs by now."""

    failed: list[Failure]
    """Those that never became jobs."""
    progress: Progress
    done: list[FileReport] = field(default_factory=list)
    """Those of which nothing was left to do."""
    jobs: list[Job] = field(default_factory=list)
    cluster: Session | None = None
    crew: Crew = field(default_factory=Crew.nobody)
    account: Account = field(default_factory=Account)
    started: float = field(default_factory=time.monotonic)

    def report(self, end: BaseException | None = None) -> Report:
        """All of it; jobs that are not done had no chance before the `end`."""
        failed = [*self.failed]
        unfinished = (
            end if isinstance(end, VidganError) else OutputError("interrupted; run it again")
        )
        for job in self.jobs:
            if job.report is None:
                error = job.error or unfinished
                place = job.piece
                failed.append(Failure(source=place.source, output=place.output, error=error))
        return Report(
            files=(*self.done, *(job.report for job in self.jobs if job.report is not None)),
            failed=tuple(failed),
            seconds=time.monotonic() - self.started,
            workers=self.crew.workers,
            device=self.crew.device,
            stages=self.account.seconds,
            retries=self.account.retries,
            workers_lost=self.account.workers_lost,
        )


def _open_jobs(
    run: _Run,
    pieces: Sequence[Piece],
    options: Options,
    purpose: bytes,
    held: contextlib.ExitStack,
) -> None:
    """Look through all inputs, so that what cannot be converted is refused before any work.

    Raises:
        SettingsError: with these options nothing can be converted at all.
    """
    run.progress.looking(bytes_of(pieces))
    opened = open_jobs(pieces, options, purpose, run.progress.looked)
    with contextlib.closing(opened):
        for piece, job in zip(pieces, opened, strict=True):
            if isinstance(job, VidganError):
                run.failed.append(Failure(source=piece.source, output=piece.output, error=job))
            elif isinstance(job, FileReport):
                run.done.append(job)
            else:
                held.callback(job.close)
                run.jobs.append(job)
    run.failed[:] = named_failures(run.failed, of=len(pieces))


def _convert_jobs(run: _Run, choice: Choice, options: Options, held: contextlib.ExitStack) -> None:
    """Do all jobs; one that fails, or whose part brings workers down, stops no other."""
    chunks = _chunks(run)
    run.progress.start(sum(job.count.frames for job in run.jobs), chunks)
    cluster = run.cluster or _connect(run, options, held)
    run.account.connect()
    held.callback(run.account.disconnect)
    run.crew = _crew(cluster, options, gpus_may_come=options.wait is not None).at_most(chunks)
    recipe = choice.recipe(run.crew, options.precision)
    batch = held.enter_context(Batch(run.jobs, run.progress, run.account))
    try:
        _map(batch, recipe, run, options, chunks)
        batch.finish()
    except ClusterError as error:
        batch.give_up(WorkerError(str(error)))
    except OutputError as error:
        batch.give_up(error)


def _chunks(run: _Run) -> int:
    return sum(job.count.chunks for job in run.jobs)


def _connect(run: _Run, options: Options, held: contextlib.ExitStack) -> Session:
    try:
        with run.account.clock.stage("start"):
            entered = session(
                address=options.address,
                workers=_crew(machine(), options, gpus_may_come=True).at_most(_chunks(run)).workers,
                preload=("vidgan.worker",),
            )
            run.cluster = held.enter_context(entered)
    except ClusterError as error:
        raise WorkerError(str(error)) from error
    return run.cluster


def _crew(cluster: Session, options: Options, *, gpus_may_come: bool) -> Crew:
    return share_out(
        cluster,
        workers=options.workers,
        device=options.device,
        share=Share(
            cpus=options.cpus_per_worker,
            gpus=options.gpus_per_worker,
            resources=options.resources,
        ),
        gpus_may_come=gpus_may_come,
    )


def _map(batch: Batch, recipe: Recipe, run: _Run, options: Options, chunks: int) -> None:
    """Hand all tasks to the workers, and take the results as they come."""
    crew = run.crew

    def hear(event: Event) -> None:
        run.account.hear(event)
        run.progress.hear(event)

    def room() -> int:
        """Machines that join later get workers, too; not where their number was chosen."""
        return min(chunks, options.workers or describe().places(crew.needs))

    results = map_unordered(
        make_worker,
        batch.tasks(digest(recipe)),
        shared=recipe,
        workers=crew.workers,
        cpus_per_worker=crew.cpus_per_worker,
        gpus_per_worker=crew.gpus_per_worker,
        resources=dict(crew.resources),
        room=room,
        versions=installed(("vidgan", "torch", "av", "pillow")),
        cost=cost_of,
        max_attempts=options.retries + 1,
        patience=Patience() if options.wait is None else Patience(place=options.wait),
        on_event=hear,
    )
    with contextlib.closing(results):
        for position, result in run.account.clock.each("waiting", results):
            batch.take(position, result)
