"""What one actor does with a chunk: decode, translate and encode, all three at the same time."""

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from cyclegan.allocator import keep_freed_memory
from cyclegan.checkpoint import WeightsError
from cyclegan.networks import Generator
from cyclegan.steady import Link, links
from cyclegan.translator import Translator
from cyclegan.warming import warm_up
from cyclegan.weights import generator_in
from vidgan.errors import VidganError, WorkerError
from vidgan.images import translate_image
from vidgan.media.compare import compared
from vidgan.media.decode import decode_chunk
from vidgan.media.encode import ChunkEncoder
from vidgan.media.overlap import pictures_before
from vidgan.media.seen import shown_levels
from vidgan.media.turn import stored, upright
from vidgan.media.types import Change, EncodedChunk, Levels, Packet, RgbFrame
from vidgan.stages import prefetch
from vidgan.tasks import ChunksUnderWay, FilmTask, ImageTask, Recipe, Result, Task, cost_of
from vidgan.timing import StageSeconds, Stopwatch
from vidgan.translation import keeps_turn, translate

Pixels = NDArray[np.uint8]
Batch = tuple[list[tuple[int, Pixels | None]], Levels | None, "Future[Levels]"]
"""Presentation times and alpha, the frames (N, H, W, 3) if they are to be shown as well, and the
translated ones to come; both upright, unless they stay as they are stored."""


class Watches:
    """What one task takes of each stage; waiting for one another, or for a lane, is no work."""

    def __init__(self) -> None:
        self.decode = Stopwatch()
        self.translate = Stopwatch()
        self.encode = Stopwatch()

    @property
    def seconds(self) -> StageSeconds:
        """By now."""
        return StageSeconds(
            decode=self.decode.seconds,
            translate=self.translate.seconds,
            encode=self.encode.seconds,
        )


