"""What a run writes down while it trains: a log, checkpoints, generators now and then."""

import json
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from cyclegan.learning import Result
from cyclegan.run_folder import RunFolder
from cyclegan.state import LearningState, collect
from cyclegan.team import Team
from cyclegan.train_config import Plan
from cyclegan.training import Progress

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Warn = Callable[[str], None]


class Recorder:
    """Hears each step of a run and says when a checkpoint is due; one for each worker.

    Only rank 0 writes. A disk that is full costs a warning and the newest checkpoint, never the
    training: the one before stays, and the next may find room.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: Plan,
        state: LearningState,
        team: Team,
        *,
        log_steps: int,
        checkpoint_seconds: float,
        keep_images: int,
        warn: Warn,
    ) -> None:
        self._folder, self._config, self._state, self._team = folder, config, state, team
        self._log_steps, self._checkpoint_seconds = log_steps, checkpoint_seconds
        self._keep_images, self._warn = keep_images, warn
        self._saved_at = time.monotonic()
        self._seconds = self._waiting = 0.0
        self._steps = 0

    def hear(self, progress: Progress[Result]) -> None:
        """Log now and then; rank 0's alone."""
        self._seconds += progress.seconds
        self._waiting += progress.waiting
        self._steps += 1
        if progress.step % self._log_steps == 0 or progress.step == progress.steps:
            self._guarded(self._folder.log, lambda: self._log(progress))
            self._seconds = self._waiting = 0.0
            self._steps = 0
        if self._keep_images and self._passed(progress, self._keep_images):
            self._guarded(self._folder.every(progress.images), lambda: self._keep(progress.images))

    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() - self._saved_at >= self._checkpoint_seconds

    def save(self, *, healthy: bool) -> None:
        """Write the state and the averaged generators; all workers must call it together.

        Raises:
            TrainingError: they are not finite; the files stay as they were.
        """
        self._state.require_finite()
        content = collect(self._state, self._team)
        if content is not None:
            self._guarded(
                self._folder.checkpoint,
                lambda: self._folder.save_state(content, healthy=healthy),
            )
            self._guarded(
                self._folder.path,
                lambda: self._folder.save_generators(self._state, self._config, self._folder.path),
            )
        self._saved_at = time.monotonic()

    def _passed(self, progress: Progress[Result], interval: int) -> bool:
        """Whether this step is the one that completes another `interval` images."""
        before = (progress.step - 1) * self._config.images_per_step
        return progress.images // interval > before // interval

    def _keep(self, images: int) -> None:
        self._folder.save_generators(self._state, self._config, self._folder.every(images))

    def _guarded(self, path: Path, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._warn(
                f"{path} could not be written ({error.strerror}); the training goes on, and what "
                "was there before stays: make room"
            )

    def _log(self, progress: Progress[Result]) -> None:
        line = {
            "step": progress.step,
            "images": progress.images,
            "lr_scale": round(progress.lr_scale, 6),
            "seconds_per_step": round(self._seconds / self._steps, 4),
            "images_per_second": round(
                self._steps * self._config.images_per_step / self._seconds, 3
            ),
            "waiting": round(self._waiting / self._seconds, 4),
            "skipped": progress.skipped,
            **loss_values(progress.result.losses),
        }
        with self._folder.log.open("a") as log:
            log.write(json.dumps(line) + "\n")


def loss_values(losses: "DataclassInstance") -> dict[str, float]:
    """The losses as plain numbers, by name."""
    return {spec.name: round(float(getattr(losses, spec.name)), 5) for spec in fields(losses)}
