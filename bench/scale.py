"""How many workers one driver keeps busy.

    python bench/scale.py [--seconds S] [--clips N] [--json FILE]

The driver is the real one: it reads clips, cuts them into chunks of packets, sends these to the
actors of the real pool on simulated machines, takes encoded chunks, keeps them in the ledger, and
writes and verifies the outputs. Only the workers are stand-ins: each takes S seconds for a frame
and no CPU, and gives back what a real worker had made of the same chunk. So two cores are enough
for 32 of them, as long as the driver is not what is measured.

Each actor has as much to do whatever their number: N clips each. *Efficiency* is the time that
the frames take at S seconds each, to the time from when the last actor was ready until the last
result was taken; the end of the batch, where not all have something to do, is in it. *Driver CPU*
is the process time of the driver over the same span, its threads included: what a frame costs that
nothing but another driver can share.
"""

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from clips import make_film
from cluster.actor import Event, WorkerStarted
from cluster.pool import map_unordered
from cluster.session import session
from nodes import nodes
from setting import add_model_options, chosen_model, machine, print_machine, print_table
from standin import Parcel, Script, StandIn
from vidgan.conversion import convert_all
from vidgan.media.types import EncodedChunk
from vidgan.options import Options
from vidgan.progress import Progress
from vidgan.tasks import FilmTask, Result

COUNTS = (1, 2, 4, 8, 16, 32)
MACHINES = 4
CLIP_FRAMES, CHUNK_FRAMES = 64, 16
TARGET = 0.95
POOL = "vidgan.conversion.map_unordered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Of one number of actors."""

    actors: int
    frames: int
    efficiency: float
    driver_cpu: float
    """Seconds for 1,000 frames."""
    busy: float
    """Cores that the driver kept busy."""


class _Ready(Progress):
    """Notes when the last worker is ready."""

    def __init__(self) -> None:
        self.clock = self.cpu = 0.0

    def hear(self, event: Event) -> None:
        if isinstance(event, WorkerStarted):
            self.clock, self.cpu = time.perf_counter(), time.process_time()


def main() -> None:
    args = _arguments()
    if args.address is None:
        sys.exit(_again_on_simulated_machines())
    facts = machine()
    print_machine(facts)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, session(address=args.address):
        folder = Path(name)
        film = folder / "clip.mp4"
        make_film(film, frames=CLIP_FRAMES, width=96, height=64, gop=CHUNK_FRAMES)
        answers = _real_answers(film, folder, chosen_model(args).path)
        runs = []
        for actors in args.actors:
            runs.append(_run(actors, film, answers, folder, args))
            print(f"{actors} actors: efficiency {runs[-1].efficiency:.3f}", flush=True)
    _print_runs(runs, args.seconds)
    if args.json:
        results = {"machine": facts, "seconds": args.seconds, "runs": [asdict(run) for run in runs]}
        args.json.write_text(json.dumps(results, indent=2) + "\n")


def _again_on_simulated_machines() -> int:
    """Run this script with their address: Ray reads its environment when it is imported."""
    here = str(Path(__file__).resolve().parent)
    with nodes() as cluster:
        for number in range(MACHINES):
            cluster.add(f"machine{number}", cpus=8, environment={"PYTHONPATH": here})
        command = [sys.executable, *sys.argv, "--address", cluster.address]
        return subprocess.run(command, env=cluster.environment, check=False).returncode


def _print_runs(runs: list[Run], seconds: float) -> None:
    rows = [("actors", "frames", "efficiency", "driver CPU s / 1,000 frames", "driver's cores")]
    for run in runs:
        numbers = (f"{run.efficiency:.3f}", f"{run.driver_cpu:.2f}", f"{run.busy:.2f}")
        rows.append((str(run.actors), str(run.frames), *numbers))
    print_table(f"{seconds:g} s a frame, target {TARGET} at {COUNTS[-1]} actors", rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Scaling of one driver; see the module's text.")
    add_model_options(parser)
    parser.add_argument("--seconds", type=float, default=0.1, help="that a frame takes")
    parser.add_argument("--clips", type=int, default=3, help="for each actor")
    parser.add_argument("--actors", type=int, nargs="+", default=COUNTS, help="how many")
    parser.add_argument("--address", help="a cluster that has bench/ on its PYTHONPATH")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    return parser.parse_args()


def _options(weights: Path, **more: Any) -> Options:
    return Options(weights=weights, chunk_frames=CHUNK_FRAMES, **more)


def _real_answers(film: Path, folder: Path, weights: Path) -> dict[int, bytes]:
    """What a real worker makes of each chunk."""
    answers: dict[int, bytes] = {}

    def recording(*args: Any, **options: Any) -> Iterator[tuple[int, Result]]:
        for position, result in map_unordered(*args, **options):
            assert isinstance(result, Result), result
            assert isinstance(result.value, EncodedChunk), result.value
            answers[result.value.index] = pickle.dumps(result)
            yield position, result

    with patch(POOL, recording):
        report = convert_all([film], folder / "real.mp4", _options(weights, workers=1))
    assert not report.failures, report.failures
    return answers


def _run(
    actors: int, film: Path, answers: dict[int, bytes], folder: Path, args: argparse.Namespace
) -> Run:
    weights = chosen_model(args).path
    clips = folder / f"clips{actors}"
    meeting = folder / f"meeting{actors}"
    for new in (clips, meeting):
        new.mkdir()
    for number in range(actors * args.clips):
        (clips / f"{number:04}.mp4").hardlink_to(film)
    script = Script(seconds=args.seconds, answers=answers, together=actors, folder=meeting)
    ready = _Ready()
    ends: list[tuple[float, float]] = []
    with patch(POOL, _standing_in(script, ends)):
        report = convert_all(
            [clips], folder / f"out{actors}", _options(weights, workers=actors), ready
        )
    assert not report.failures, report.failures
    frames = sum(each.frames for each in report.files)
    clock, cpu = ends[-1][0] - ready.clock, ends[-1][1] - ready.cpu
    return Run(
        actors=actors,
        frames=frames,
        efficiency=frames * args.seconds / actors / clock,
        driver_cpu=1000 * cpu / frames,
        busy=cpu / clock,
    )


def _standing_in(script: Script, ends: list[tuple[float, float]]) -> Callable[..., Any]:
    """The real pool, with stand-ins in it; `ends` are told when each result has been seen to."""

    def pool(
        make_worker: object, items: Iterable[FilmTask], **options: Any
    ) -> Iterator[tuple[int, Result]]:
        options |= {"shared": script, "cost": lambda parcel: float(parcel.frames)}
        results = map_unordered(StandIn, map(_parcel, items), **options)
        for position, answer in results:
            assert isinstance(answer, tuple), answer
            job, result = answer[0], pickle.loads(answer[1])  # noqa: S301 - made here
            yield position, replace(result, job=job)
            ends.append((time.perf_counter(), time.process_time()))

    return pool


def _parcel(task: FilmTask) -> Parcel:
    return Parcel(
        job=task.job,
        index=task.chunk.index,
        frames=len(task.chunk.owned),
        task=pickle.dumps(task),
    )


if __name__ == "__main__":
    main()
