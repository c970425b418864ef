"""Whether places in a film are found at once; in Matroska its index, Cues, says where they are."""

from collections.abc import Iterator
from typing import NamedTuple

from av.container import InputContainer

from vidgan.media.opening import first_bytes
from vidgan.media.sources import source_of
from vidgan.media.types import Film

_SEGMENT, _SEEK_HEAD, _CUES, _CLUSTER = 0x18538067, 0x114D9B74, 0x1C53BB6B, 0x1F43B675
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC


class _Element(NamedTuple):
    """An EBML element (RFC 8794, 4): what it is, and where its content lies."""

    name: int
    start: int
    end: int


def finds_places(film: Film, container: InputContainer) -> bool:
    """Whether FFmpeg finds a place without reading all that is before it.

    It does not in a film that is searched from its start, or does not say how long it is, such as
    bare H.264, which it would read to the end; nor in a Matroska file whose cues are missing.
    """
    if film.duration is None or source_of(film.container).is_searched:
        return False
    return "matroska" not in film.container or has_cues(first_bytes(film.path), container.size)


def has_cues(head: bytes, size: int) -> bool:
    """Whether cues lie in a file, by what it begins with and its size in bytes.

    They come before the pictures, or the seek head (RFC 9559, 5.1.1) says where they are: behind
    them, mostly, and so beyond the end of a file that is cut off. Live recordings have none.
    """
    for segment in _elements(head, 0, len(head)):
        if segment.name == _SEGMENT:
            return _has_cues(head, segment.start, size)
    return False


def _has_cues(head: bytes, segment: int, size: int) -> bool:
    for element in _elements(head, segment, len(head)):
        if element.name == _CUES:
            return True
        if element.name == _CLUSTER:
            return False
        if element.name == _SEEK_HEAD:
            places = _places(head, element)
            if _CUES in places:
                return segment + places[_CUES] < size
    return False


def _places(head: bytes, seek_head: _Element) -> dict[int, int]:
    """Where a seek head says that elements begin, from the start of the segment's content."""
    places = {}
    for seek in _elements(head, seek_head.start, seek_head.end):
        if seek.name == _SEEK:
            said = {
                element.name: int.from_bytes(head[element.start : element.end], "big")
                for element in _elements(head, seek.start, seek.end)
            }
            places[said.get(_SEEK_ID, 0)] = said.get(_SEEK_POSITION, 0)
    return places


def _elements(data: bytes, position: int, end: int) -> Iterator[_Element]:
    """Those that lie there one behind the other, as far as there is data."""
    end = min(end, len(data))
    while position < end and data[position]:
        name_length = 9 - data[position].bit_length()
        at = position + name_length
        if at >= end or not data[at]:
            return
        length = 9 - data[at].bit_length()
        start = at + length
        size = int.from_bytes(data[at:start], "big") & ((1 << 7 * length) - 1)
        is_open = size == (1 << 7 * length) - 1  # of unknown size: to the end
        name = int.from_bytes(data[position:at], "big")
        yield _Element(name, start, end if is_open else start + size)
        position = end if is_open else start + size
