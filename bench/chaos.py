"""Kill workers, nodes and drivers of a long conversion at random; nothing may be seen of it.

    python bench/chaos.py [--kills N] [--seed S] [--json FILE]

Many short clips are converted in rounds until there have been N kills (SIGKILL, all of them):
first undisturbed, by a Ray of its own; then, in turns, by a cluster of two simulated machines and
by a Ray of the driver's own. Every few seconds, but not before something more has been finished, it
hits a worker's process, a machine (a fresh one joins), or the driver (the same command is run
again). At the end of each round, and of all:

- every output is byte for byte what the undisturbed run wrote, and there is nothing beside them;
- the undisturbed run has as many frames as the clips;
- no process is left that was started here, and no temporary file.

Anything else is an error, and the exit status is 1. A kill costs about 6 s on two cores.
"""

import argparse
import contextlib
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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clips import make_film
from nodes import nodes
from setting import add_model_options, chosen_model, machine, print_machine, print_table

CHUNK_FRAMES = 12
MARK = "CHAOS_MARK"
LONGEST_WAIT = 300.0
"""For something to be finished after a kill; then the run is taken to hang."""
GONE_SECONDS = 120.0
"""Processes of a Ray whose driver was killed notice it by themselves, within this: mostly in a few
seconds, but the machine may be busy."""
Strike = Callable[[], bool]
"""Kills something; False where there was nothing to kill."""


@dataclass(kw_only=True)
class Chaos:
    """The clips, what should come of them, and what has been done to the runs so far."""

    folder: Path
    weights: Path
    mark: str
    random: random.Random
    kills: int
    clips: int
    frames: int
    done: Counter[str] = field(default_factory=Counter)

    @property
    def left(self) -> int:
        """Kills to come."""
        return self.kills - self.done.total()

    @property
    def environment(self) -> dict[str, str]:
        """All that is started has a temporary folder of its own, and is found by its mark."""
        return {MARK: self.mark, "TMPDIR": str(self.folder / "t")}

    def start(self, output: str, *options: str, **access: str) -> "subprocess.Popen[bytes]":
        """Run `vidgan convert` on all clips."""
        command = [sys.executable, "-m", "vidgan", "convert", "clips", "-o", output, "--quiet"]
        steady = ["--weights", str(self.weights), "--chunk-frames", str(CHUNK_FRAMES)]
        steady += ["--retries", "20"]
        return subprocess.Popen(
            [*command, *steady, *options],
            cwd=self.folder,
            env={**os.environ, **self.environment, **access},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def finished(self, output: str) -> int:
        """Chunks that are safe by now."""
        films = len(list((self.folder / output).glob("*.mp4")))
        chunks = len(list((self.folder / output).glob("**/*.chunk")))
        return films * self.frames + chunks  # a film counts more than its chunks, which then go


def main() -> None:
    args = _arguments()
    print_machine(machine())
    folder = Path(tempfile.mkdtemp(prefix="c-", dir="/tmp"))  # sockets want a short path
    chaos = Chaos(
        folder=folder,
        weights=chosen_model(args).path.resolve(),
        mark=folder.name,
        random=random.Random(args.seed),
        kills=args.kills,
        clips=args.clips,
        frames=args.frames,
    )
    began = time.monotonic()
    try:
        rounds = _all_rounds(chaos)
        _check_left(chaos)
    finally:
        for pid in marked(chaos.mark):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    _report(chaos, rounds, time.monotonic() - began, args)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill at random; see the module's text.")
    add_model_options(parser)
    parser.add_argument("--kills", type=int, default=100, help="how many in all")
    parser.add_argument("--seed", type=int, default=0, help="who is hit, and when")
    parser.add_argument("--clips", type=int, default=16, help="in each round")
    parser.add_argument("--frames", type=int, default=96, help="of each clip")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    return parser.parse_args()


def _all_rounds(chaos: Chaos) -> list[str]:
    """One line for each round, saying how it went."""
    for name in ("clips", "t"):
        (chaos.folder / name).mkdir()
    first = chaos.folder / "clips" / "clip 00.mp4"
    make_film(first, frames=chaos.frames, width=160, height=96, gop=CHUNK_FRAMES)
    for number in range(1, chaos.clips):
        shutil.copy(first, first.with_name(f"clip {number:02}.mp4"))
    _undisturbed(chaos)
    rounds: list[str] = []
    while chaos.left > 0:
        number, before = len(rounds), chaos.done.copy()
        began = time.monotonic()
        (_round_on_cluster if number % 2 == 0 else _round_alone)(chaos, f"round{number}")
        _check_outputs(chaos, f"round{number}")
        hit = ", ".join(f"{count} {what}s" for what, count in (chaos.done - before).items())
        rounds.append(f"{time.monotonic() - began:.0f} s, killed: {hit or 'nothing'}")
        print(f"round {number}: {rounds[-1]}", flush=True)
    return rounds


def _undisturbed(chaos: Chaos) -> None:
    process = chaos.start("expected", "--workers", "1")
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"the undisturbed run failed: {said.decode()}")
    films = sorted((chaos.folder / "expected").glob("*.mp4"))
    wrong = [film.name for film in films if frames_of(film) != chaos.frames]
    if len(films) != chaos.clips or wrong:
        raise SystemExit(f"the undisturbed run lost frames: {len(films)} films, wrong: {wrong}")


