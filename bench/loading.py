"""How long a training of 100 ms steps waits for its pictures, on one core, batch 1.

    python bench/loading.py [--steps 100] [--photos FOLDER] [--json FILE]

Pictures: 24 JPEGs of 256x256 and 12 of 4000x3000, drawn here (or all of FOLDER). A step either
keeps the core busy, as training on a CPU does, or leaves it free, as a GPU's step does. Loaded when
asked, by one thread ahead of time, and by one thread with pictures kept in memory; printed are ms
of loading per pair without any training, and the share of the time that the training waited: in
the first round, in which each picture is met for the first time, and later.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cyclegan.allocator import keep_freed_memory
from cyclegan.data import Preprocess, UnpairedImages
from cyclegan.folders import list_images
from cyclegan.loading import load_batches
from setting import machine, print_machine, print_table

STEP = 0.1  # seconds
MEMORY = 1 << 30


def main() -> None:
    parser = argparse.ArgumentParser(description="Waiting for pictures; see the module's text.")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--photos", type=Path, help="a folder of pictures, instead of drawn ones")
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    print_machine(machine())
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    keep_freed_memory()  # as trainings do
    busy = _busy()
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, paths in _sets(Path(folder), args.photos).items():
            found[name] = _measure(paths, args.steps, busy)
    head = ("", "ms a pair", "busy: first round", "later", "free: first round", "later")
    for name, figures in found.items():
        rows = [
            (how, f"{row[0]:.1f}", *(f"{n:.1%}" for n in row[1:])) for how, row in figures.items()
        ]
        print_table(
            f"{name}: share of the time spent waiting, the core busy or free", [head, *rows]
        )
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), "found": found}, indent=2) + "\n")


def _sets(folder: Path, photos: Path | None) -> dict[str, list[Path]]:
    if photos is not None:
        return {str(photos): list_images(photos)}
    return {
        "256x256": _draw(folder / "small", 24, (256, 256)),
        "4000x3000": _draw(folder / "large", 12, (4000, 3000)),
    }


def _draw(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Noise of all scales, as photographs have it."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        picture = np.zeros((size[1], size[0], 3), np.float32)
        for scale in (4, 16, 64, 256):
            coarse = rng.normal(0, 12, (-(-size[1] // scale) + 1, -(-size[0] // scale) + 1, 3))
            layer = [
                Image.fromarray(coarse[..., c].astype(np.float32)).resize(
                    size, Image.Resampling.BICUBIC
                )
                for c in range(3)
            ]
            picture += np.stack([np.asarray(each) for each in layer], axis=-1)
        pixels = (128 + picture + rng.normal(0, 3, picture.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.jpg", quality=92)
    return list_images(folder)


def _busy() -> Callable[[], None]:
    """A step that computes for about `STEP` seconds."""
    a = torch.rand(512, 512)
    times = []
    for _ in range(20):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    repeats = max(1, round(STEP / sorted(times)[10]))

    def step() -> None:
        for _ in range(repeats):
            a @ a

    return step


def _measure(paths: list[Path], steps: int, busy: Callable[[], None]) -> dict[str, list[float]]:
    ways = {"when asked": (0, 0), "a thread": (1, 0), "a thread, kept": (1, MEMORY)}
    found = {}
    for how, (threads, memory) in ways.items():
        alone = _dataset(paths, steps, memory)
        for item in range(len(paths)):  # so that what is kept is there
            alone[item]
        started = time.perf_counter()
        for item in range(len(paths)):
            alone[item]
        row = [1000 * (time.perf_counter() - started) / len(paths)]
        for step in (busy, lambda: time.sleep(STEP)):
            row += _waiting(_dataset(paths, steps, memory), len(paths), steps, threads, step)
        found[how] = row
    return found


def _dataset(paths: list[Path], steps: int, memory: int) -> UnpairedImages:
    count = len(paths) + steps
    return UnpairedImages(
        paths, paths, preprocess=Preprocess(), seed=0, images=count, memory=memory
    )


def _waiting(
    dataset: UnpairedImages, first: int, steps: int, threads: int, step: Callable[[], None]
) -> list[float]:
    """The share of the time that is spent waiting, in the first round and after it."""
    loaded = load_batches(dataset, ([item] for item in range(len(dataset))), threads=threads)
    shares = []
    for count in (first, steps):
        waited, started = 0.0, time.perf_counter()
        for _ in range(count):
            waited += _timed(loaded)
            step()
        shares.append(waited / (time.perf_counter() - started))
    loaded.close()
    return shares


def _timed(loaded: Iterator[tuple[Tensor, ...]]) -> float:
    started = time.perf_counter()
    next(loaded)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
