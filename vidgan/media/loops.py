"""How often an animation is shown: said in the head of its file, which FFmpeg's demuxers skip."""

import struct
from collections.abc import Callable

from vidgan.media.opening import first_bytes
from vidgan.media.types import Film

ENDLESS, ONCE = 0, -1
_GIF_HEAD = 13
_COLOURS_FOLLOW, _COLOURS = 0x80, 0x07
_EXTENSION, _APPLICATION = 0x21, 0xFF
_LOOPING = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}
_PNG_HEAD, _RIFF_HEAD = 8, 12


def repeats_of(film: Film) -> int:
    """How often it is shown again, as a GIF says it: `ENDLESS`, `ONCE`, or a number from 1 on.

    A film that is no animation is shown without end, and so is one whose head is damaged.
    """
    read = _READERS.get(film.container)
    if read is None:
        return ENDLESS
    try:
        return read(first_bytes(film.path))
    except (IndexError, struct.error):
        return ENDLESS


def _of_gif(head: bytes) -> int:
    """Of the blocks before the first picture one may say it; without it a GIF is shown once."""
    colours = 3 * 2 << (head[10] & _COLOURS) if head[10] & _COLOURS_FOLLOW else 0
    place = _GIF_HEAD + colours
    while head[place] == _EXTENSION:
        kind, parts = head[place + 1], []
        place += 2
        while size := head[place]:
            parts.append(head[place + 1 : place + 1 + size])
            place += 1 + size
        place += 1
        if kind == _APPLICATION and parts[0] in _LOOPING and len(parts) > 1 and parts[1][0] == 1:
            return int(struct.unpack_from("<H", parts[1], 1)[0])
    return ONCE


def _of_png(head: bytes) -> int:
    place = _PNG_HEAD
    while True:
        size, kind = struct.unpack_from(">I4s", head, place)
        if kind == b"acTL":
            return _again(struct.unpack_from(">II", head, place + 8)[1])
        place += 12 + size


def _of_webp(head: bytes) -> int:
    place = _RIFF_HEAD
    while True:
        kind, size = struct.unpack_from("<4sI", head, place)
        if kind == b"ANIM":
            return _again(struct.unpack_from("<IH", head, place + 8)[1])
        place += 8 + size + size % 2


def _again(shown: int) -> int:
    """PNG and WebP count how often it is shown in all, 0 for without end; a GIF how often more."""
    most = 0xFFFF
    return ENDLESS if shown == 0 else ONCE if shown == 1 else min(shown - 1, most)


_READERS: dict[str, Callable[[bytes], int]] = {"gif": _of_gif, "apng": _of_png, "webp": _of_webp}
"""By FFmpeg's name of the demuxer."""
