"""A conversion in a process of its own, which tells what it hears, and whose pace a test sets."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HANGS = 600.0
"""Seconds after which a driver is taken to hang, and is killed."""
CHUNK_FRAMES = 12
CONVERT = """
import json, sys, time
from pathlib import Path
import cluster.connecting
from cluster.actor import WorkerLost, WorkerStarted
from vidgan.conversion import convert_all
from vidgan.options import Options
from vidgan.progress import Progress

def tell(what, told):
    print(json.dumps([what, told]), flush=True)

class Told(Progress):
    chunks = 0
    pause = 1.0
    def hear(self, event):
        if isinstance(event, (WorkerStarted, WorkerLost)):
            tell(type(event).__name__, event.place and event.place.node)
    def done(self, place, frames):
        tell("done", place)
        self.chunks += 1
        until = time.monotonic() + self.pause
        while self.is_held():
            if time.monotonic() > until:
                self.pause = min(1.13 * self.pause, 4.0)
                return
            time.sleep(0.05)
    def is_held(self):
        try:
            return self.chunks > int(Path("pace").read_text() or 0)
        except FileNotFoundError:
            return False

cluster.connecting.ANSWER_SECONDS = 90.0  # this machine may be busy
address, weights, resource, chunk_frames, output = sys.argv[1:]
options = Options(
    weights=Path(weights), address=address, chunk_frames=int(chunk_frames),
    resources=((resource, 1.0),), wait=300.0,
)
report = convert_all([Path("film.mp4")], Path(output), options, Told())
tell("failures", [str(failure) for failure in report.failures])
"""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What a driver has told so far: pairs of what happened, and where: which of Ray's nodes,
    or which film and chunk.

    Its film does not soon end while a test waits for something else: after
    each chunk it pauses, every time longer, up to some seconds: in a pause it hears nothing of its
    workers, and a worker has several things to say until it has started.
    """

    process: "subprocess.Popen[str]"
    folder: Path
    heard: list[tuple[str, object]] = field(default_factory=list)

    def hear(self, what: str, where: object = None, *, times: int = 1) -> list[tuple[str, object]]:
        """Wait until it has told this so many times from now; gives back all it told meanwhile.

        Chunks that are waited for are done without pauses.
        """
        before = len(self.heard)
        if what == "done":
            self._allow(sum(told == "done" for told, _ in self.heard) + times)
        assert self.process.stdout is not None
        while times:
            line = self.process.stdout.readline()
            assert line, f"the driver ended before {what}: {self.heard}"
            told, told_of = json.loads(line)
            self.heard.append((told, told_of))
            times -= told == what and where in (None, told_of)
        return self.heard[before:]

    def hurry(self) -> None:
        """From now on, pause no more."""
        (self.folder / "pace").unlink()

    def _allow(self, chunks: int) -> None:
        """Let it do so many chunks from the first on without a pause, if it is not in a hurry."""
        pace = self.folder / "pace"
        if pace.exists():
            pace.write_text(str(chunks))

    def end(self) -> None:
        """Wait until it has ended; nothing may have failed, and nothing be left."""
        assert self.hear("failures")[-1] == ("failures", [])
        assert self.process.wait() == 0
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
    (folder / "pace").write_text("0")
    arguments = [address, str(weights), resource, str(CHUNK_FRAMES), "out.mp4"]
    with subprocess.Popen(
        [*within, sys.executable, "-c", CONVERT, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=dict(environment),
    ) as process:
        watch = threading.Timer(HANGS, process.kill)
        watch.start()
        try:
            yield Driver(process=process, folder=folder)
        finally:
            watch.cancel()
            process.kill()
