"""How much memory a conversion takes by the row of the media contract: a short film, a longer one.

Measured is the anonymous memory (RssAnon of /proc/PID/status) of the driver and of its worker, many
times a second: what they hold, without the libraries and the object store that processes share.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from memory import make_weights
from processes import field, read, tree
from row_films import Shape, options_of, output_of, row_films

if TYPE_CHECKING:
    from tests.vidgan.films.kit import Sample
    from vidgan.options import Options

INTERVAL = 0.05
CHUNK_FRAMES = 24
"""Few: as many chunks as are ever under way are a fraction of even the short film."""
MIB = 1024


@dataclass(frozen=True, slots=True)
class Peak:
    """KiB, each at its worst moment."""

    driver: int
    worker: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.driver + self.worker


@dataclass(frozen=True, slots=True)
class RowMemory:
    """Of one row: the peaks of a short and of a longer film."""

    row: str
    short: Peak
    long: Peak

    @property
    def ratio(self) -> float:
        """The longer one's by the short one's."""
        return self.long.total / self.short.total


def measure(rows: list[str], folder: Path, short: Shape, times: int) -> Iterator[RowMemory]:
    """Row by row, over real Ray with one worker and a tiny generator."""
    from cluster.session import session
    from vidgan.options import Options

    weights = folder / "tiny.safetensors"
    make_weights(weights)
    options = Options(
        weights=weights,
        workers=1,
        device="cpu",
        chunk_frames=CHUNK_FRAMES,
        overwrite=True,
        resume=False,
    )
    long = replace(short, frames=times * short.frames)
    with session(workers=os.cpu_count() or 1, preload=("vidgan.worker",)):
        warm = row_films(["bt709"], folder / "warm", long)["bt709"]
        _peak(warm, options)
        for row in rows:
            with TemporaryDirectory(dir=folder) as name:
                films = [
                    row_films([row], Path(name, kind), shape)[row]
                    for kind, shape in (("short", short), ("long", long))
                ]
                yield RowMemory(row, *(_peak(film, options) for film in films))


def _peak(sample: "Sample", options: "Options") -> Peak:
    from vidgan.conversion import convert_all

    with TemporaryDirectory(dir=sample.path.parent) as name, _sampled() as samples:
        output = output_of(sample, Path(name))
        report = convert_all([sample.path], output, options_of(sample, options))
    if report.failures:
        raise report.failures[0]
    return Peak(max(driver for driver, _ in samples), max(worker for _, worker in samples))


@contextmanager
def _sampled() -> Iterator[list[tuple[int, int]]]:
    """KiB of this process and of its workers, taken in a thread until the block ends."""
    samples: list[tuple[int, int]] = []
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(INTERVAL):
            samples.append((_anonymous(os.getpid()), sum(map(_anonymous, _workers()))))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def _workers() -> list[int]:
    """Ray's workers that have something to do: those that wait for it say so in their title."""
    commands = {pid: read(pid, "cmdline") for pid in tree(os.getpid())}
    return [
        pid
        for pid, command in commands.items()
        if command.startswith("ray::") and not command.startswith("ray::IDLE")
    ]


def _anonymous(pid: int) -> int:
    return field(pid, "status", "RssAnon")
