"""What one process does with a training: this one, or each worker of a cluster."""

import os
import time
from collections.abc import Callable

import torch

from cluster.member import Member
from cyclegan.allocator import keep_freed_memory
from cyclegan.checkpoint import WeightsError
from cyclegan.data import DataError
from cyclegan.distill import StudentResult
from cyclegan.learning import Result
from cyclegan.loading import choose_loading
from cyclegan.recorder import loss_values
from cyclegan.run import Listeners, RunOptions, Stopped, run_learning, run_training
from cyclegan.run_folder import RunFolder
from cyclegan.state import TrainingError
from cyclegan.student import StudentLearning, StudentState
from cyclegan.team import Alone, Distributed, Team
from cyclegan.training import Progress
from cyclegan.weights import load_generator
from vidgan.training.job import (
    AnyJob,
    Failed,
    HasStopped,
    Job,
    Message,
    StudentJob,
    Told,
    Warned,
)
from vidgan.training.listeners import guard_for, watchers_for

TELL_SECONDS = 0.25

NAMED = (DataError, WeightsError, TrainingError)
"""What ends a training in a way that its user can do something about."""


def train_as_member(member: Member, job: AnyJob) -> None:
    """A worker's part; every worker of the cluster runs this."""
    team: Team = Distributed() if job.config.workers > 1 else Alone()
    try:
        train_job(job, member.device, team, tell=member.post, should_stop=member.should_stop)
    except NAMED as error:
        member.post(Failed(error))
    except Stopped:
        if team.rank == 0:
            member.post(HasStopped())


def train_job(
    job: AnyJob,
    device: torch.device,
    team: Team,
    *,
    tell: Callable[[Message], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train as one of a team; rank 0 tells how far it is.

    Raises:
        DataError, WeightsError, TrainingError: as `run_training`.
        Stopped: it was asked to stop.
    """
    keep_freed_memory()

    def warn(text: str) -> None:
        tell(Warned(text))

    loading = choose_loading(ranks_here=ranks_here(team), on_gpu=device.type == "cuda")
    data = job.dataset(memory=loading.memory)
    options = RunOptions(
        device=device,
        checkpoint_seconds=job.checkpoint_seconds,
        keep_images=job.keep_images,
        loader_threads=loading.threads,
        resume=job.resume,
    )
    report = _Teller(tell)
    match job:
        case Job():
            is_first = team.rank == 0
            run_training(
                job.config,
                data,
                job.out,
                options=options,
                listeners=Listeners(
                    report=report,
                    warn=warn,
                    should_stop=should_stop,
                    watchers=watchers_for(job, warn) if is_first else (),
                    guard=guard_for(job, warn) if is_first else guard_for(None, warn),
                ),
                team=team,
            )
        case StudentJob():
            heard: Listeners[StudentState, StudentResult] = Listeners(
                report=report, warn=warn, should_stop=should_stop
            )
            run_learning(_student(job), data, job.out, options=options, listeners=heard, team=team)


def ranks_here(team: Team) -> int:
    """How many of the team share this machine, which Ray Train says as torchrun does."""
    return min(team.size, int(os.environ.get("LOCAL_WORLD_SIZE", team.size)))


def _student(job: StudentJob) -> StudentLearning:
    start = RunFolder(job.out).start if job.config.start else None
    return StudentLearning(job.config, load_generator(job.teacher), job.about, start)


class _Teller:
    """Tells now and then how far it is: each telling waits for the device, and is a message."""

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self._tell = tell
        self._told_at = 0.0
        self._seconds = self._waiting = 0.0

    def __call__(self, progress: Progress[Result]) -> None:
        self._seconds += progress.seconds
        self._waiting += progress.waiting
        now = time.monotonic()
        if now - self._told_at < TELL_SECONDS and progress.step < progress.steps:
            return
        self._tell(
            Told(
                step=progress.step,
                steps=progress.steps,
                images=progress.images,
                waiting=self._waiting / self._seconds,
                skipped=progress.skipped,
                losses=loss_values(progress.result.losses),
            )
        )
        self._told_at = now
        self._seconds = self._waiting = 0.0
