"""A film's frames and chunks, counted by reading it once before any work is done on it."""

from collections.abc import Callable
from dataclasses import dataclass

from vidgan.errors import InputError
from vidgan.media.chunks import ChunkReader
from vidgan.media.part import WHOLE, Part, part_chunks
from vidgan.media.types import Film


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What is in a film that can be cut and joined."""

    frames: int
    chunks: int
    missing_frames: int
    """Frames that the file promises and does not hold."""
    warnings: tuple[str, ...]


def count_film(
    film: Film,
    *,
    frames_per_chunk: int | None = None,
    part: Part = WHOLE,
    on_read: Callable[[int], object] = lambda size: None,
) -> Count:
    """Demux a film to the end of the part, keeping no data.

    `on_read` is told of bytes read, now and then.

    Raises:
        InputError: it cannot be cut into chunks (see `ChunkReader`), or has no picture there.
    """
    reader = ChunkReader(film, frames_per_chunk=frames_per_chunk, data=False)
    chunks = frames = told = 0
    for chunk in part_chunks(film, reader, part):
        chunks += 1
        frames += len(chunk.owned)
        on_read(reader.position - told)
        told = reader.position
    if not reader.frames:
        raise InputError(f"{film.path}: there is no picture in it; check that a player shows one")
    if not frames:
        raise InputError(f"{film.path}: no picture of it lies between --start and --end")
    return Count(
        frames=frames,
        chunks=chunks,
        missing_frames=reader.missing_frames,
        warnings=tuple(reader.warnings),
    )
