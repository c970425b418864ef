"""All choices of a conversion, checked before anything is begun."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import get_args

from cyclegan.config import NORM_EPS
from cyclegan.direction import DIRECTIONS, Direction
from cyclegan.precision import Precision
from vidgan.errors import SettingsError
from vidgan.media.part import WHOLE, Part
from vidgan.media.streams import ALL_STREAMS, Streams
from vidgan.media.types import UNTREATED, Treatment

RETRIES = 3
"""How often a part is tried again whose worker died."""
MOST_WORKERS = 10_000
LEAST_AMOUNT = 0.0001
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `vidgan convert` can be told; None leaves a choice to the model, machine or container.

    Raises:
        SettingsError: a choice out of range, or two that contradict each other.
    """

    pair: str | None = None
    weights: Path | None = None
    direction: Direction | None = None
    workers: int | None = None
    device: str = "auto"
    precision: Precision = "auto"
    size: int | None = None
    steady: float | None = None
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    treatment: Treatment = UNTREATED
    streams: Streams = ALL_STREAMS
    rate: Fraction | None = None
    """Of numbered pictures, a second."""
    part: Part = WHOLE
    chunk_frames: int | None = None
    """Frames of a chunk at most; None: see `vidgan.media.chunks.ChunkReader`."""
    address: str | None = None
    cpus_per_worker: float | None = None
    gpus_per_worker: float | None = None
    resources: tuple[tuple[str, float], ...] = ()
    retries: int = RETRIES
    wait: float | None = None
    overwrite: bool = False
    resume: bool = True

    def __post_init__(self) -> None:
        if (self.pair is None) == (self.weights is None):
            raise SettingsError("say which model: either --pair NAME or --weights FILE")
        if self.direction is not None and (self.weights is None or not self.weights.is_dir()):
            raise SettingsError("--direction chooses one of a run's generators: give --weights RUN")
        _check_choice("device", self.device, DEVICES)
        _check_choice("precision", self.precision, get_args(Precision))
        _check_choice("direction", self.direction or "a2b", DIRECTIONS)
        _check_least("workers", self.workers, 1)
        _check_least("retries", self.retries, 0)
        _check_least("size", self.size, 0)
        check_steady(self.steady)
        _check_least("chunk-frames", self.chunk_frames, 1)
        _check_most("workers", self.workers, MOST_WORKERS)
        _check_amount("cpus-per-worker", self.cpus_per_worker)
        _check_amount("gpus-per-worker", self.gpus_per_worker)
        _check_whole("gpus-per-worker", self.gpus_per_worker)
        _check_positive("wait", self.wait)
        for name, amount in self.resources:
            _check_amount(f"resource {name}", amount)


def check_change(value: float) -> None:
    """What share of its change a generator may make.

    Raises:
        SettingsError: out of range.
    """
    if not 0 < value <= 1:
        raise SettingsError(f"--change {value:g}: must be above 0 and at most 1")


def check_norm_eps(value: float | None) -> None:
    """What a generator may add to the variances it divides by.

    Raises:
        SettingsError: out of range.
    """
    least, most = NORM_EPS
    if value is not None and not least <= value <= most:
        raise SettingsError(f"--norm-eps {value:g}: must be from {least:g} to {most:g}, such as 1")


def check_steady(value: float | None) -> None:
    """How much frames may lean on those before.

    Raises:
        SettingsError: out of range.
    """
    if value is not None and not 0 <= value < 1:
        raise SettingsError(f"--steady {value:g}: must be from 0 to less than 1")


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"--{name} {value}: choose one of {', '.join(allowed)}")


def _check_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise SettingsError(f"--{name} {value}: must be {least} or more")


def _check_most(name: str, value: int | None, most: int) -> None:
    if value is not None and value > most:
        raise SettingsError(f"--{name} {value}: must be {most} or less")


def _check_amount(name: str, value: float | None) -> None:
    """Ray counts in ten-thousandths."""
    _check_positive(name, value)
    if value is not None and value < LEAST_AMOUNT:
        raise SettingsError(f"--{name} {value:g}: must be {LEAST_AMOUNT:g} or more")


def _check_whole(name: str, value: float | None) -> None:
    """Ray gives parts of one GPU, or whole ones."""
    if value is not None and value > 1 and value != int(value):
        raise SettingsError(f"--{name} {value:g}: must be a part of one, or a whole number")


def _check_positive(name: str, value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise SettingsError(f"--{name} {value:g}: must be more than 0")
