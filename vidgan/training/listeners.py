"""Who looks on while rank 0 trains: pictures, charts, metrics, and the guard."""

from collections.abc import Callable, Sequence

from cyclegan.guard.journal import Journal
from cyclegan.guard.watch import TrainingGuard
from cyclegan.run import Guard, Unguarded, Watcher
from cyclegan.run_folder import RunFolder
from vidgan.training.job import Job
from vidgan.training.judge import BestKeeper
from vidgan.training.view import View

Warn = Callable[[str], None]


def watchers_for(job: Job, warn: Warn) -> Sequence[Watcher]:
    """All that look on at a training."""
    judge = BestKeeper(job, warn)
    return (judge, View(job, warn, unjudged=lambda: judge.reason))


def guard_for(job: Job | None, warn: Warn) -> Guard:
    """The guard that a training wants; None: of a worker that is not the first."""
    if job is None or job.config.guard == "off":
        return Unguarded()
    return TrainingGuard(job.config, Journal(RunFolder(job.out).guard, warn))
