"""A training on its way: in this process, or in the workers of a cluster."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import torch

from cluster.errors import ClusterError
from cluster.session import session
from cluster.shares import share_of_each
from cluster.trainer import Lost, run_workers
from cyclegan.checkpoint import WeightsError
from cyclegan.data import DataError
from cyclegan.interrupt import interrupt_held
from cyclegan.precision import resolve_precision
from cyclegan.state import TrainingError
from cyclegan.team import Alone
from cyclegan.translator import resolve_device
from vidgan.errors import InputError, ModelError, SettingsError, WorkerError
from vidgan.training.bar import TrainingBar
from vidgan.training.job import AnyJob, Failed, HasStopped, Message, Told, Warned
from vidgan.training.work import train_as_member, train_job

Prepare = Callable[[int | None], AnyJob]
"""Makes the run's folder ready for so many workers of a cluster, None for this process alone, and
says what they need."""


def launch(prepare: Prepare, options: dict[str, Any], *, quiet: bool) -> None:
    """Carry a training out as the options say: workers, address, device, threads.

    Raises:
        SettingsError: no such device.
        DataError, WeightsError, TrainingError, ClusterError: see `named_errors`.
        KeyboardInterrupt: it was stopped; its last state is saved.
    """
    if _takes_a_cluster(options):
        _on_cluster(prepare, options, quiet=quiet)
    else:
        _here(prepare, options, quiet=quiet)


@contextmanager
def named_errors() -> Iterator[None]:
    """The libraries' errors as those that users are told."""
    try:
        yield
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
    if options.get("alone"):
        return False
    # As a conversion has it, and a Ray job; "local" is this machine.
    if os.environ.get("RAY_ADDRESS", "local") not in ("", "local"):
        return True
    return options["device"] != "cpu" and torch.cuda.device_count() > 1


def _here(prepare: Prepare, options: dict[str, Any], *, quiet: bool) -> None:
    try:
        device = resolve_device(options["device"])
    except ValueError as exc:
        raise SettingsError(f"--device {options['device']}: {exc}") from exc
    if options["threads"] is not None:
        torch.set_num_threads(options["threads"])
    _check_precision(options, device)
    job = prepare(None)
    with TrainingBar(job, quiet=quiet) as bar:
        train_job(job, device, Alone(), tell=lambda message: _hear(message, bar))


def _on_cluster(prepare: Prepare, options: dict[str, Any], *, quiet: bool) -> None:
    # No workers ahead: Ray Train's processes have an environment of their own, and are new ones.
    with session(address=options["address"]) as cluster:
        resources = share_of_each(cluster, workers=options["workers"], device=options["device"])
        _check_precision(options, torch.device("cuda" if resources.gpus else "cpu"))
        job = prepare(resources.workers)
        with TrainingBar(job, quiet=quiet) as bar, interrupt_held() as pressed:
            messages = run_workers(
                train_as_member, job, resources, storage=job.out, should_stop=pressed
            )
            with closing(messages):  # whatever ends this, no worker is left
                _hear_all(messages, job, bar)


def _hear_all(messages: Iterator[object], job: AnyJob, bar: TrainingBar) -> None:
    """Show what workers say; and where they go on from, when one was lost."""
    lost: Lost | None = None
    for message in messages:
        if isinstance(message, Lost):
            lost = message
            continue
        assert isinstance(message, Message)
        if lost is not None and isinstance(message, Told):
            start = message.images - job.config.images_per_step  # told after the first step
            bar.say(f"workers were lost ({lost.reason}); training goes on from image {start:,}")
            lost = None
        _hear(message, bar)


def _check_precision(options: dict[str, Any], device: torch.device) -> None:
    try:
        resolve_precision(options["precision"], device.type, training=True)
    except ValueError as exc:
        raise SettingsError(f"--precision {options['precision']}: {exc}") from exc


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
