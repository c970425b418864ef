"""An mp4 whose pictures change in the middle, as joining two films without encoding makes it."""

from pathlib import Path


def _box(data: bytes, name: bytes) -> tuple[int, int]:
    """Where the only box of this name in an mp4 begins and ends."""
    assert data.count(name) == 1
    start = data.index(name) - 4
    return start, start + int.from_bytes(data[start : start + 4], "big")


def _words(*numbers: int) -> bytes:
    """Of 32 bits, as mp4 writes them."""
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def with_second_description(path: Path, other: Path, copy: Path, *, first: int) -> Path:
    """A copy of an mp4 whose samples after the `first` are described as those of `other`.

    This is what joining two films without encoding can give: two descriptions, and two runs of
    samples. The index stands at the end, and no sample moves.
    """
    data, foreign = path.read_bytes(), other.read_bytes()
    begin, end = _box(data, b"stsz")
    sizes = [int.from_bytes(data[at : at + 4], "big") for at in range(begin + 20, end, 4)]
    start = int.from_bytes(data[_box(data, b"stco")[0] + 16 :][:4], "big")
    data = _resized(data, b"stco", _words(0, 2, start, start + sum(sizes[:first])))
    data = _resized(data, b"stsc", _words(0, 2, 1, first, 1, 2, len(sizes) - first, 2))
    entries = [
        film[_box(film, b"stsd")[0] + 16 : _box(film, b"stsd")[1]] for film in (data, foreign)
    ]
    copy.write_bytes(_resized(data, b"stsd", _words(0, 2) + b"".join(entries)))
    return copy


def _resized(data: bytes, name: bytes, inside: bytes) -> bytes:
    """The mp4 with something else inside the box of this name, and those around it made to fit."""
    begin, end = _box(data, name)
    grown = 8 + len(inside) - (end - begin)
    made = bytearray(data[:begin] + _words(8 + len(inside)) + name + inside + data[end:])
    for outer in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        start, stop = _box(data, outer)
        made[start : start + 4] = _words(stop - start + grown)
    return bytes(made)
