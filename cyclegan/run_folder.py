"""A training on disk: a folder that holds all it takes to go on, and the generators so far.

RUN/config.json          the training, as `TrainConfig`; a resumed run must ask for the same
RUN/checkpoint.pt        the last whole state
RUN/healthy.pt           the last one in which the guard saw nothing
RUN/a2b.safetensors      the averaged generators at the last state
RUN/b2a.safetensors
RUN/every/00012000/      the same two, every so many images
RUN/log.jsonl            one line of losses and speed per interval
RUN/start.safetensors    the networks it began with, if those were not new
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cyclegan.atomic import write_atomically
from cyclegan.checkpoint import (
    WeightsError,
    load_checkpoint,
    save_checkpoint,
    save_generator,
)
from cyclegan.state import LearningState, State
from cyclegan.train_config import (
    AnyPlan,
    Plan,
    TrainConfig,
    config_to_json,
    plan_from_json,
)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a training keeps what it needs."""

    path: Path

    @property
    def config(self) -> Path:
        """The settings."""
        return self.path / "config.json"

    @property
    def checkpoint(self) -> Path:
        """The last whole state."""
        return self.path / "checkpoint.pt"

    @property
    def healthy(self) -> Path:
        """The last state in which the guard saw nothing."""
        return self.path / "healthy.pt"

    @property
    def log(self) -> Path:
        """Losses and speed, a line per interval."""
        return self.path / "log.jsonl"

    @property
    def start(self) -> Path:
        """The networks it began with (`cyclegan.start`), if those were not new."""
        return self.path / "start.safetensors"

    @property
    def guard(self) -> Path:
        """What the guard has said, an event a line; the guard's own."""
        return self.path / "guard.jsonl"

    def every(self, images: int) -> Path:
        """The folder of the generators as they were after so many images."""
        return self.path / "every" / f"{images:08d}"

    def read_config(self) -> TrainConfig:
        """The settings of the CycleGAN's run that is here.

        Raises:
            WeightsError: there is none, or it cannot be read.
        """
        return self.read_plan(TrainConfig)

    def read_plan(self, kind: type[AnyPlan]) -> AnyPlan:
        """The settings of the run that is here, which must be of this kind.

        Raises:
            WeightsError: there is none, or it cannot be read.
        """
        try:
            return plan_from_json(self.config.read_text(), kind)
        except FileNotFoundError as exc:
            raise WeightsError(f"{self.path} holds no run: train without --resume first") from exc
        except (OSError, ValueError) as exc:
            raise WeightsError(f"{self.config} cannot be used: {exc}") from exc

    def begin(self, config: Plan) -> None:
        """Make the folder of a new run, and write its settings down.

        Raises:
            WeightsError: another run is here, or the folder cannot be written.
        """
        text = config_to_json(config)
        if self.checkpoint.exists():
            raise WeightsError(
                f"{self.path} holds a run already: add --resume, or choose another --out"
            )
        if self.config.is_file() and self.config.read_bytes() != text.encode():
            raise WeightsError(
                f"{self.config} is of a training with other settings: remove it, "
                "or choose another --out"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for left in (self.healthy, self.start):  # of a run whose checkpoint was taken away
                left.unlink(missing_ok=True)
            write_atomically(self.config, lambda part: part.write_bytes(text.encode()))
        except OSError as exc:
            raise WeightsError(
                f"{self.path} cannot be written ({exc.strerror}): choose another --out"
            ) from exc

    def state_to_resume(self, config: Plan) -> State | None:
        """The last state of the run that is here; None where it ended before its first.

        Raises:
            WeightsError: no run is here, one of other settings, or its state cannot be read.
        """
        if self.read_plan(type(config)) != config:
            raise WeightsError(
                f"{self.path} was trained with other settings (see {self.config}): "
                "resume with the same ones, or choose another --out"
            )
        return load_checkpoint(self.checkpoint) if self.checkpoint.exists() else None

    def save_state(self, content: State, *, healthy: bool) -> None:
        """Write a whole state; also as the last healthy one, without writing it twice.

        Raises:
            OSError: no room, no permission; what was there stays.
        """
        save_checkpoint(content, self.checkpoint)
        if healthy:
            write_atomically(self.healthy, self._link_checkpoint)

    def _link_checkpoint(self, part: Path) -> None:
        try:
            os.link(self.checkpoint, part)
        except OSError:  # a file system without hard links
            shutil.copyfile(self.checkpoint, part)

    def save_generators(self, state: LearningState, config: Plan, folder: Path) -> None:
        """Write the averaged generators to `folder`, which is made if need be.

        Raises:
            OSError: no room, no permission.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, network in state.averages().items():
            file = folder / f"{name}.safetensors"
            save_generator(network, config.generator_of(name), file, metadata=state.metadata())

    def cut_log(self, step: int) -> None:
        """Forget what was logged after `step`: a resumed run will take those steps again."""
        if self.log.exists():
            lines = [line for line in self.log.read_bytes().splitlines(True) if _step(line) <= step]
            write_atomically(self.log, partial(_write, b"".join(lines)))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the run to ourselves inside the block; the system frees it if we are killed.

        Raises:
            WeightsError: another process is training in this folder.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("a")
        except OSError as exc:
            raise WeightsError(
                f"{self.path} cannot be written ({exc.strerror}): choose another --out"
            ) from exc
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                raise WeightsError(
                    f"{self.path} is in use by another training: wait for it, stop it, or choose "
                    "another --out"
                ) from exc
            for part in self.path.glob("*.part"):  # of writes that were killed
                part.unlink()
            try:
                yield
            finally:
                self._forget_if_empty()

    def _forget_if_empty(self) -> None:
        """Leave nothing of a run that never began."""
        if not self.config.exists():
            (self.path / ".lock").unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self.path.rmdir()


def _write(content: bytes, path: Path) -> int:
    return path.write_bytes(content)


def _step(line: bytes) -> int:
    """The step of a line of a log; one that was cut off by a crash is of no step."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 1 << 62
