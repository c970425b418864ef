"""A film for every row of the media contract, of any size and length, and the plain one beside it.

The films are those of the contract's own tests, but show the example clip: what an encoder takes
depends on what it sees. The same pictures are made each time; nothing is drawn by lot.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from numpy.typing import NDArray

from clips import pictures

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for the films, which tests and benches share

if TYPE_CHECKING:
    from tests.vidgan.films.kit import Sample
    from vidgan.options import Options

_SHOWN = 132
"""Frames of the example clip, which go round and round."""
_SIZES = 8
GOP = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Of films: frames, and a width and height, which some rows round to what a codec takes."""

    frames: int
    size: tuple[int, int]


def row_ids() -> list[str]:
    """Every row of the contract, in its order."""
    from vidgan.media.contract import ROWS

    return [row.id for row in ROWS]


def row_film(row: str, folder: Path, shape: Shape) -> "Sample":
    """The film that touches this row, in an empty folder."""
    from tests.vidgan.films.contract import FILMS
    from tests.vidgan.films.kit import Kit

    folder.mkdir(parents=True)
    kit = Kit(
        make_film=_maker(folder),
        folder=folder,
        frames=shape.frames,
        size=shape.size,
        gop=GOP,
        draw=_picture,
    )
    return FILMS[row](kit)


def plain_film(folder: Path, shape: Shape) -> "Sample":
    """H.264 of 8 bits, 4:2:0, BT.709, in mp4: what every row is measured by."""
    return row_film("bt709", folder, shape)


def row_films(rows: list[str], folder: Path, shape: Shape) -> "dict[str, Sample]":
    """By the row; made in a process of its own, which leaves nothing of it in this one's memory."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        made = {row: pool.submit(row_film, row, folder / row, shape) for row in rows}
        return {row: sample.result() for row, sample in made.items()}


def lossless_film(film: "Sample", folder: Path) -> "Sample":
    """The very pixels of a film, 8 bits of RGB, in FFV1."""
    from tests.vidgan.films.kit import Sample

    path = folder / f"{film.path.stem}.mkv"
    with av.open(str(film.path)) as source, av.open(str(path), "w") as copy:
        (shown,) = source.streams.video
        stream = copy.add_stream("ffv1", rate=shown.average_rate, options={"g": "1"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = shown.width, shown.height, "bgr0"
        for frame in source.decode(shown):
            pixels = frame.reformat(format="bgr0")
            pixels.pts, pixels.time_base = frame.pts, frame.time_base
            copy.mux(stream.encode(pixels))
        copy.mux(stream.encode(None))
    return Sample(path=path)


def output_of(sample: "Sample", folder: Path) -> Path:
    """Of the kind that it would have by default."""
    from vidgan.inputs import default_output

    ending = sample.ending or default_output(sample.path).suffix
    return folder / f"out{ending}"


def options_of(sample: "Sample", options: "Options") -> "Options":
    """With what the row's film needs to be said."""
    from vidgan.media.streams import Streams

    return replace(
        options,
        treatment=sample.treatment,
        rate=sample.rate,
        part=sample.part,
        codec=sample.codec,
        streams=Streams.parse(sample.maps),
    )


def _maker(folder: Path) -> Callable[..., Path]:
    """Films in folders of their own: several of one row may have the same name."""
    from tests.vidgan.films.film import write_film
    from tests.vidgan.films.spec import FilmSpec

    def make(name: str, **options: Any) -> Path:
        own = folder / f"source{len(list(folder.iterdir()))}"
        own.mkdir()
        write_film(own / name, FilmSpec(**options))
        return own / name

    return make


def _picture(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    shown = _pictures(size)
    return shown[number % len(shown)]


@lru_cache(maxsize=_SIZES)
def _pictures(size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Forwards and backwards."""
    return list(pictures(2 * _SHOWN - 2, width=size[0], height=size[1]))
