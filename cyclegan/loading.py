"""Batches loaded ahead of time by threads, so that training does not wait for pictures.

Threads and not processes: nearly all of the work (decoding, scaling) runs outside of Python's
lock, they share the pictures kept in memory, start at once, and pass errors on as they are.
"""

import os
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from cyclegan.data import Crops

_Item = tuple[Tensor, ...]

MOST_MEMORY = 1 << 30
"""Bytes for pictures kept on one machine."""
_MOST_THREADS = 8
_AHEAD = 2  # batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What one rank may spend on loading pictures; it changes no picture."""

    threads: int
    """Loader threads; 0 loads when asked."""
    memory: int
    """Bytes for pictures kept, of all domains together."""


def choose_loading(*, ranks_here: int = 1, on_gpu: bool = False) -> Loading:
    """Threads and memory for each of `ranks_here` ranks on this machine.

    Beside a CPU that trains, a second loader would only take time from it; a GPU leaves the CPU's
    cores free. Pictures kept take an eighth of the memory that is free at most.
    """
    cores = len(os.sched_getaffinity(0))
    spare = min(_MOST_THREADS, cores // ranks_here - 1) if on_gpu else 1
    return Loading(
        threads=max(1, spare), memory=min(MOST_MEMORY, _free_memory() // 8) // ranks_here
    )


def _free_memory() -> int:
    """Bytes, as Linux estimates them; where it cannot be asked, four times `MOST_MEMORY`."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) << 10
    except (OSError, StopIteration, ValueError):
        return 4 * MOST_MEMORY


def load_batches(
    dataset: Crops, batches: Iterable[Sequence[int]], *, threads: int = 0
) -> Generator[_Item, None, None]:
    """The items of each batch, float (len(batch), 3, crop, crop) of each domain, in order.

    With `threads`, two batches and as many items as there are threads are on their way. Closing
    the generator stops them. What loading raises is raised here, at the batch it belongs to.
    """
    if threads == 0:
        for batch in batches:
            yield _stack([dataset[item] for item in batch])
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="loader")
    under_way: deque[list[Future[_Item]]] = deque()
    try:
        for batch in batches:
            under_way.append([pool.submit(dataset.__getitem__, item) for item in batch])
            if len(under_way) > _AHEAD + threads // max(1, len(batch)):
                yield _collect(under_way.popleft())
        while under_way:
            yield _collect(under_way.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _collect(futures: "list[Future[_Item]]") -> _Item:
    return _stack([future.result() for future in futures])


def _stack(items: list[_Item]) -> _Item:
    """A batch of one is a view: nothing is copied."""
    if len(items) == 1:
        return tuple(crop[None] for crop in items[0])
    return tuple(torch.stack(crops) for crops in zip(*items, strict=True))
