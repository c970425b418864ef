"""What it gains on a large frame to let the generator see it at the size it was trained at.

    python bench/size.py --picture docs/pictures/size.png [--pair NAME | --weights FILE --size N]

Frames of the example clip, scaled to 1920x1080, go through the translator natively (--size 0) and
at the model's own size, in turns, in the lanes that a worker has on this machine. Printed: frames/s
of both, the ratio, and how much each changes a picture and keeps of its detail. The picture
shows before, native, and at its size: above the whole frame, below a cut-out, pixel by pixel.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from clips import Picture, pictures
from cyclegan.translator import Translator
from cyclegan.weights import load_generator
from setting import CORES, add_model_options, chosen_model, machine, print_machine, print_table

WIDTH, HEIGHT = 1920, 1080
SHOWN = (640, 360)


def main() -> None:
    args = _arguments()
    chosen = chosen_model(args)
    size = args.size or chosen.size
    if not 0 < size < HEIGHT:
        sys.exit(f"{chosen.name} has no size of its own below {HEIGHT}: give --size N")
    facts = machine()
    print_machine(facts)
    frames = list(pictures(args.frames, width=WIDTH, height=HEIGHT))
    network = load_generator(chosen.path)
    native = Translator(network, device="cpu", size=0)
    sized = Translator(network, device="cpu", size=size)
    seconds, outputs = _take_turns(frames, [native, sized])
    speeds = [len(frames) / each for each in seconds]
    _print(f"{chosen.name}, {WIDTH}x{HEIGHT}", size, speeds, frames[0], outputs)
    if args.picture:
        _picture([frames[0], *outputs]).save(args.picture)
    if args.json:
        found = {"machine": facts, "size": size, "native": speeds[0], "sized": speeds[1]}
        args.json.write_text(json.dumps(found, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Native or scaled; see the module's text.")
    add_model_options(parser)
    parser.add_argument("--size", type=int, default=0, help="short side  [default: the card's]")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--picture", type=Path, help="write the comparison here")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    return parser.parse_args()


def _take_turns(
    frames: list[Picture], translators: list[Translator]
) -> tuple[list[float], list[Picture]]:
    """Seconds that each translator takes for all frames, and what it makes of the first one."""
    with ThreadPoolExecutor(CORES, initializer=torch.set_num_threads, initargs=(1,)) as lanes:
        first = [translator(frames[0][None])[0] for translator in translators]  # and warm
        seconds = [0.0 for _ in translators]
        for group in _groups(frames, CORES):
            for number, translator in enumerate(translators):
                began = time.perf_counter()
                list(lanes.map(translator, [frame[None] for frame in group]))
                seconds[number] += time.perf_counter() - began
    return seconds, first


def _groups(frames: list[Picture], size: int) -> Iterator[list[Picture]]:
    rest = iter(frames)
    while group := list(islice(rest, size)):
        yield group


def _print(
    title: str, size: int, speeds: list[float], before: Picture, outputs: list[Picture]
) -> None:
    rows: list[tuple[str, ...]] = [("", "frames/s", "change", "detail")]
    for name, speed, output in zip(("native", f"--size {size}"), speeds, outputs, strict=True):
        change = np.abs(output.astype(np.float64) - before).mean()
        kept = _detail(output) / _detail(before)
        rows.append((name, f"{speed:.2f}", f"{change:.1f}", f"{kept:.2f}"))
    print_table(title, rows)
    print(f"\n--size {size} / native: {speeds[1] / speeds[0]:.2f} times the frames/s")
    print("change: mean absolute, in levels; detail: mean gradient, by that of the source")


def _detail(picture: Picture) -> float:
    grey = picture.astype(np.float64).mean(axis=2)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def _picture(views: list[Picture]) -> Image.Image:
    """One column for each view: the whole frame, and under it a cut-out of its middle."""
    width, height = SHOWN
    sheet = Image.new("RGB", (width * len(views), 2 * height))
    left, top = (WIDTH - width) // 2, (HEIGHT - height) // 2
    for column, view in enumerate(views):
        image = Image.fromarray(view)
        whole = image.resize(SHOWN, Image.Resampling.LANCZOS)
        sheet.paste(whole, (column * width, 0))
        sheet.paste(image.crop((left, top, left + width, top + height)), (column * width, height))
    return sheet


if __name__ == "__main__":
    main()
