"""Damage films at random and convert them: a right output or one line, and nothing else.

    python bench/fuzz.py [--seconds S] [--seed N] [--keep FOLDER] [--json FILE]

Small films of all kinds (bench/fuzz_films.py) have bits flipped, bytes cut out, boxes resized,
packets exchanged, parts repeated or zeroed (bench/damages.py). They are converted twenty at a time,
with options that vary, by a process of its own, which is given a deadline, and which looks at each
as `vidgan probe` does. Each must end in

- an output that is read to its end and whose pictures decode without an error, as many as the
  report says, at times that rise (sound is copied with what damage it has), or
- one line of a named error;

with the driver alive, in time, and with nothing half-written left. Where one does not, the damaged
file is kept (`--keep`), and the exit status is 1. Of a batch that was not done in time each film
has to be alone. The same seed damages alike.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from damages import Original, damaged, read_original
from fuzz_films import make_films
from setting import machine, print_machine, print_table

BATCH = 20
DEADLINE = 240.0
"""Seconds for a batch: a part whose worker crashes is tried again, and each costs some."""
CHOICES: tuple[dict[str, Any], ...] = (
    *({}, {}, {"tonemap": True}, {"tonemap": True, "compare": "side"}),
    *({"deinterlace": "on"}, {"deinterlace": "off"}, {"start": 0.3, "end": 0.7}, {"start": 0.5}),
    *({"every": 3}, {"maps": ["-audio"]}, {"codec": "libx265", "tonemap": True}, {"size": 32}),
)
"""Options, one of these for each batch."""
ENDINGS = (".mp4", ".mkv", ".mov", ".webm", ".gif")
"""A film may also have another's name, so that it is written as that."""
CONVERT = """
import json, resource, sys, traceback
from pathlib import Path
from cluster.session import session
from vidgan.conversion import convert_all
from vidgan.description import describe, film_to_lines
from vidgan.errors import VidganError
from vidgan.media.part import Part
from vidgan.media.probe import probe
from vidgan.media.streams import Streams
from vidgan.media.types import Treatment
from vidgan.options import Options

weights = Path(sys.argv[1])

def options(codec=None, size=None, maps=(), start=None, end=None, every=1, **treatment):
    return Options(
        weights=weights, workers=1, chunk_frames=8, retries=1, codec=codec, size=size,
        crf=None if codec else 30, streams=Streams.parse(maps),
        part=Part(start=start, end=end, every=every), treatment=Treatment(**treatment),
    )

def look(path):
    try:
        film_to_lines(describe(probe(path), full=True))
    except VidganError as error:
        return str(error)

with session(num_cpus=2, workers=2, preload=("vidgan.worker",)):
    print("up", flush=True)
    for line in sys.stdin:
        inputs, output, chosen = json.loads(line)
        said = {"files": {}, "failed": {}, "crash": None}
        try:
            said["looked"] = {path: look(Path(path)) for path in inputs}
            report = convert_all([Path(path) for path in inputs], Path(output), options(**chosen))
            said["files"] = {str(f.source): [str(f.output), f.frames] for f in report.files}
            said["failed"] = {str(f.source): str(f) for f in report.failed}
        except VidganError as error:
            said["failed"] = {path: str(error) for path in inputs}
        except BaseException:
            said["crash"] = traceback.format_exc()
        said["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps(said), flush=True)
"""


@dataclass
class Ends:
    """How films ended."""

    tally: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    """The same, by the kind of the film."""
    wrong: list[str] = field(default_factory=list)
    """A line for each that ended otherwise."""
    memory: int = 0
    """MB of the driver, at most."""

    def count(self, path: Path, end: str) -> None:
        """One more."""
        self.tally[end] += 1
        self.kinds[f"{path.name.split('.', 1)[1]}: {end}"] += 1


def main() -> None:
    args = _arguments()
    print_machine(machine())
    folder = Path(tempfile.mkdtemp(prefix="f-", dir="/tmp"))
    try:
        ends = _fuzz(folder, args)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = [(what, str(count)) for what, count in sorted(ends.tally.items())]
    rows.append(("most memory of the driver, MB", str(ends.memory)))
    print_table(f"films damaged for {args.seconds:.0f} s, seed {args.seed}", rows)
    for line in ends.wrong:
        print(f"WRONG: {line}")
    if args.json:
        numbers = {"machine": machine(), "seed": args.seed, **ends.tally, "wrong": ends.wrong}
        numbers["driver_mb"] = ends.memory
        numbers["kinds"] = dict(sorted(ends.kinds.items()))
        args.json.write_text(json.dumps(numbers, indent=2) + "\n")
    sys.exit(1 if ends.wrong else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Damage films; see the module's text.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-kept"), help="for what went wrong")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    return parser.parse_args()


@dataclass
class Driver:
    """The process that converts, and starts anew where it hangs or crashes."""

    weights: Path
    folder: Path
    process: "subprocess.Popen[str] | None" = None

    def convert(
        self, films: list[Path], output: Path, chosen: dict[str, Any]
    ) -> dict[str, Any] | str:
        """What it says of films; or how it ended."""
        if self.process is None:
            self.process = _start(self.weights, self.folder)
        said = _ask(self.process, [[str(film) for film in films], str(output), chosen])
        if said is not None:
            return said
        try:  # one that crashed takes a moment to be gone
            how = f"crashes with {self.process.wait(2)}: {_last_words(self.folder)}"
        except subprocess.TimeoutExpired:
            how = f"is not done in {DEADLINE:.0f} s"
        self.stop()
        return how

    def stop(self) -> None:
        """Let it end."""
        if self.process is not None:
            _stop(self.process)
        self.process = None


def _fuzz(folder: Path, args: argparse.Namespace) -> Ends:
    originals = [read_original(path) for path in make_films(folder / "films")]
    driver = Driver(_identity(folder), folder)
    rng = random.Random(args.seed)
    stops = time.monotonic() + args.seconds
    ends, number = Ends(), 0
    while time.monotonic() < stops:
        batch = folder / f"batch{number}"
        films = _damage_some(originals, batch, rng)
        chosen = rng.choice(CHOICES)

        def complain(path: Path, line: str, chosen: Any = chosen, number: int = number) -> None:
            name = f"seed{args.seed}-batch{number}-{path.name}"
            args.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, args.keep / name)
            ends.wrong.append(f"{args.keep / name} {chosen or ''}: {line}")
            print(f"WRONG: {ends.wrong[-1]}", flush=True)

        said = driver.convert(films, batch / "out", chosen)
        together = [(films, said)]
        if isinstance(said, str):
            ends.tally["batches not done in time or crashed, done again one by one"] += 1
            shutil.rmtree(batch / "out", ignore_errors=True)
            together = [([film], driver.convert([film], batch / "out", chosen)) for film in films]
        for some, said_of_them in together:
            if isinstance(said_of_them, str):
                complain(some[0], f"the driver {said_of_them}")
                continue
            for path, line in _judge(said_of_them, some, batch / "out", ends):
                complain(path, line)
        shutil.rmtree(batch)
        number += 1
    driver.stop()
    return ends


