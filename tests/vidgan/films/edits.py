"""mp4 films whose edit lists show parts of them, picture and sound alike, as phones trim films.

Boxes are those of ISO/IEC 14496-12; `moov` must be the last one of the file, as it is by default.
"""

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

_HEADER = 8
_USUAL_SPEED = 1 << 16
"""At which an edit is played: 16 bits of it are a fraction."""
_TIMESCALE_AT = 20
"""From the beginning of mvhd and mdhd of version 0."""


def edited(film: Path, copy: Path, shown: Sequence[tuple[Fraction, Fraction]]) -> Path:
    """A copy that shows what lies between these times, in seconds, one after the other."""
    data = bytearray(film.read_bytes())
    movie = _only(data, b"moov", 0, len(data))
    timescale = _timescale(data, movie, b"mvhd")
    tracks = [begin for kind, begin in _boxes(data, *_inside(data, movie)) if kind == b"trak"]
    for track in reversed(tracks):  # what comes before one stays where it is
        media = _only(data, b"mdia", *_inside(data, track))
        own = _timescale(data, media, b"mdhd")
        edits = _only(data, b"edts", *_inside(data, track))
        table = _only(data, b"elst", *_inside(data, edits))
        (first,) = struct.unpack_from(">i", data, table + 20)
        made = b"".join(
            struct.pack(
                ">IiI", round((end - begin) * timescale), first + round(begin * own), _USUAL_SPEED
            )
            for begin, end in shown
        )
        body = struct.pack(">II", 0, len(shown)) + made
        before = _size(data, table)
        data[table : table + before] = struct.pack(">I", len(body) + _HEADER) + b"elst" + body
        for box in (edits, track, movie):
            grown = _size(data, box) + len(body) + _HEADER - before
            data[box : box + 4] = grown.to_bytes(4, "big")
    copy.write_bytes(data)
    return copy


def _size(data: bytearray, box: int) -> int:
    return int.from_bytes(data[box : box + 4], "big")


def _inside(data: bytearray, box: int) -> tuple[int, int]:
    return box + _HEADER, box + _size(data, box)


def _boxes(data: bytearray, begin: int, end: int) -> Iterator[tuple[bytes, int]]:
    while begin < end:
        yield bytes(data[begin + 4 : begin + _HEADER]), begin
        begin += _size(data, begin)


def _only(data: bytearray, wanted: bytes, begin: int, end: int) -> int:
    (found,) = [at for kind, at in _boxes(data, begin, end) if kind == wanted]
    return found


def _timescale(data: bytearray, box: int, header: bytes) -> int:
    at = _only(data, header, *_inside(data, box)) + _TIMESCALE_AT
    return int.from_bytes(data[at : at + 4], "big")
