"""`vidgan train`: from options to a run."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from cyclegan.allocator import keep_freed_memory
from cyclegan.checkpoint import WeightsError
from cyclegan.config import GENERATORS, DiscriminatorConfig, GanMode, require
from cyclegan.data import DataError, Preprocess
from cyclegan.run import RunOptions, config_to_json, loss_values, run_training
from cyclegan.step import LossWeights
from cyclegan.training import Progress, TrainConfig, TrainingError
from cyclegan.translator import resolve_device
from vidgan.errors import InputError, ModelError, SettingsError

LOAD_TO_CROP = 286 / 256


def train_pair(
    a: Path,
    b: Path,
    out: Path,
    *,
    device: str,
    threads: int | None,
    resume: bool,
    dry_run: bool,
    quiet: bool,
    **settings: Any,
) -> Iterator[str]:
    """Train, and give the lines to print.

    Raises:
        SettingsError: a setting out of range or unknown.
        InputError: a folder of images cannot be used.
        ModelError: the run's folder holds another run, or none to resume; or it diverged.
    """
    try:
        config = train_config(**settings)
        options = RunOptions(device=resolve_device(device), resume=resume)
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc
    if dry_run:
        yield config_to_json(config).rstrip()
        return
    keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with _Bar(config, quiet=quiet) as bar:
            run_training(config, a, b, out, options=options, report=bar)
    except DataError as exc:
        raise InputError(str(exc)) from exc
    except (WeightsError, TrainingError) as exc:
        raise ModelError(str(exc)) from exc
    yield f"{out}: trained on {config.images} images; try it: vidgan convert FILM --weights {out}"


def train_config(
    *,
    generator: str,
    discriminator_filters: int,
    crop: int,
    load: int | None,
    gan_mode: GanMode,
    lambda_cycle: float,
    lambda_identity: float,
    **plain: Any,
) -> TrainConfig:
    """The configuration that the options of `vidgan train` mean.

    Raises:
        ValueError: an unknown generator, or a number out of range.
    """
    for option, rate in (("--lr-g", plain["lr_g"]), ("--lr-d", plain["lr_d"])):
        require(0 < rate < math.inf, f"{option} {rate}: must be more than 0, such as 2e-4")
    for option, weight in (
        ("--lambda-cycle", lambda_cycle),
        ("--lambda-identity", lambda_identity),
    ):
        require(0 <= weight < math.inf, f"{option} {weight}: must be 0 or more")
    if generator not in GENERATORS:
        raise ValueError(f"--generator {generator}: unknown; known are {', '.join(GENERATORS)}")
    return TrainConfig(
        preprocess=Preprocess(load=load or round(crop * LOAD_TO_CROP), crop=crop),
        loss=LossWeights(gan_mode=gan_mode, cycle=lambda_cycle, identity=lambda_identity),
        generator=GENERATORS[generator],
        discriminator=DiscriminatorConfig(filters=discriminator_filters),
        **plain,
    )


class _Bar:
    """Counts images, with the losses beside them."""

    def __init__(self, config: TrainConfig, *, quiet: bool) -> None:
        self._batch = config.batch
        self._bar = tqdm(total=config.images, unit="image", disable=quiet, desc="training")

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bar.leave = self._bar.n > 0  # one that has not moved only stands above an error
        self._bar.close()

    def __call__(self, progress: Progress) -> None:
        if self._bar.n == 0 and progress.step > 1:  # resumed: what was done is not speed
            self._bar.n = self._bar.initial = progress.images - self._batch
        if progress.step % 10 == 0 or progress.step == progress.steps:
            losses = loss_values(progress.losses)
            self._bar.set_postfix(
                {name: f"{losses[name]:.2f}" for name in ("adversarial_ab", "cycle_a")},
                refresh=False,
            )
        self._bar.update(progress.images - self._bar.n)
