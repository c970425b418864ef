"""How fast a generator runs with nothing around it, in several arrangements of threads."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from cyclegan.allocator import keep_freed_memory
from cyclegan.dtypes import resolve_dtype
from cyclegan.phased import phased
from cyclegan.traced import traced
from cyclegan.translator import Translator
from cyclegan.weights import load_generator
from setting import CORES

Call = Callable[[], object]


class Barrier(Protocol):
    """A thread's or a process's."""

    def wait(self) -> int:
        """Wait for the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """`lanes` frames at a time, each computed by `threads` threads of torch."""

    lanes: int
    threads: int
    processes: bool = False
    """Lanes are processes of their own, not threads of this one."""
    recorded: bool = False
    """The network as a graph without Python (`cyclegan.traced`), as a translator runs it."""

    @property
    def name(self) -> str:
        """For the table."""
        kind = "processes" if self.processes else "lanes"
        return f"{kind}={self.lanes} threads={self.threads}{' recorded' * self.recorded}"


LANES = Arrangement(lanes=CORES, threads=1)
"""A frame for each core at a time, as in a worker that has all cores."""
RECORDED = Arrangement(lanes=CORES, threads=1, recorded=True)
"""The very same, as that worker's translator runs it."""
ARRANGEMENTS = (
    Arrangement(lanes=1, threads=1),
    Arrangement(lanes=1, threads=CORES),
    LANES,
    RECORDED,
    Arrangement(lanes=CORES, threads=1, processes=True),
)


def forward_call(weights: Path, side: int, *, recorded: bool = False) -> Call:
    """One forward pass on a ready (1, 3, side, side) tensor, in a translator's format."""
    keep_freed_memory()  # as a worker does: the comparison is with the generator at its best
    dtype = resolve_dtype("auto", torch.device("cpu"))
    generator = load_generator(weights)
    network = (phased(generator) if recorded else generator).eval().requires_grad_(False)
    network = network.to(dtype).to(memory_format=torch.channels_last)
    random = torch.Generator().manual_seed(0)
    image = (torch.rand(1, 3, side, side, generator=random) * 2 - 1).to(dtype)
    image = image.contiguous(memory_format=torch.channels_last)
    forward = traced(network, image) if recorded else network

    def call() -> object:
        with torch.inference_mode():
            return forward(image)

    return call


def translate_call(weights: Path, side: int, size: int) -> Call:
    """One uint8 (1, side, side, 3) frame through the translator, to uint8 again."""
    keep_freed_memory()
    network = load_generator(weights)
    translator = Translator(network, device="cpu", size=size)
    shape = (1, side, side, 3)
    frame = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return lambda: translator(frame)


def rate(call: Call, seconds: float, start: Barrier) -> float:
    """Calls per second of one lane, all lanes beginning together, warm."""
    call()
    start.wait()
    calls, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        call()
        calls += 1
    return calls / elapsed


def rate_in_threads(call: Call, arrangement: Arrangement, seconds: float) -> float:
    """Frames per second of all lanes together, lanes being threads as in `vidgan.worker`."""
    start = threading.Barrier(arrangement.lanes)
    with ThreadPoolExecutor(
        arrangement.lanes, initializer=torch.set_num_threads, initargs=(arrangement.threads,)
    ) as pool:
        lanes = [pool.submit(rate, call, seconds, start) for _ in range(arrangement.lanes)]
        return sum(lane.result() for lane in lanes)


class _Own:
    """What a process that is a lane keeps between measurements."""

    call: Call
    start: Barrier


def _begin(weights: Path, side: int, threads: int, start: Barrier) -> None:
    torch.set_num_threads(threads)
    _Own.call, _Own.start = forward_call(weights, side), start


def _rate_here(seconds: float) -> float:
    return rate(_Own.call, seconds, _Own.start)


@contextmanager
def bare_rates(weights: Path, side: int) -> Iterator[Callable[[Arrangement, float], float]]:
    """Measures frames/s of the bare generator: (arrangement, seconds) -> frames/s.

    Lanes that are processes are started once and wait, idle, while others are measured.
    """
    context = multiprocessing.get_context("spawn")
    initargs = (weights, side, 1, context.Barrier(CORES))
    calls = {recorded: forward_call(weights, side, recorded=recorded) for recorded in (False, True)}
    with ProcessPoolExecutor(CORES, context, initializer=_begin, initargs=initargs) as pool:

        def measure(arrangement: Arrangement, seconds: float) -> float:
            if not arrangement.processes:
                return rate_in_threads(calls[arrangement.recorded], arrangement, seconds)
            return sum(pool.map(_rate_here, [seconds] * arrangement.lanes))

        yield measure
