"""Whether every row of the media contract is as fast as a plain film, and as frugal.

    python bench/rows.py [--rows deep hdr ...] [--only speed|memory] [--json FILE]

*Speed*: for each row the film that the contract's tests have for it, but of 640x360 and six seconds
of the example clip, is converted over the bundled generator, as users have it (one worker with a
lane on each core, the model's own size, the default output). A plain film of the same pictures
(H.264 of 8 bits, 4:2:0, BT.709, in mp4) takes turns with it. Compared are processor seconds a
frame, decoding to finished file, since the clock shows what else the machine does as well.

The *ratio* is the plain film's by the row's, both written by the same encoder in the same pixel
format: an encoder of another kind is chosen for players, not by the row's pictures. The dithered
pixels of a GIF, which no plain film holds, are compared with a lossless film of them. *By default*
is against the plain film as it is written by default, H.264 of 8 bits. Rows whose ratio is below
0.90 are missed.

*Memory*: the peak of the driver and its worker for a short film of the row, over Ray, and for one
that is six times as long. The longer one's must be at most 1.10 times the short one's.

Exits with 1 where a bound is missed. A full run takes about half an hour on two cores.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import row_memory
import row_speed
from row_films import Shape, row_films, row_ids
from setting import machine, print_machine

LEAST_RATIO = 0.90
MOST_GROWTH = 1.10
FRAMES, SIZE = 144, (640, 360)
SHORT_FRAMES, SHORT_SIZE, TIMES = 240, (128, 72), 6


def main() -> None:
    args = _arguments()
    facts = machine()
    print_machine(facts)
    rows = args.rows or row_ids()
    found: dict[str, object] = {"machine": facts}
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        if args.only != "memory":
            found["speed"], slow = _speed(rows, Path(name, "speed"), args)
            missed += slow
        if args.only != "speed":
            found["memory"], large = _memory(rows, Path(name, "memory"))
            missed += large
    if args.json:
        args.json.write_text(json.dumps(found | {"missed": missed}, indent=2) + "\n")
    print("\nmissed: " + (", ".join(missed) or "none"))
    sys.exit(bool(missed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Rows of the contract; see the module's text.")
    parser.add_argument("--rows", nargs="+", choices=row_ids(), metavar="ROW")
    parser.add_argument("--only", choices=["speed", "memory"])
    parser.add_argument("--pair", default="summer2winter", help="a model by name")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each film, for speed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write all measurements here")
    return parser.parse_args()


def _speed(
    rows: list[str], folder: Path, args: argparse.Namespace
) -> tuple[list[dict[str, object]], list[str]]:
    """All measurements, and the rows that are slow; lines are printed as they come."""
    folder.mkdir()
    shape = Shape(frames=args.frames, size=SIZE)
    samples = row_films(rows, folder, shape)
    found: list[row_speed.RowSpeed] = []
    _print_line("row", "CPU ms", "ratio", "(least, most)", "by default", "by the clock", "written")
    for each in row_speed.measure(samples, folder, shape, pair=args.pair, rounds=args.rounds):
        found.append(each)
        least, most = each.spread
        _print_line(
            each.row,
            f"{min(cost.cpu for cost in each.costs):.2f}",
            f"{each.ratio:.3f}",
            f"({least:.2f}, {most:.2f})",
            f"{each.default_ratio:.3f}",
            f"{each.wall_ratio:.3f}",
            f"{each.written}, {each.size[0]}x{each.size[1]}",
        )
    numbers = [
        asdict(each) | {"ratio": each.ratio, "by_default": each.default_ratio} for each in found
    ]
    return numbers, [f"speed of {each.row}" for each in found if each.ratio < LEAST_RATIO]


def _memory(rows: list[str], folder: Path) -> tuple[list[dict[str, object]], list[str]]:
    folder.mkdir()
    found: list[row_memory.RowMemory] = []
    short = Shape(frames=SHORT_FRAMES, size=SHORT_SIZE)
    _print_line("row", "short MiB", "long MiB", "of them the driver's", "ratio")
    for each in row_memory.measure(rows, folder, short, TIMES):
        found.append(each)
        _print_line(
            each.row,
            *_mebibytes(each.short.total, each.long.total),
            " and ".join(_mebibytes(each.short.driver, each.long.driver)),
            f"{each.ratio:.3f}",
        )
    numbers = [asdict(each) | {"ratio": each.ratio} for each in found]
    return numbers, [f"memory of {each.row}" for each in found if each.ratio > MOST_GROWTH]


def _mebibytes(*sizes: int) -> list[str]:
    return [f"{size / row_memory.MIB:.0f}" for size in sizes]


def _print_line(row: str, *cells: str) -> None:
    print(f"{row:<16}" + "  ".join(f"{cell:>14}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
