"""Many short clips against one long film: what a file costs, whatever its length.

    python bench/many.py [--rounds N] [--json FILE]

With Ray up and the workers' libraries loaded, ten clips of two seconds are converted by one call
and one film of twenty seconds by another, in turns. The ratio of their seconds should be at most
1.15.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from clips import RATE, make_film
from setting import CORES, add_model_options, chosen_model, machine, print_machine, print_table

CLIPS = 10
CLIP_FRAMES = 2 * RATE
SIZE = (640, 360)


def main() -> None:
    args = _arguments()
    facts = machine()
    print_machine(facts)
    folder = Path(tempfile.mkdtemp())
    try:
        long, clips = _films(folder)
        seconds = _measure([long], clips, args.rounds, chosen_model(args).path, folder)
    finally:
        shutil.rmtree(folder)
    ratios = [many / one for one, many in seconds]
    print_table(
        f"one film of {CLIPS * CLIP_FRAMES} frames, and {CLIPS} clips of {CLIP_FRAMES}",
        [("", "film", "clips", "ratio")]
        + [
            (f"round {number}", f"{one:.2f} s", f"{many:.2f} s", f"{many / one:.3f}")
            for number, (one, many) in enumerate(seconds)
        ]
        + [("median", "", "", f"{statistics.median(ratios):.3f}")],
    )
    if args.json:
        numbers = {"machine": facts, "seconds": seconds, "ratio": statistics.median(ratios)}
        args.json.write_text(json.dumps(numbers, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Clips against a film; see the module's text.")
    add_model_options(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    return parser.parse_args()


def _films(folder: Path) -> tuple[Path, list[Path]]:
    width, height = SIZE
    long = folder / "long.mp4"
    make_film(long, frames=CLIPS * CLIP_FRAMES, width=width, height=height)
    clips = [folder / f"clip{number}.mp4" for number in range(CLIPS)]
    make_film(clips[0], frames=CLIP_FRAMES, width=width, height=height)
    for clip in clips[1:]:
        shutil.copy(clips[0], clip)
    return long, clips


def _measure(
    film: list[Path], clips: list[Path], rounds: int, weights: Path, folder: Path
) -> list[tuple[float, float]]:
    """Seconds for the film and for the clips, in each round; what comes first warms Ray up."""
    from cluster.session import session
    from vidgan.conversion import convert_all
    from vidgan.options import Options

    def convert(inputs: list[Path], output: str) -> float:
        began = time.perf_counter()
        (folder / output).mkdir()
        report = convert_all(inputs, folder / output, Options(weights=weights))
        assert not report.failures, report.failures
        return time.perf_counter() - began

    with session(workers=CORES, preload=("vidgan.worker",)):
        convert(clips[:1], "warm")
        return [
            (convert(film, f"film{number}"), convert(clips, f"clips{number}"))
            for number in range(rounds)
        ]


if __name__ == "__main__":
    main()
