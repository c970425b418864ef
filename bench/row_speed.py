"""What a row of the media contract costs a frame, against a plain film that takes turns with it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

from row_films import Shape, lossless_film, options_of, output_of, plain_film
from setting import CORES
from vidgan.choice import choose_model, digest
from vidgan.crew import Crew
from vidgan.errors import VidganError
from vidgan.film_job import FilmJob
from vidgan.inputs import Piece
from vidgan.media.containers import container_for
from vidgan.media.encoders import encoder_settings, output_pixel_format
from vidgan.media.fitted import as_encoded
from vidgan.media.probe import probe
from vidgan.media.shown import shown
from vidgan.options import Options
from vidgan.worker import FilmWorker

if TYPE_CHECKING:
    from tests.vidgan.films.kit import Sample

_AT_A_TIME = 2
"""Chunks that a worker has: while one is being encoded the next one is decoded."""
_OF_FEW_COLOURS = {"gif"}
"""Rows whose pictures no plain film can hold: dithered, which costs an encoder more. Their twin is
a lossless film of the same pixels.
"""
_CHOOSERS = ("vidgan.media.encode", "vidgan.media.encoders")


@dataclass(frozen=True, slots=True)
class Written:
    """How the pictures of an output are compressed."""

    ending: str
    codec: str
    pixel_format: str

    def __str__(self) -> str:
        return f"{self.codec} {self.pixel_format}"


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds a frame: of processors, and of the clock."""

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSpeed:
    """Of one row: what it cost in each round, and the plain film beside it."""

    row: str
    size: tuple[int, int]
    written: Written
    costs: tuple[Cost, ...]
    plain: tuple[Cost, ...]
    """As it is written by default."""
    twin: tuple[Cost, ...]
    """The plain film written as the row is; where that is the default, the same as `plain`. Of a
    row of few colours, a lossless film of its pixels.
    """

    @property
    def ratio(self) -> float:
        """Speed by processor time, against the plain film written alike."""
        return median(b.cpu / a.cpu for a, b in zip(self.costs, self.twin, strict=True))

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest of its rounds."""
        ratios = [b.cpu / a.cpu for a, b in zip(self.costs, self.twin, strict=True)]
        return min(ratios), max(ratios)

    @property
    def default_ratio(self) -> float:
        """The same against the plain film as it is written by default."""
        return median(b.cpu / a.cpu for a, b in zip(self.costs, self.plain, strict=True))

    @property
    def wall_ratio(self) -> float:
        """As `ratio`, by the clock."""
        return median(b.wall / a.wall for a, b in zip(self.costs, self.twin, strict=True))


class Converter:
    """One worker as users have it, with a lane on each core, in this process and without Ray.

    Ray costs each row the same: with it the ratios would only be nearer to 1.
    """

    def __init__(self, pair: str) -> None:
        self._options = Options(pair=pair, overwrite=True, resume=False, device="cpu")
        self._choice = choose_model(self._options)
        crew = Crew(workers=1, lanes=CORES, cpus_per_worker=1, gpus_per_worker=0, device="cpu")
        self._recipe = self._choice.recipe(crew, "auto")
        self._worker = FilmWorker(self._recipe)
        self._worker.setup()

    def close(self) -> None:
        """Stop its lanes."""
        self._worker.close()

    def convert(self, sample: "Sample", written: Written | None = None) -> Cost:
        """A film, from looking into it to the finished output; `written` other than by default."""
        with TemporaryDirectory(dir=sample.path.parent.parent) as name:
            output = output_of(sample, Path(name))
            options = options_of(sample, self._options)
            if written is not None:
                output = output.with_suffix(written.ending)
                codec = None if written.ending == ".gif" else written.codec
                options = replace(options, codec=codec)
            with _written_as(written):
                return self._timed(Piece(source=sample.path, output=output), options)

    def _timed(self, piece: Piece, options: Options) -> Cost:
        began, spent = time.perf_counter(), time.process_time()
        job = FilmJob(0, piece, options, self._choice.purpose(options), lambda size: None)
        with closing(job), ThreadPoolExecutor(_AT_A_TIME) as pool:
            tasks = job.tasks(digest(self._recipe), lambda place, frames: None)
            for result in pool.map(self._worker.process, tasks):
                if isinstance(result.value, VidganError):
                    raise result.value
                job.take(result)
            report = job.finish()
        wall, cpu = time.perf_counter() - began, time.process_time() - spent
        if report.frames_lost or not report.frames:
            raise RuntimeError(f"{piece.source}: {report.frames_lost} frames were lost")
        return Cost(1000 * cpu / report.frames, 1000 * wall / report.frames)


@contextmanager
def _written_as(written: Written | None) -> Iterator[None]:
    """Encoders are given this pixel format; the rule would choose it for other films alone."""
    if written is None:
        yield
        return
    forced = [f"{module}.output_pixel_format" for module in _CHOOSERS]
    with (
        patch(forced[0], lambda *args: written.pixel_format),
        patch(forced[1], lambda *args: written.pixel_format),
    ):
        yield


def written_as(sample: "Sample") -> tuple[Written, tuple[int, int]]:
    """How a film would come out by default, and its width and height."""
    film = probe(sample.path, rate=sample.rate)
    output = output_of(sample, Path())
    video = shown(film.video, sample.treatment)
    settings = encoder_settings(output, codec=sample.codec, bits=film.video.bits, alpha=video.alpha)
    video = as_encoded(video, container_for(output), settings.codec)
    made = Written(output.suffix, settings.codec, output_pixel_format(video, settings))
    return made, (film.video.width, film.video.height)


def measure(
    samples: "dict[str, Sample]", folder: Path, shape: Shape, *, pair: str, rounds: int
) -> Iterator[RowSpeed]:
    """Row by row; within a round the row, the plain film and its twin take turns."""
    plains: dict[tuple[int, int], Sample] = {}
    converter = Converter(pair)
    with closing(converter):
        for row, sample in samples.items():
            _, size = written_as(sample)
            even = size[0] // 2 * 2, size[1] // 2 * 2
            if even not in plains:
                of_size = replace(shape, size=even)
                plains[even] = plain_film(folder / f"plain{even[0]}x{even[1]}", of_size)
                converter.convert(plains[even])  # warm
            plain = twin = plains[even]
            if row in _OF_FEW_COLOURS:
                twin = lossless_film(sample, folder)
            yield _measure_row(converter, row, sample, plain=plain, twin=twin, rounds=rounds)


def _measure_row(
    converter: Converter,
    row: str,
    sample: "Sample",
    *,
    plain: "Sample",
    twin: "Sample",
    rounds: int,
) -> RowSpeed:
    (written, size), (default, _) = written_as(sample), written_as(plain)
    is_like_plain = (written.codec, written.pixel_format) == (default.codec, default.pixel_format)
    costs: dict[str, list[Cost]] = {"row": [], "plain": [], "twin": []}
    films = {"plain": plain, "row": sample}
    if not is_like_plain:
        films["twin"] = twin
    turns = list(films)
    for number in range(rounds):
        for turn in turns if number % 2 == 0 else reversed(turns):
            forced = written if turn == "twin" else None
            costs[turn].append(converter.convert(films[turn], forced))
    plain_costs = tuple(costs["plain"])
    return RowSpeed(
        row=row,
        size=size,
        written=written,
        costs=tuple(costs["row"]),
        plain=plain_costs,
        twin=plain_costs if is_like_plain else tuple(costs["twin"]),
    )
