"""Trainings on disk for tests: run, and compared bit for bit."""

from collections.abc import Callable
from pathlib import Path

import torch

from cyclegan.checkpoint import load_checkpoint
from cyclegan.data import UnpairedImages, list_images
from cyclegan.run import Listeners, RunOptions, run_training
from cyclegan.train_config import TrainConfig
from cyclegan.training import Progress

Domains = tuple[Path, Path]
RESULTS = ("checkpoint.pt", "a2b.safetensors", "b2a.safetensors", "config.json")
"""The files of a finished one."""


def run(
    config: TrainConfig,
    domains: Domains,
    out: Path,
    *,
    resume: bool = False,
    checkpoint_seconds: float = 300.0,
    report: Callable[[Progress], None] = lambda progress: None,
) -> None:
    options = RunOptions(resume=resume, log_steps=5, checkpoint_seconds=checkpoint_seconds)
    run_training(
        config, dataset(config, domains), out, options=options, listeners=Listeners(report=report)
    )


def dataset(config: TrainConfig, domains: Domains) -> UnpairedImages:
    a, b = map(list_images, domains)
    images = config.steps * config.images_per_step
    return UnpairedImages(a, b, preprocess=config.preprocess, seed=config.seed, images=images)


def assert_same_run(one: Path, other: Path) -> None:
    for name in RESULTS:
        if name != "checkpoint.pt":
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
    first, second = (load_checkpoint(out / "checkpoint.pt") for out in (one, other))
    assert first["step"] == second["step"]
    assert flat(first) == flat(second)


def flat(value: object) -> object:
    """A state as values that compare bit for bit."""
    if isinstance(value, torch.Tensor):
        return (value.dtype, tuple(value.shape), value.contiguous().numpy().tobytes())
    if isinstance(value, dict):
        return {key: flat(item) for key, item in value.items()}
    if isinstance(value, list):
        return [flat(item) for item in value]
    return value