def frames_of(film: Path) -> int:
    """Frames that come out of a decoder."""
    import av

    with av.open(str(film)) as container:
        return sum(1 for _ in container.decode(video=0))


def _round_on_cluster(chaos: Chaos, output: str) -> None:
    """Two machines with one worker each, and a driver."""
    with nodes(marks=chaos.environment) as cluster:
        names = [f"{output}-0", f"{output}-1"]
        for name in names:
            cluster.add(name)

        def unplug() -> bool:
            cluster.remove(names.pop(chaos.random.randrange(len(names))))
            names.append(f"{output}-{chaos.done.total() + 2}")
            cluster.add(names[-1])
            return True

        hit: dict[str, Strike] = {"worker": lambda: _kill_a_worker(chaos), "node": unplug}
        options = ("--address", cluster.address)
        _drive(chaos, output, hit, options, cluster.environment)


def _round_alone(chaos: Chaos, output: str) -> None:
    """A driver with a Ray of its own, and two workers."""
    hit: dict[str, Strike] = {"worker": lambda: _kill_a_worker(chaos)}
    _drive(chaos, output, hit, ("--workers", "2"), {})


def _drive(
    chaos: Chaos,
    output: str,
    hit: Mapping[str, Strike],
    options: tuple[str, ...],
    access: Mapping[str, str],
) -> None:
    """Run the command until it ends by itself, and strike between."""
    driver = chaos.start(output, *options, **access)
    victims = [*hit, "worker", "driver"]
    while chaos.left > 0 and _moved_on(chaos, output, driver):
        victim = chaos.random.choice(victims)
        if victim == "driver":
            driver.kill()
            driver.communicate()
            driver = chaos.start(output, *options, **access)
        elif not hit[victim]():
            continue
        chaos.done[victim] += 1
    _, said = driver.communicate(timeout=600)
    if driver.returncode:
        raise SystemExit(f"{output} failed with {driver.returncode}: {said.decode()}")


def _moved_on(chaos: Chaos, output: str, driver: "subprocess.Popen[bytes]") -> bool:
    """Wait until something more is finished, and a moment; False where all of it is."""
    before, deadline = chaos.finished(output), time.monotonic() + LONGEST_WAIT
    while chaos.finished(output) <= before:
        if driver.poll() is not None:
            return False
        if time.monotonic() > deadline:
            raise SystemExit(f"{output}: nothing has been finished for {LONGEST_WAIT:.0f} s")
        time.sleep(0.05)
    with contextlib.suppress(subprocess.TimeoutExpired):
        driver.wait(chaos.random.uniform(0, 3))
    return driver.poll() is None


def _kill_a_worker(chaos: Chaos) -> bool:
    """One that runs, or is about to run, the conversion's actor."""
    workers = [pid for pid, line in marked(chaos.mark).items() if line.startswith("ray::Host")]
    try:
        os.kill(chaos.random.choice(sorted(workers)), signal.SIGKILL)
    except (IndexError, ProcessLookupError):
        return False
    return True


def marked(mark: str) -> dict[int, str]:
    """The processes with this mark in their environment, and their command lines."""
    return {
        pid: line for pid, line, environ in _processes() if f"{MARK}={mark}".encode() in environ
    }


def _processes() -> Iterator[tuple[int, str, bytes]]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is not ours
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            yield int(folder.name), line, (folder / "environ").read_bytes()


def _check_outputs(chaos: Chaos, output: str) -> None:
    """The same files with the same bytes, and nothing beside them but the report."""
    expected, found = _contents(chaos.folder / "expected"), _contents(chaos.folder / output)
    if expected != found:
        names = {name for name in expected | found if expected.get(name) != found.get(name)}
        raise SystemExit(f"{output} differs from the undisturbed run in {sorted(names)}")


def _contents(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, but for the report, which has times in it."""
    files = (path for path in folder.rglob("*") if path.name != "vidgan-report.json")
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in files
    }


def _check_left(chaos: Chaos) -> None:
    """No process, no temporary file; a Ray whose driver was killed may take its time to end."""
    deadline = time.monotonic() + GONE_SECONDS
    while (alive := marked(chaos.mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    if alive:
        raise SystemExit(f"still running: {sorted(alive.values())}")
    temporary = sorted(path.name for path in (chaos.folder / "t").iterdir())
    if temporary:
        raise SystemExit(f"left in the temporary folder: {temporary}")


def _report(chaos: Chaos, rounds: list[str], seconds: float, args: argparse.Namespace) -> None:
    rows = [(f"killed {what}s", str(count)) for what, count in sorted(chaos.done.items())]
    rows += [("rounds", str(len(rounds))), ("seconds", f"{seconds:.0f}")]
    print_table("every output as undisturbed, nothing left behind", rows)
    if args.json:
        numbers = {"seed": args.seed, "kills": dict(chaos.done), "seconds": seconds}
        args.json.write_text(json.dumps({"machine": machine(), **numbers}, indent=2) + "\n")


if __name__ == "__main__":
    main()