class FilmWorker:
    """One generator on one device; `process` may run in two threads, for chunks in a row.

    Torch computes each frame in one thread, and several frames at once: the sums of a layer then
    never depend on how many cores a worker has, and neither do the bytes of the output. It is
    also faster than one frame spread over all cores.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._turn = threading.Lock()
        self._lanes: ThreadPoolExecutor | None = None
        self._encoded: ChunksUnderWay = {}

    def setup(self) -> None:
        """Build the generator and put it on its device."""
        keep_freed_memory()
        # OpenMP keeps the number of threads for each calling thread by itself.
        self._lanes = ThreadPoolExecutor(
            self._recipe.lanes, "lane", initializer=torch.set_num_threads, initargs=(1,)
        )
        # In a lane: two workers that start with all threads each are in each other's way.
        self._translator = self._lanes.submit(self._build_translator).result()

    def _build_translator(self) -> Translator:
        recipe, settings = self._recipe, self._recipe.translator
        network = _network_of(recipe)
        try:
            return Translator(
                network,
                device=settings.device,
                precision=settings.precision,
                size=settings.size,
                steady=settings.steady,
            )
        except (RuntimeError, ValueError) as error:
            raise WorkerError(
                f"--device {settings.device}: a worker cannot use it ({error}); choose --device cpu"
            ) from error

    def process(self, task: Task) -> Result:
        """Translate a chunk. While it is being encoded the next one may start to decode.

        What is wrong with the input is a result too: it fails its file, not the workers.
        """
        watches = Watches()
        value = self._value_of(task, watches)
        return Result(job=task.job, value=value, seconds=watches.seconds)

    def _value_of(self, task: Task, watches: Watches) -> EncodedChunk | bytes | VidganError:
        try:
            return self._convert(task, watches)
        except VidganError as error:
            return error
        except (RuntimeError, MemoryError) as error:  # torch's own, out of memory among them
            return WorkerError(
                f"{task.name}: the generator failed ({_reason(error)}); try a smaller --size, "
                "or --device cpu"
            )
        except Exception as error:  # a library's, that nobody foresaw: it is this file's alone
            return WorkerError(
                f"{task.name}: cannot be converted ({type(error).__name__}: {_reason(error)}); "
                "please report this, with the file if you can"
            )

    def status(self) -> ChunksUnderWay:
        """How far each chunk under way is; a photograph moves by pages."""
        return dict(self._encoded)

    def close(self) -> None:
        """Stop the lanes."""
        if self._lanes is not None:
            self._lanes.shutdown(cancel_futures=True)

    def _convert(self, task: Task, watches: Watches) -> EncodedChunk | bytes:
        place = task.job, 0 if isinstance(task, ImageTask) else task.chunk.index
        self._encoded[place] = 0
        try:
            if isinstance(task, ImageTask):
                return self._convert_image(task, place, watches)
            return self._convert_chunk(task, place, watches)
        finally:
            del self._encoded[place]

    def _convert_image(self, task: ImageTask, place: tuple[int, int], watches: Watches) -> bytes:
        """Decoding is what comes before the first picture is translated, encoding the rest."""
        began = time.perf_counter()
        away, pixels, whole = Stopwatch(), 0, cost_of(task)

        def translate(frames: Pixels) -> Pixels:
            nonlocal pixels
            if not away.seconds:
                watches.decode.add(time.perf_counter() - began)
            translated = away.call(lambda: self._to_lane(frames, watches).result())
            pixels += frames[..., 0].size
            self._encoded[place] = pixels / max(whole, pixels + 1)
            return translated

        made = translate_image(task.data, task.name, translate)
        elsewhere = away.seconds + watches.decode.seconds
        watches.encode.add(time.perf_counter() - began - elsewhere)
        return made

    def _to_lane(self, frames: Pixels, watches: Watches) -> "Future[Pixels]":
        assert self._lanes is not None
        return self._lanes.submit(watches.translate.call, self._translator, frames)

    def _in_lane(
        self, pictures: Levels, task: FilmTask, link: Link | None, watches: Watches
    ) -> "Future[Levels]":
        assert self._lanes is not None
        made = partial(
            translate, video=task.video, shown=task.shown, as_stored=_stays_as_stored(task)
        )
        translator = partial(self._translator, link=link)
        return self._lanes.submit(watches.translate.call, made, pictures, translator)

    def _convert_chunk(
        self, task: FilmTask, place: tuple[int, int], watches: Watches
    ) -> EncodedChunk:
        ahead = self._recipe.lanes + 2
        encoder = ChunkEncoder(task.shown, task.encoder)
        packets: list[Packet] = []
        delivered: set[int] = set()
        before = pictures_before(task.chunk, warm_up(self._translator.steady))
        chunk = replace(task.chunk, owned=(*before, *task.chunk.owned))
        decoded = watches.decode.each(
            decode_chunk(chunk, task.video, task.treatment, keeps_alpha=task.shown.alpha)
        )
        changes: dict[Change, None] = {}
        with (
            prefetch(_noted(decoded, changes), depth=ahead) as frames,
            prefetch(self._translate(frames, task, watches), depth=ahead) as batches,
        ):
            for bare, untouched, future in batches:
                pictures = _put_together(untouched, future.result(), task)
                for (pts, alpha), rgb in zip(bare, pictures, strict=True):
                    if pts in before:
                        continue
                    frame = RgbFrame(pts=pts, rgb=np.ascontiguousarray(rgb), alpha=alpha)
                    packets += watches.encode.call(encoder.encode, frame)
                    delivered.add(pts)
                    self._encoded[place] += 1
        if delivered:
            packets += watches.encode.call(encoder.finish)
        lost = tuple(pts for pts in task.chunk.owned if pts not in delivered)
        return EncodedChunk(
            index=task.chunk.index, packets=tuple(packets), lost=lost, changes=tuple(changes)
        )

    def _translate(
        self, frames: Iterable[RgbFrame], task: FilmTask, watches: Watches
    ) -> Iterator[Batch]:
        """Hand frames to the lanes, for generators to see upright, as they know the world.

        A chunk hands over all its frames before the next one may: two that took turns would both
        be late, and the lanes idle while both are encoded.
        """
        row = links() if self._translator.steady else itertools.repeat(None)
        with self._turn:
            as_stored = _stays_as_stored(task)
            for batch in _batches(frames, self._translator.batch):
                pictures = [frame.rgb for frame in batch]
                if not as_stored:
                    pictures = [upright(picture, task.video) for picture in pictures]
                stack: Levels = np.stack(pictures)
                before = None if task.treatment.compare is None else _before(stack, task)
                made = self._in_lane(stack, task, next(row), watches)
                yield [(frame.pts, _as_shown(frame, task)) for frame in batch], before, made


def _network_of(recipe: Recipe) -> Generator:
    try:
        return generator_in(recipe.weights).network
    except WeightsError as error:
        raise WorkerError(f"a worker cannot load the weights: what it got {error}") from error
    except (RuntimeError, MemoryError) as error:
        raise WorkerError(
            f"a worker cannot load the weights ({_reason(error)}); give workers more memory"
        ) from error


def _noted(frames: Iterable[RgbFrame], changes: dict[Change, None]) -> Iterator[RgbFrame]:
    """The same; in `changes`, in what any of them is unlike the film's first."""
    for frame in frames:
        changes |= dict.fromkeys(frame.changes)
        yield frame


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _as_shown(frame: RgbFrame, task: FilmTask) -> Pixels | None:
    """The alpha of a picture, as it is stored in the output."""
    if frame.alpha is None:
        return None
    return stored(upright(frame.alpha[..., np.newaxis], task.video), task.shown)[..., 0]


def _stays_as_stored(task: FilmTask) -> bool:
    """Whether whole pictures need not be turned; two of them are put together upright."""
    return task.treatment.compare is None and keeps_turn(task.video, task.shown)


def _before(pictures: Levels, task: FilmTask) -> Levels:
    return shown_levels(pictures, video=task.video, shown=task.shown)


def _put_together(before: Levels | None, after: Levels, task: FilmTask) -> Levels:
    """The pictures to encode, as they are stored."""
    if _stays_as_stored(task):
        return after
    if before is not None and task.treatment.compare is not None:
        after = compared(before, after, task.treatment.compare)
    return stored(after, task.shown)


def _batches(frames: Iterable[RgbFrame], size: int) -> Iterator[list[RgbFrame]]:
    batch: list[RgbFrame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
