"""Whether memory is flat in the length of a film: peaks for a short and a long one.

    python bench/memory.py [--seconds 60 600] [--workers 2]

Each film (128x72, 24 frames/s, a keyframe every 48 frames, with sound) is converted by a fresh
`python -m vidgan convert` with a tiny generator, so that the media and the bookkeeping are what
memory goes to. Five times a second the process tree is measured: the driver, Ray's workers, and
Ray's own daemons apart.

Memory is the proportional set size (Pss of /proc/PID/smaps_rollup): a page that n processes share
counts 1/n for each. Resident set sizes would count torch's libraries and the object store once for
every process, and add up to more than there is. Linux alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Literal

from processes import field, read, tree

WIDTH, HEIGHT, RATE, GOP = 128, 72, 24, 48
INTERVAL = 0.2
TARGET = 1.10
MIB = 1024

Kind = Literal["driver", "worker", "daemon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """Of one conversion, in KiB; `driver` and `workers` have their peaks at different moments."""

    seconds: float
    """Of the film."""
    took: float
    samples: int
    total: int
    """Driver and workers together, at the worst moment."""
    late: int
    """Driver and workers together, the median of the later half of the time that the workers
    were up: what a leak would raise even below the peak that starting takes."""
    driver: int
    workers: int
    daemons: int


def main() -> None:
    args = _arguments()
    peaks: dict[float, list[Peaks]] = {seconds: [] for seconds in args.seconds}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        _prepare(folder, args.seconds)
        for _ in range(args.rounds):
            for seconds in args.seconds:
                peaks[seconds].append(_measure(folder, seconds, args.workers))
                _print(peaks[seconds][-1])
    totals = {seconds: median(peak.total for peak in each) for seconds, each in peaks.items()}
    ratio = totals[max(totals)] / totals[min(totals)]
    longest, shortest = (f"peak of {seconds:g} s" for seconds in (max(totals), min(totals)))
    print(f"{longest} / {shortest}: {ratio:.3f} (target < {TARGET:.2f})")
    if args.json:
        found = {f"{seconds:g}": [asdict(peak) for peak in each] for seconds, each in peaks.items()}
        args.json.write_text(json.dumps({"peaks_kib": found, "ratio": ratio}, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Peak memory; see the module's text.")
    parser.add_argument("--seconds", type=float, nargs="+", default=[60, 600], help="of each film")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write all measurements here")
    return parser.parse_args()


def _prepare(folder: Path, lengths: list[float]) -> None:
    """Make films and weights in a process of its own, so that this one shares no library."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(make_weights, folder / "tiny.safetensors").result()
        for seconds in lengths:
            pool.submit(_make_film, _film(folder, seconds), round(seconds * RATE)).result()


def _film(folder: Path, seconds: float) -> Path:
    return folder / f"film_{seconds:g}.mp4"


def _make_film(path: Path, frames: int) -> None:
    from clips import make_film

    make_film(path, frames=frames, width=WIDTH, height=HEIGHT, gop=GOP)


def make_weights(path: Path) -> None:
    """A tiny generator: what then takes memory and time is all but the network."""
    from cyclegan.checkpoint import save_generator
    from cyclegan.config import FastConfig
    from cyclegan.networks import build_generator, init_weights

    config = FastConfig(blocks=1, filters=4)
    generator = build_generator(config)
    init_weights(generator, seed=0)
    save_generator(generator, config, path)


def _measure(folder: Path, seconds: float, workers: int) -> Peaks:
    film, weights = _film(folder, seconds), folder / "tiny.safetensors"
    options = ["--weights", str(weights), "--workers", str(workers), "--device", "cpu", "--quiet"]
    options += ["-o", str(folder / "converted.mp4"), "--overwrite", "--no-resume"]
    began = time.monotonic()
    driver = subprocess.Popen([sys.executable, "-m", "vidgan", "convert", str(film), *options])
    samples = []
    while driver.poll() is None:
        samples.append(_sample(driver.pid))
        time.sleep(INTERVAL)
    if driver.returncode != 0:
        sys.exit(f"the conversion failed with status {driver.returncode}")
    worst = max(samples, key=_total)
    workers_peak = max(sample["worker"] for sample in samples)
    busy = [sample for sample in samples if sample["worker"] > workers_peak / 2]
    return Peaks(
        seconds=seconds,
        took=time.monotonic() - began,
        samples=len(samples),
        total=_total(worst),
        late=round(median(map(_total, busy[len(busy) // 2 :]))),
        driver=max(sample["driver"] for sample in samples),
        workers=workers_peak,
        daemons=worst["daemon"],
    )


def _total(sample: dict[Kind, int]) -> int:
    return sample["driver"] + sample["worker"]


def _sample(driver: int) -> dict[Kind, int]:
    """KiB of each kind of process, now."""
    sizes: dict[Kind, int] = {"driver": 0, "worker": 0, "daemon": 0}
    for pid in tree(driver):
        sizes["driver" if pid == driver else _kind(pid)] += field(pid, "smaps_rollup", "Pss")
    return sizes


def _kind(pid: int) -> Kind:
    """Ray's workers call themselves ray::NAME once they are up; the rest are its daemons."""
    command = read(pid, "cmdline")
    is_worker = command.startswith("ray::") or "default_worker.py" in command
    return "worker" if is_worker else "daemon"


def _print(peak: Peaks) -> None:
    print(
        f"{peak.seconds:6g} s of film: driver and workers {peak.total / MIB:.0f} MiB "
        f"at the peak, {peak.late / MIB:.0f} late "
        f"(driver at most {peak.driver / MIB:.0f}, workers {peak.workers / MIB:.0f}); "
        f"Ray's daemons {peak.daemons / MIB:.0f} MiB; "
        f"{peak.took:.0f} s, {peak.samples} samples",
        flush=True,
    )


if __name__ == "__main__":
    main()
