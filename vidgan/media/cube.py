"""A function of a pixel's three levels, computed on a grid once and looked up by FFmpeg.

On a 1080p frame of 16 bits in planes its lut3d takes 8 ms; numpy would take half a second.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from vidgan.media.tone import Look, to_bt709

GRID = 65
"""Levels along each axis. Between them four corners are weighed (tetrahedra); grey stays grey."""
_MOST_IDLE = 8


@dataclass(frozen=True, slots=True)
class _Key:
    look: Look
    width: int
    height: int


class _Graphs:
    """Filters that wait for pictures of their size: one thread at a time may have one.

    Building one takes a fifth of a second, and chunks are decoded in threads that come and go.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[_Key, Graph]] = []

    @contextmanager
    def lent(self, key: _Key, planes: av.VideoFrame) -> Iterator[Graph]:
        """One for the length of a block; one that fails does not come back."""
        graph = self._taken(key) or _build(key.look, planes)
        yield graph
        with self._lock:
            self._idle.append((key, graph))
            del self._idle[:-_MOST_IDLE]

    def _taken(self, key: _Key) -> Graph | None:
        with self._lock:
            for place, (kept, graph) in enumerate(self._idle):
                if kept == key:
                    del self._idle[place]
                    return graph
        return None


_graphs = _Graphs()


def look_up(planes: av.VideoFrame, look: Look) -> av.VideoFrame:
    """Levels of a film (gbrp16le) -> levels of BT.709 SDR, of the same kind."""
    planes.pts = 0
    with _graphs.lent(_Key(look, planes.width, planes.height), planes) as graph:
        graph.vpush(planes)
        return graph.vpull()


def _build(look: Look, planes: av.VideoFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    size = f"video_size={planes.width}x{planes.height}"
    source = graph.add("buffer", f"{size}:pix_fmt={planes.format.name}:time_base=1/1")
    sink = graph.add("buffersink")
    with TemporaryDirectory(prefix="vidgan") as folder:  # FFmpeg reads it now, and only now
        file = Path(folder, "look.cube")
        file.write_bytes(_cube_file(look))
        table = graph.add("lut3d", file=str(file), interp="tetrahedral")
        source.link_to(table)
        table.link_to(sink)
        graph.configure()
    return graph


@lru_cache(maxsize=4)
def _cube_file(look: Look) -> bytes:
    """As Adobe's Cube LUT Specification 1.0 has it: red changes fastest."""
    rows = cube(look).transpose(2, 1, 0, 3).reshape(-1, 3)
    text = ("%.6f %.6f %.6f\n" * len(rows)) % tuple(rows.ravel())
    return f"LUT_3D_SIZE {GRID}\n{text}".encode()


def cube(look: Look) -> NDArray[np.float64]:
    """(GRID, GRID, GRID, 3): levels of BT.709 for each red, green and blue."""
    axis = np.linspace(0, 1, GRID)
    return to_bt709(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1), look)
