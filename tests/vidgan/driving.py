"""A conversion in a process of its own, which tells what it hears, and whose pace a test sets."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GENEROUS = 90.0
CHUNK_FRAMES = 12
CONVERT = """
import json, sys, time
from pathlib import Path
from cluster.actor import WorkerLost, WorkerStarted
from vidgan.conversion import convert_all
from vidgan.options import Options
from vidgan.progress import Progress

def tell(what, told):
    print(json.dumps([what, told]), flush=True)

class Told(Progress):
    def hear(self, event):
        if isinstance(event, (WorkerStarted, WorkerLost)):
            tell(type(event).__name__, event.place and event.place.node)
    def done(self, place, frames):
        tell("done", place)
        if Path("slow").exists():
            time.sleep(1.5)

address, weights, resource, chunk_frames, output = sys.argv[1:]
options = Options(
    weights=Path(weights), address=address, chunk_frames=int(chunk_frames),
    resources=((resource, 1.0),),
)
report = convert_all([Path("film.mp4")], Path(output), options, Told())
tell("failures", [str(failure) for failure in report.failures])
"""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What a driver has told so far: pairs of what happened, and where: which of Ray's nodes,
    or which film and chunk."""

    process: "subprocess.Popen[str]"
    folder: Path
    heard: list[tuple[str, object]] = field(default_factory=list)

    def hear(self, what: str, where: object = None, *, times: int = 1) -> list[tuple[str, object]]:
        """Wait until it has told this so many times from now; gives back all it told meanwhile."""
        before = len(self.heard)
        assert self.process.stdout is not None
        while times:
            line = self.process.stdout.readline()
            assert line, f"the driver ended before {what}: {self.heard}"
            told, told_of = json.loads(line)
            self.heard.append((told, told_of))
            times -= told == what and where in (None, told_of)
        return self.heard[before:]

    def hurry(self) -> None:
        """Wait no longer after each chunk."""
        (self.folder / "slow").unlink()

    def end(self) -> None:
        """Wait until it has ended; nothing may have failed, and nothing be left."""
        assert self.hear("failures")[-1] == ("failures", [])
        assert self.process.wait(GENEROUS) == 0
        assert {path.name for path in self.folder.iterdir()} == {"film.mp4", "out.mp4"}


@contextlib.contextmanager
def drive(
    folder: Path,
    *,
    address: str,
    weights: Path,
    resource: str,
    environment: Mapping[str, str],
    within: Sequence[str] = (),
) -> Iterator[Driver]:
    """Convert `film.mp4` of a folder into `out.mp4`, in no hurry until told.

    Args:
        resource: a worker needs one of it.
        within: a command that runs another, which the driver is to run under.
    """
    (folder / "slow").touch()
    arguments = [address, str(weights), resource, str(CHUNK_FRAMES), "out.mp4"]
    with subprocess.Popen(
        [*within, sys.executable, "-c", CONVERT, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=dict(environment),
    ) as process:
        try:
            yield Driver(process=process, folder=folder)
        finally:
            process.kill()
