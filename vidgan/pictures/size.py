"""How large a photograph's pictures are, by its headers: read in no time, whatever they claim.

Sources: PNG, third edition, 11.2.1; ITU T.81, annex B; RFC 9649, section 2; TIFF 6.0, section 2,
and BigTIFF's wider fields.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from vidgan.pictures.picture import MOST_PIXELS

Size = tuple[int, int]
"""Width and height."""

MOST_PAGES, MOST_TAGS = 20_000, 2_000_000
"""Of a TIFF, of all its pages; Pillow takes seconds for these."""

_PIXELS_PER_BYTE = 4
"""Roughly, of a file whose header cannot be read."""
_MOST_SEGMENTS = 10_000  # of a JPEG, before its picture; 64 kB each
_FIRST_TAGS = 32  # of a page: they are in order, and its size is among the first four
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WIDTH, _HEIGHT = 256, 257
_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Of a TIFF's whole numbers, by the type of a tag."""


def count_pixels(data: bytes) -> int:
    """Pixels of all pictures in a file, at least 1; a guess where its header says nothing of use.

    No picture counts for more than is allowed; larger ones are refused at once.
    """
    try:
        sizes = list(islice(_sizes(data), MOST_PAGES))
    except (struct.error, ValueError):
        sizes = []
    if not sizes:
        return max(1, _PIXELS_PER_BYTE * len(data))
    return max(1, sum(min(MOST_PIXELS, width * height) for width, height in sizes))


def _sizes(data: bytes) -> Iterator[Size]:
    if data[:4] in _LAYOUTS:
        yield from tiff_sizes(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        yield struct.unpack_from(">II", data, 16)
    elif data.startswith(b"\xff\xd8"):
        yield from _jpeg_size(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        yield from _webp_size(data)


def _jpeg_size(data: bytes) -> Iterator[Size]:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        mark, kind = struct.unpack_from(">BB", data, at)
        if mark != 0xFF:
            return
        if kind in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            yield width, height
            return
        if kind == 0xFF:  # filling
            at += 1
        elif kind in _NO_LENGTH:
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _webp_size(data: bytes) -> Iterator[Size]:
    match data[12:16]:
        case b"VP8X":
            yield (
                1 + int.from_bytes(data[24:27], "little"),
                1 + int.from_bytes(data[27:30], "little"),
            )
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            yield 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            yield width & 0x3FFF, height & 0x3FFF


@dataclass(frozen=True, slots=True)
class _Layout:
    """Of a TIFF: its byte order, and struct's letters for a number of tags and for a place."""

    order: str
    count: str
    place: str

    def read(self, letter: str, data: bytes, at: int) -> int:
        """One number."""
        if at > len(data):  # and perhaps more than `struct` takes
            raise struct.error("beyond the end")
        return int(struct.unpack_from(self.order + letter, data, at)[0])

    @property
    def first(self) -> int:
        """Where the place of the first page is written."""
        return 4 if self.place == "I" else 8

    @property
    def value(self) -> int:
        """Where the value is in a tag."""
        return 4 + struct.calcsize(self.place)


_LAYOUTS = {
    b"II\x2a\0": _Layout("<", "H", "I"),
    b"MM\0\x2a": _Layout(">", "H", "I"),
    b"II\0\x2a": _Layout("<", "H", "I"),  # these two are wrong, and read by Pillow
    b"MM\x2a\0": _Layout(">", "H", "I"),
    b"II\x2b\0": _Layout("<", "Q", "Q"),
    b"MM\0\x2b": _Layout(">", "Q", "Q"),
}


def tiff_sizes(data: bytes) -> Iterator[Size]:
    """The size of each page of a TIFF, previews and masks among them; where it is cut off, no more.

    A page that hides its size has none.

    Raises:
        ValueError: the pages have more tags than any file needs.
    """
    with suppress(struct.error):
        yield from _page_sizes(data)


def _page_sizes(data: bytes) -> Iterator[Size]:
    layout = _LAYOUTS[data[:4]]
    link, seen, tags = layout.first, set[int](), 0
    while (page := layout.read(layout.place, data, link)) and page not in seen:
        seen.add(page)
        count = layout.read(layout.count, data, page)
        tags += count
        if tags > MOST_TAGS:
            raise ValueError(f"it has more than {MOST_TAGS:,} tags")
        first = page + struct.calcsize(layout.count)
        length = layout.value + struct.calcsize(layout.place)
        link = first + count * length
        found = dict(_numbers(layout, data, range(first, link, length)[:_FIRST_TAGS]))
        yield found.get(_WIDTH, 0), found.get(_HEIGHT, 0)


def _numbers(layout: _Layout, data: bytes, places: range) -> Iterator[tuple[int, int]]:
    """Width and height among the tags at these places."""
    for at in places:
        tag = layout.read("H", data, at)
        letter = _FORMATS.get(layout.read("H", data, at + 2))
        if tag in (_WIDTH, _HEIGHT) and letter is not None:
            yield tag, layout.read(letter, data, at + layout.value)
