"""The frames of a film in order: when each is shown, and its picture as a generator sees it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from vidgan.errors import InputError
from vidgan.media.chunks import ChunkReader
from vidgan.media.decode import decode_chunk
from vidgan.media.deinterlace import is_deinterlaced
from vidgan.media.overlap import overlapping
from vidgan.media.part import WHOLE, Part, part_chunks
from vidgan.media.seen import seen_levels
from vidgan.media.turn import upright
from vidgan.media.types import UNTREATED, Chunk, Film, Levels, Treatment


def frame_times(film: Film, part: Part = WHOLE) -> list[int]:
    """The presentation times of a film's frames, or of a part's, in ticks, rising.

    Raises:
        InputError: the film cannot be cut into chunks (see `ChunkReader`), or has no picture there.
    """
    reader = ChunkReader(film, data=False)
    times = [pts for chunk in part_chunks(film, reader, part) for pts in chunk.owned]
    if not times:
        where = "" if part.is_whole else " between --start and --end"
        raise InputError(f"{film.path}: there is no picture in it{where}")
    return times


def read_frames(
    film: Film, wanted: Collection[int], treatment: Treatment = UNTREATED
) -> Iterator[tuple[int, Levels]]:
    """The frames at these times, in ticks, in order: each with its time, upright.

    (H, W, 3) full-range RGB, HDR and BT.2020 as BT.709 shows them; uint8, or uint16 of a film of
    more than 8 bits. Those that cannot be decoded are missing.
    """
    for chunk in chunks_with(film, wanted, treatment):
        for frame in decode_chunk(chunk, film.video, treatment):
            levels = seen_levels(frame.rgb[None], film.video)[0]
            yield frame.pts, upright(levels, film.video)


def chunks_with(film: Film, wanted: Collection[int], treatment: Treatment) -> Iterator[Chunk]:
    """The chunks that own wanted frames, owning those alone: no other is turned into RGB."""
    left = set(wanted)
    chunks: Iterable[Chunk] = ChunkReader(film)
    if is_deinterlaced(film.video, treatment.deinterlace):
        chunks = overlapping(chunks, film.video)
    for chunk in chunks:
        chosen = tuple(pts for pts in chunk.owned if pts in left)
        if chosen:
            yield replace(chunk, owned=chosen)
        left.difference_update(chosen)
        if not left:
            return
