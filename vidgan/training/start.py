"""`vidgan train`: from options to a finished run."""

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

import torch

from cluster.errors import ClusterError
from cluster.session import session
from cluster.trainer import run_workers, share_of_each
from cyclegan.checkpoint import WeightsError
from cyclegan.data import DataError
from cyclegan.interrupt import interrupt_held
from cyclegan.run_folder import RunFolder
from cyclegan.state import TrainingError
from cyclegan.team import Alone
from cyclegan.train_config import TrainConfig, config_to_json
from cyclegan.translator import resolve_device
from vidgan.errors import InputError, ModelError, SettingsError, WorkerError
from vidgan.training.bar import FramesBar, TrainingBar
from vidgan.training.job import Failed, HasStopped, Job, Message, Told, Warned
from vidgan.training.settings import DATA, FREE, options_to_resume, save_options, train_config
from vidgan.training.sources import Domains, resolve_sources
from vidgan.training.work import train_as_member, train_job


def train_pair(
    out: Path,
    *,
    options: dict[str, Any],
    given: Set[str] = frozenset(),
    resume: bool = False,
    dry_run: bool = False,
    quiet: bool = False,
) -> Iterator[str]:
    """Train, and give the lines to print.

    `options` are those of `vidgan train` by name, `given` those that the user named: a resumed
    run takes the others as they were.

    Raises:
        SettingsError: a setting out of range or unknown.
        InputError: a folder of images cannot be used.
        ModelError: the run's folder holds another run, or none to resume; or it diverged.
        WorkerError: the cluster cannot do it.
        KeyboardInterrupt: it was stopped; its last state is saved.
    """
    if resume:
        options = options_to_resume(out, options, given)
    if dry_run:
        yield config_to_json(_config(options, workers=options["workers"] or 1)).rstrip()
        return
    _config(options, workers=1)  # what is wrong with the settings is said before anything starts
    start = _train_on_cluster if _takes_a_cluster(options) else _train_here
    try:
        with RunFolder(out).locked():
            domains = _domains(out, options, quiet=quiet)
            yield from start(out, options, domains, resume=resume, quiet=quiet)
    except DataError as exc:
        raise InputError(str(exc)) from exc
    except (WeightsError, TrainingError) as exc:
        raise ModelError(str(exc)) from exc
    except ClusterError as exc:
        raise WorkerError(str(exc)) from exc


def _takes_a_cluster(options: dict[str, Any]) -> bool:
    """Whether Ray is needed: a single process is up at once, and enough for one device."""
    if options["workers"] is not None or options["address"] is not None:
        return True
    return options["device"] != "cpu" and torch.cuda.device_count() > 1


def _train_here(
    out: Path, options: dict[str, Any], domains: Domains, *, resume: bool, quiet: bool
) -> Iterator[str]:
    try:
        device = resolve_device(options["device"])
    except ValueError as exc:
        raise SettingsError(f"--device {options['device']}: {exc}") from exc
    if options["threads"] is not None:
        torch.set_num_threads(options["threads"])
    job = _prepare(out, options, domains, workers=1, resume=resume)
    with TrainingBar(job, quiet=quiet) as bar:
        train_job(job, device, Alone(), tell=lambda message: _hear(message, bar))
    yield _farewell(job, out)


def _train_on_cluster(
    out: Path, options: dict[str, Any], domains: Domains, *, resume: bool, quiet: bool
) -> Iterator[str]:
    # Nothing to preload: Ray Train's processes have an environment of their own, and are new ones.
    with session(address=options["address"]) as cluster:
        resources = share_of_each(cluster, workers=options["workers"], device=options["device"])
        options = options | {"workers": resources.workers}
        workers = resources.workers
        job = _prepare(out, options, domains, workers=workers, resume=resume)
        with TrainingBar(job, quiet=quiet) as bar, interrupt_held() as pressed:
            for message in run_workers(
                train_as_member, job, resources, storage=job.out, should_stop=pressed
            ):
                assert isinstance(message, Message)
                _hear(message, bar)
    yield _farewell(job, out)


def _hear(message: Message, bar: TrainingBar) -> None:
    match message:
        case Told():
            bar.show(message)
        case Warned(text=text):
            bar.say(text)
        case Failed(error=error):
            raise error
        case HasStopped():
            raise KeyboardInterrupt


def _prepare(
    out: Path,
    options: dict[str, Any],
    domains: Domains,
    *,
    workers: int,
    resume: bool,
) -> Job:
    """Make the run's folder, or find the run that is there; from then on every start resumes."""
    config = _config(options, workers=workers)
    folder = RunFolder(out)
    if resume:
        folder.state_to_resume(config)
    else:
        folder.begin(config)
        save_options(folder.path, options)
    return Job(
        config=config,
        out=out.absolute(),
        train_a=domains.train_a,
        train_b=domains.train_b,
        held_out_a=domains.held_out_a,
        held_out_b=domains.held_out_b,
        resume=True,
        checkpoint_seconds=60 * options["checkpoint_minutes"],
        keep_images=options["keep"],
        sample_images=options["samples"],
    )


def _domains(out: Path, options: dict[str, Any], *, quiet: bool) -> Domains:
    """The pictures of both domains, with a bar while frames are taken out of films."""
    a, b, data = (options[name] and Path(options[name]) for name in ("a", "b", "data"))
    with FramesBar(quiet=quiet) as bar:
        domains = resolve_sources(
            a,
            b,
            data,
            out=out,
            preprocess=_config(options, workers=1).preprocess,
            frames=options["frames"],
            upscale=options["upscale"],
            report=bar.show,
        )
    for warning in domains.warnings:
        bar.say(warning)
    return domains


def _config(options: dict[str, Any], *, workers: int) -> TrainConfig:
    settings = {name: options[name] for name in options.keys() - FREE - DATA - {"workers"}}
    try:
        return train_config(workers=workers, **settings)
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc


def _farewell(job: Job, out: Path) -> str:
    return (
        f"{out}: trained on {job.config.images} images; try it: vidgan convert FILM --weights {out}"
    )
