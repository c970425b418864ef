"""What looking on at a training costs: samples, page, TensorBoard, judging held-out pictures.

    python bench/looking.py [--crop 128] [--steps 40] [--threads N] [--json FILE]

A training of the `fast` generator on pictures drawn here, 100 held out of each domain, with all of
`vidgan train`'s watchers, each call timed. Printed are seconds, and the share of the time that they
would take at `vidgan train`'s own intervals (every 1,000 images).
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cyclegan.allocator import keep_freed_memory
from cyclegan.data import Preprocess
from cyclegan.run import Listeners, RunOptions, Watcher, run_training
from cyclegan.state import TrainState
from cyclegan.train_config import TrainConfig
from cyclegan.training import Progress
from setting import CORES, machine, print_machine, print_table
from vidgan.training.job import Job
from vidgan.training.judge import BestKeeper
from vidgan.training.pace import SHARE
from vidgan.training.view import View

EVERY = 1000
"""Images: the default of `--samples`."""
HELD_OUT = 100


class Timed:
    """A watcher, and what each of its calls took, in seconds."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.seconds: list[float] = []

    def hear(self, progress: Progress, state: TrainState) -> None:
        """After each step."""
        began = time.perf_counter()
        self._watcher.hear(progress, state)
        self.seconds.append(time.perf_counter() - began)

    def close(self) -> None:
        """At the end."""
        self._watcher.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of looking on; see the module's text.")
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=CORES)
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    print_machine(machine())
    torch.set_num_threads(args.threads)
    keep_freed_memory()  # as trainings do
    with tempfile.TemporaryDirectory() as folder:
        figures = _measure(_job(Path(folder), args.crop, args.steps))
    print_table("Seconds, and share of the time at the default interval", _rows(figures))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


def _job(folder: Path, crop: int, steps: int) -> Job:
    """Everything is due four times, and at the end."""
    held_out = [_pictures(folder / name, HELD_OUT, crop, seed=place) for place, name in _DOMAINS]
    return Job(
        config=TrainConfig(
            images=steps, preprocess=Preprocess(load=round(crop * 286 / 256), crop=crop)
        ),
        out=folder / "run",
        train_a=held_out[0],
        train_b=held_out[1],
        held_out_a=held_out[0],
        held_out_b=held_out[1],
        resume=False,
        checkpoint_seconds=1e9,
        keep_images=0,
        sample_images=steps // 4,
    )


_DOMAINS = ((0, "a"), (1, "b"))


def _pictures(folder: Path, count: int, crop: int, *, seed: int) -> tuple[Path, ...]:
    """Coarse shapes with some grain, which take an encoder's time as photographs do."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    side = 2 * crop
    for number in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
        pixels = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)).astype(int)
        grain = random.normal(0, 6, pixels.shape)
        noisy = np.clip(pixels + grain, 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number:03}.jpg", quality=92)
    return tuple(sorted(folder.iterdir()))


def _measure(job: Job) -> dict[str, float]:
    judge, view = (
        Timed(BestKeeper(job, print, credit=1e9)),
        Timed(View(job, print, unjudged=str, credit=1e9)),
    )
    steps: list[float] = []
    listeners = Listeners(
        report=lambda progress: steps.append(progress.seconds), watchers=(judge, view)
    )
    run_training(
        job.config, job.dataset(memory=1 << 28), job.out, options=RunOptions(), listeners=listeners
    )
    idle = [sum(pair) for pair in zip(judge.seconds, view.seconds, strict=True)]
    judging, drawing = (sorted(timed.seconds)[-5:] for timed in (judge, view))
    return {
        "step": statistics.median(steps),
        "each step": statistics.median(idle),
        "drawing": statistics.median(drawing),
        "judging, with the real pictures": judging[-1],
        "judging": statistics.median(judging[:-1]),
    }


def _rows(figures: dict[str, float]) -> list[tuple[str, ...]]:
    step = figures["step"]
    shares = {
        "each step": figures["each step"] / step,
        "drawing": figures["drawing"] / (EVERY * step),
        "judging": min(SHARE, figures["judging"] / (EVERY * step)),
    }
    rows = [
        (name, f"{seconds:.5f}", f"{shares[name]:.2%}" if name in shares else "")
        for name, seconds in figures.items()
    ]
    return [*rows, ("together", "", f"{sum(shares.values()):.2%}")]


if __name__ == "__main__":
    main()