def _last_words(folder: Path) -> str:
    return (folder / "stderr").read_text(errors="replace")[-300:]


def _identity(folder: Path) -> Path:
    from cyclegan.checkpoint import save_generator
    from cyclegan.config import IdentityConfig
    from cyclegan.networks import build_generator

    path = folder / "identity.safetensors"
    save_generator(build_generator(IdentityConfig()), IdentityConfig(), path)
    return path


def _damage_some(originals: list[Original], folder: Path, rng: random.Random) -> list[Path]:
    folder.mkdir()
    paths = []
    for number in range(BATCH):
        original = rng.choice(originals)
        stem, _, ending = original.name.rpartition(".")
        ending = f".{ending}" if rng.random() < 0.7 else rng.choice(ENDINGS)
        paths.append(folder / f"{number}.{stem}{ending}")
        paths[-1].write_bytes(damaged(original, rng))
    return paths


def _start(weights: Path, folder: Path) -> "subprocess.Popen[str]":
    driver = subprocess.Popen(
        [sys.executable, "-c", CONVERT, str(weights)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(folder / "stderr").open("w"),
        text=True,
        start_new_session=True,
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == "up\n", (folder / "stderr").read_text()
    return driver


def _ask(driver: "subprocess.Popen[str]", request: list[Any]) -> dict[str, Any] | None:
    """What it says of a batch; None where it says nothing in time, or has died."""
    assert driver.stdin is not None
    assert driver.stdout is not None
    print(json.dumps(request), file=driver.stdin, flush=True)
    signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE)
    try:
        line = driver.stdout.readline()
        return json.loads(line) if line else None
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_late(number: int, frame: object) -> None:
    raise TimeoutError


def _stop(driver: "subprocess.Popen[str]") -> None:
    assert driver.stdin is not None
    driver.stdin.close()
    try:
        driver.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(driver.pid, signal.SIGKILL)


def _judge(
    said: dict[str, Any], films: list[Path], output: Path, ends: Ends
) -> Iterator[tuple[Path, str]]:
    """What is wrong with what became of films."""
    if said["crash"]:
        yield films[0], f"or another of its batch ends them all: {said['crash']}"
        return
    ends.memory = max(ends.memory, said["memory"])
    for path in films:
        looked = said["looked"][str(path)]
        if looked is not None and (reason := _wrong_line(looked)) is not None:
            yield path, f"is looked at: {reason}"
        if (line := said["failed"].get(str(path))) is not None:
            crashed = "brought down its worker" in line
            ends.count(path, "failed by a crash of a decoder" if crashed else "refused in a line")
            if (reason := _wrong_line(line)) is not None:
                yield path, reason
        elif str(path) in said["files"]:
            ends.count(path, "converted")
            made, frames = said["files"][str(path)]
            if (reason := _wrong_with(Path(made), frames)) is not None:
                yield path, reason
            if Path(f"{made}.vidgan").exists():
                yield path, f"is done, and {made}.vidgan is left"
        else:
            yield path, "nobody says what became of it"
    for left in output.glob("**/*.part*"):
        yield films[0], f"or another of its batch left {left.name}"


def _wrong_line(line: str) -> str | None:
    return f"is refused by: {line}" if "\n" in line or "please report this" in line else None


def _wrong_with(path: Path, frames: int) -> str | None:
    """An output, judged by reading all of it and decoding all pictures."""
    import av

    try:
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            packets = (packet for packet in container.demux() if packet.stream is video)
            times = [frame.pts for packet in packets for frame in video.decode(packet)]
    except av.FFmpegError as error:
        return f"its output does not decode: {error}"
    if len(times) != frames:
        return f"its output has {len(times)} frames, not {frames}"
    rising = all(one is not None and two is not None and one < two for one, two in pairwise(times))
    return None if rising else f"the times of its output do not rise: {times}"


if __name__ == "__main__":
    main()
