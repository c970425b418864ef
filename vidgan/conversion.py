"""A conversion from end to end: inputs to jobs, to tasks, to actors, and results to files."""

import contextlib
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from safetensors.torch import save

from cluster.errors import ClusterError, PoisonItemError
from cluster.pool import map_unordered
from cluster.session import session
from cyclegan.precision import Precision
from cyclegan.weights import LoadedGenerator
from vidgan import __version__
from vidgan.crew import Crew, share_out
from vidgan.errors import SettingsError, VidganError, WorkerError
from vidgan.inputs import Piece, plan
from vidgan.jobs import FileReport, Job, JobSettings, open_job
from vidgan.models import Direction, find_model, read_model, weights_file
from vidgan.progress import Progress, Silent
from vidgan.report import Report
from vidgan.tasks import Recipe, Result, Task, TranslatorSettings
from vidgan.worker import FilmWorker

CHUNK_FRAMES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All choices of a conversion; None leaves one to the model, the machine or the container.

    Raises:
        SettingsError: a choice out of range, or two that contradict each other.
    """

    pair: str | None = None
    weights: Path | None = None
    direction: Direction = "a2b"
    workers: int | None = None
    device: str = "auto"
    precision: Precision = "auto"
    size: int | None = None
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    chunk_frames: int = CHUNK_FRAMES
    address: str | None = None
    overwrite: bool = False
    resume: bool = True

    def __post_init__(self) -> None:
        if (self.pair is None) == (self.weights is None):
            raise SettingsError("say which model: either --pair NAME or --weights FILE")
        for name, value, least in (
            ("workers", self.workers, 1),
            ("size", self.size, 0),
            ("chunk-frames", self.chunk_frames, 1),
        ):
            if value is not None and value < least:
                raise SettingsError(f"--{name} {value}: must be {least} or more")


def convert(
    source: str | Path,
    output: str | Path | None = None,
    *,
    pair: str | None = None,
    weights: str | Path | None = None,
    direction: Direction = "a2b",
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
    progress = progress or Silent()
    chosen = _choose_model(options)
    pieces = plan(inputs, output, chosen.label)
    with contextlib.ExitStack() as held:
        jobs, reports, failures = _open_jobs(pieces, chosen, options, held)
        crew = Crew.nobody()
        if jobs:
            crew = _run(jobs, chosen, options, progress, held)
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


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A generator, what to call it, and how it wants to see frames."""

    label: str
    generator: LoadedGenerator
    weights: bytes
    size: int


def _choose_model(options: Options) -> _Chosen:
    if options.pair is not None:
        model = find_model(options.pair)
        path, label, size = model.path, options.pair, model.card.size
    else:
        assert options.weights is not None
        path = weights_file(options.weights, options.direction)
        inside_run = options.weights.is_dir()
        label = f"{options.weights.resolve().name}.{path.stem}" if inside_run else path.stem
        size = 0
    generator = read_model(path)
    weights = save(generator.network.state_dict())
    return _Chosen(label, generator, weights, size if options.size is None else options.size)


def _open_jobs(
    pieces: Sequence[Piece], chosen: _Chosen, options: Options, held: contextlib.ExitStack
) -> tuple[list[Job], list[FileReport], list[VidganError]]:
    settings = JobSettings(
        digest=_digest(chosen, options),
        chunk_frames=options.chunk_frames,
        codec=options.codec,
        crf=options.crf,
        preset=options.preset,
        overwrite=options.overwrite,
        resume=options.resume,
    )
    jobs: list[Job] = []
    reports: list[FileReport] = []
    failures: list[VidganError] = []
    for piece in pieces:
        try:
            job = open_job(len(jobs), piece, settings)
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


def _digest(chosen: _Chosen, options: Options) -> bytes:
    """Of all that decides what a frame becomes; a chunk made otherwise is not used again."""
    facts = (
        hashlib.sha256(chosen.weights).hexdigest(),
        chosen.generator.config,
        chosen.size,
        options.device,
        options.precision,
        (__version__, version("torch"), version("av")),
    )
    return repr(facts).encode()


def _run(
    jobs: list[Job],
    chosen: _Chosen,
    options: Options,
    progress: Progress,
    held: contextlib.ExitStack,
) -> Crew:
    progress.start(sum(job.frames_expected for job in jobs))
    held.callback(progress.stop)
    try:
        cluster = held.enter_context(session(address=options.address, preload=("vidgan.worker",)))
        crew = share_out(cluster, workers=options.workers, device=options.device)
        recipe = Recipe(
            generator=chosen.generator.config,
            weights=chosen.weights,
            translator=TranslatorSettings(
                device=crew.device, precision=options.precision, size=chosen.size
            ),
            lanes=crew.lanes,
        )
        origin: list[int] = []
        results = map_unordered(
            FilmWorker,
            _tasks(jobs, origin, progress),
            shared=recipe,
            workers=crew.workers,
            cpus_per_worker=crew.cpus_per_worker,
            gpus_per_worker=crew.gpus_per_worker,
            on_event=progress.hear,
        )
        with contextlib.closing(results):
            for _, result in results:
                _take(jobs[result.job], result, progress)
    except PoisonItemError as error:
        source = jobs[origin[error.position]].piece.source
        raise WorkerError(
            f"{source}: one part of it brought down its worker {error.attempts} times "
            f"({error.reason}); what is finished is kept"
        ) from error
    except ClusterError as error:
        raise WorkerError(str(error)) from error
    return crew


def _tasks(jobs: Sequence[Job], origin: list[int], progress: Progress) -> Iterator[Task]:
    """All tasks of all jobs, in order; `origin` notes which job each came from.

    A job of which nothing is left to do, after a crash in the join for one, is finished here.
    """
    for job in jobs:
        try:
            for task in job.tasks():
                if job.error is not None:
                    break
                origin.append(job.number)
                yield task
        except VidganError as error:
            job.error = job.error or error
        progress.reused(job.frames_reused)
        _finish_if_complete(job, progress)


def _take(job: Job, result: Result, progress: Progress) -> None:
    if isinstance(result.value, VidganError):
        job.error = job.error or result.value
    if job.error is not None:
        return
    try:
        index, frames = job.take(result)
        progress.done((job.number, index), frames)
    except VidganError as error:
        job.error = error
    _finish_if_complete(job, progress)


def _finish_if_complete(job: Job, progress: Progress) -> None:
    if not job.complete or job.error is not None or job.report is not None:
        return
    progress.joining(job.piece.output)
    try:
        job.report = job.finish()
    except VidganError as error:
        job.error = error
