"""Whether a film is transparent anywhere: the one place where that is judged.

A format that could hold alpha says little: every GIF, and every recording of a screen in RGBA,
comes in one. So its pictures are looked at, from the first on, until one is transparent or they
end. A film that is longer than what is looked at is taken for transparent where none was: opaque
pictures kept as transparent ones lose nothing, and transparent ones taken for opaque lose all.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from vidgan.media.background import alpha_of, has_alpha
from vidgan.media.decode import open_decoder
from vidgan.media.opening import demux, open_film
from vidgan.media.types import Film

MOST_PIXELS = 1 << 24
"""Of the pictures looked at together; a number, not a time, so that it is the same on each try."""
MOST_BYTES = 1 << 24


def with_transparency(film: Film) -> Film:
    """The same film, transparent or not; what is not known is a warning."""
    if not has_alpha(film.video.pixel_format):
        return film
    pictures = pixels = size = 0
    with open_film(film.path) as container:
        for taken, frames in _decoded(film, container):
            size += taken
            for frame in frames:
                pictures += 1
                pixels += frame.width * frame.height
                if is_transparent(frame):
                    return _transparent(film)
            if pixels >= MOST_PIXELS or size >= MOST_BYTES:
                return _perhaps(film, pictures)
    return film


def is_transparent(frame: VideoFrame) -> bool:
    """Whether anything shows through a picture."""
    return has_alpha(frame.format.name) and bool(alpha_of(frame).min() < 255)


def _transparent(film: Film) -> Film:
    return replace(film, video=replace(film.video, alpha=True))


def _perhaps(film: Film, pictures: int) -> Film:
    said = (
        f"{film.path}: its pictures may be transparent, though the first {pictures} are not; it is "
        "treated as if some were"
    )
    return replace(_transparent(film), warnings=(*film.warnings, said))


def _decoded(film: Film, container: InputContainer) -> Iterator[tuple[int, list[VideoFrame]]]:
    """The bytes of each packet, and the pictures that a decoder gives for it."""
    decoder = open_decoder(film.video)
    for packet in _packets(film, container):
        try:
            yield packet.size, decoder.decode(packet)
        except av.FFmpegError:  # it is counted as lost where it is converted
            yield packet.size, []


def _packets(film: Film, container: InputContainer) -> "Iterator[Packet[Any]]":
    """Until the end, an empty one, or the first error; from there on nothing is converted."""
    try:
        yield from demux(container, [container.streams[film.video.index]])
    except av.FFmpegError:
        return
