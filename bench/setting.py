"""What a bench runs with: the model, the machine, and how its numbers are shown."""

import argparse
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from cyclegan.dtypes import resolve_dtype
from cyclegan.precision import cpu_bf16_pays
from vidgan.models import find_model

CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The model that is measured; `size` is what its card says, 0 where it has no card."""

    name: str
    path: Path
    size: int


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """`--pair` and `--weights`, as `vidgan convert` has them."""
    parser.add_argument("--pair", default="summer2winter", help="a model by name")
    parser.add_argument("--weights", type=Path, help="a generator's file, instead of a pair")


def chosen_model(args: argparse.Namespace) -> Chosen:
    """What the options of `add_model_options` say."""
    if args.weights is not None:
        return Chosen(name=args.weights.stem, path=args.weights, size=0)
    model = find_model(args.pair)
    return Chosen(name=args.pair, path=model.path, size=model.card.size)


def machine() -> dict[str, object]:
    """What the numbers of a run depend on besides the code."""
    return {
        "cpu": _cpu_model(),
        "cores": CORES,
        "bf16_pays": cpu_bf16_pays(),
        "precision": str(resolve_dtype("auto", torch.device("cpu"))).removeprefix("torch."),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "ray", "av")},
    }


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def print_machine(facts: dict[str, object]) -> None:
    """One line for each fact, and a warning if others were computing when the bench began."""
    for name, value in facts.items():
        print(f"{name:>14}  {value}")
    if os.getloadavg()[0] > 0.5:
        print("       WARNING  the machine is not idle: these numbers are not to be quoted")


def print_table(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Rows of text under a title; all columns but the first are aligned to the right."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    print(f"\n{title}\n{'-' * len(title)}")
    for row in rows:
        cells = [
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        print("  ".join(cells).rstrip())
