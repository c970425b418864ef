"""vidgan's own conversion under the clock, and what its stages cost by themselves."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster.actor import Event, WorkerStarted
from cluster.session import session
from setting import CORES
from vidgan.conversion import convert_all
from vidgan.media.chunks import read_chunks
from vidgan.media.decode import decode_chunk
from vidgan.media.encode import ChunkEncoder
from vidgan.media.encoders import encoder_settings
from vidgan.media.probe import probe
from vidgan.media.types import RgbFrame
from vidgan.options import Options
from vidgan.progress import Named, Progress

SETTLING_SECONDS = 6.0
"""After Ray's start its waiting processes still import torch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Of one conversion with Ray up; all in seconds. The parts add up to the whole."""

    frames: int
    whole: float
    """The whole call, as a user waits for it."""
    starting: float
    """Until the first worker is there: reading weights, probing, processes that import torch."""
    working: float
    """From then until the last chunk is in the ledger; workers that come later count as there."""
    joining: float
    """Writing and verifying the output, closing the workers."""
    workers: int

    @property
    def rate(self) -> float:
        """Frames per second of the whole call."""
        return self.frames / self.whole

    @property
    def warm_rate(self) -> float:
        """Frames per second from the first worker's start to the end of the call."""
        return self.frames / (self.working + self.joining)


class _Stopwatch(Progress):
    def __init__(self) -> None:
        self.workers: list[float] = []
        self.joined = 0.0

    def hear(self, event: Event) -> None:
        """Note when a worker is ready."""
        if isinstance(event, WorkerStarted):
            self.workers.append(time.perf_counter())

    def joining(self, output: Named) -> None:
        """Note when all chunks are there."""
        self.joined = time.perf_counter()


def timed_conversion(
    source: Path, output: Path, weights: Path, *, workers: int | None = None, size: int = 0
) -> Timing:
    """Convert once on the CPU, from nothing: no earlier chunk is used again.

    Each conversion finds a Ray of its own that has been up for a while, as `vidgan` starts it:
    otherwise only the first would find processes that wait for work.
    """
    options = Options(
        weights=weights, workers=workers, size=size, device="cpu", overwrite=True, resume=False
    )
    watch = _Stopwatch()
    with session(workers=CORES, preload=("vidgan.worker",)):
        time.sleep(SETTLING_SECONDS)
        began = time.perf_counter()
        report = convert_all([source], output, options, watch)
        ended = time.perf_counter()
    if report.failures:
        raise report.failures[0]
    return Timing(
        frames=report.frames,
        whole=ended - began,
        starting=watch.workers[0] - began,
        working=watch.joined - watch.workers[0],
        joining=ended - watch.joined,
        workers=report.workers,
    )


def stage_costs(source: Path, output: Path) -> dict[str, float]:
    """Milliseconds of one core that each frame costs besides the generator, stage by stage."""
    film = probe(source)
    began = time.perf_counter()
    chunks = list(read_chunks(film))
    read = time.perf_counter()
    pictures = [list(decode_chunk(chunk, film.video)) for chunk in chunks]
    decoded = time.perf_counter()
    for chunk in pictures:
        _encode(chunk, ChunkEncoder(film.video, encoder_settings(output)))
    encoded = time.perf_counter()
    each = 1000 / sum(map(len, pictures))
    return {
        "cut into chunks": (read - began) * each,
        "decode, to RGB": (decoded - read) * each,
        "from RGB, encode": (encoded - decoded) * each,
    }


def _encode(pictures: Iterable[RgbFrame], encoder: ChunkEncoder) -> None:
    for picture in pictures:
        encoder.encode(picture)
    encoder.finish()
