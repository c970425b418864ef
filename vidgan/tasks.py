"""What the driver and its workers say to each other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cyclegan.precision import Precision
from vidgan.errors import VidganError
from vidgan.media.types import Chunk, EncodedChunk, EncoderSettings, Treatment, VideoStream
from vidgan.pictures.size import count_pixels
from vidgan.timing import StageSeconds

if TYPE_CHECKING:
    from vidgan.worker import FilmWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatorSettings:
    """How frames are translated; together with the weights it decides every pixel."""

    device: str = "auto"
    precision: Precision = "auto"
    size: int = 0
    steady: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that a worker needs to start: it travels once to each node.

    `weights` is a generator's safetensors file in memory. `lanes` frames are translated at a
    time, each by one thread of torch.
    """

    weights: bytes
    translator: TranslatorSettings
    lanes: int


def make_worker(recipe: Recipe) -> "FilmWorker":
    """What each process of a worker begins with. The driver only names it, and needs no torch."""
    from vidgan.worker import FilmWorker  # noqa: PLC0415 - brings in torch

    return FilmWorker(recipe)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmTask:
    """One chunk of one film, and how to treat it; `name` is for messages."""

    job: int
    name: str
    chunk: Chunk
    video: VideoStream
    shown: VideoStream
    """The pictures that are encoded (see `vidgan.media.shown`)."""
    encoder: EncoderSettings
    treatment: Treatment


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTask:
    """One image file, whole; `name` is for messages."""

    job: int
    name: str
    data: bytes


Task = FilmTask | ImageTask


def cost_of(task: Task) -> float:
    """By which tasks of different films are timed: the pixels of all frames, or of all pages.

    On it depends how long a worker may not move, so that it must not be much too low.
    """
    if isinstance(task, ImageTask):
        return count_pixels(task.data)
    return max(1, len(task.chunk.owned)) * task.video.width * task.video.height


def part_of(task: Task) -> str:
    """What a task is of its file, for messages; times are the pictures' own, in seconds."""
    if isinstance(task, ImageTask):
        return "it"
    tick = task.video.time_base
    first, last = (float(pts * tick) for pts in (task.chunk.owned[0], task.chunk.owned[-1]))
    return f"the part from {first:.3f} to {last:.3f} s"


OnReuse = Callable[[tuple[int, int], int], object]
"""Told of a (job, chunk) that is done already, and of how many frames it has."""

ChunksUnderWay = dict[tuple[int, int], float]
"""What a worker says when asked how far it is: (job, chunk) -> frames encoded, or the share of a
photograph's pixels that is translated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a task: an encoded chunk, an image file, or what is wrong with the input."""

    job: int
    value: EncodedChunk | bytes | VidganError
    seconds: StageSeconds = field(default_factory=StageSeconds)
    """Of a worker: to decode, translate and encode it."""
