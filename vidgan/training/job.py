"""What one training is, for this process or for the workers of a cluster, and what they tell."""

from dataclasses import dataclass
from pathlib import Path

from cyclegan.data import Crops, UnpairedImages
from cyclegan.student import StudentConfig
from cyclegan.train_config import TrainConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a worker needs; paths are absolute, and must be there on each machine."""

    config: TrainConfig
    out: Path
    train_a: tuple[Path, ...]
    train_b: tuple[Path, ...]
    held_out_a: tuple[Path, ...]
    held_out_b: tuple[Path, ...]
    resume: bool
    checkpoint_seconds: float
    keep_images: int
    sample_images: int
    """Pictures of the training are drawn each time so many images were seen; 0: never."""

    def dataset(self, *, memory: int) -> UnpairedImages:
        """The training's own stream of pictures, whole steps of it; `memory` keeps some, bytes."""
        config = self.config
        return UnpairedImages(
            list(self.train_a),
            list(self.train_b),
            preprocess=config.preprocess,
            seed=config.seed,
            images=config.steps * config.images_per_step,
            memory=memory,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentJob:
    """All that a worker of a student's training needs; paths as in `Job`."""

    config: StudentConfig
    out: Path
    teacher: Path
    """Its file; one of the run's own, so that it stays what it was."""
    about: dict[str, str]
    """What the student's file says besides: its card, and who taught it."""
    train: tuple[Path, ...]
    targets: tuple[Path, ...]
    """Pictures of the domain that the teacher translates to; may be empty."""
    resume: bool
    checkpoint_seconds: float
    keep_images: int

    def dataset(self, *, memory: int) -> Crops:
        """The training's own stream of pictures; `memory` keeps some, bytes."""
        config = self.config
        return Crops(
            *(list(domain) for domain in (self.train, self.targets) if domain),
            preprocess=config.preprocess,
            seed=config.seed,
            images=config.steps * config.images_per_step,
            memory=memory,
        )


AnyJob = Job | StudentJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How far a training is."""

    step: int
    steps: int
    images: int
    waiting: float
    """The share of the last steps' time that was spent waiting for data."""
    skipped: int
    losses: dict[str, float]


@dataclass(frozen=True, slots=True)
class Warned:
    """Something went wrong that did not end the training."""

    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The training has ended, and why; `error` is one that users are told as it stands."""

    error: Exception


@dataclass(frozen=True, slots=True)
class HasStopped:
    """The training was asked to stop, and has saved its state."""


Message = Told | Warned | Failed | HasStopped
