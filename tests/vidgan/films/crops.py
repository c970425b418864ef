"""Films whose containers show a part of each picture: written into the bytes of plain ones."""

from pathlib import Path

_MP4_PATH = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
_COLOUR = b"\x55\xb0"
_CROPS = {"bottom": b"\x54\xaa", "top": b"\x54\xbb", "left": b"\x54\xcc", "right": b"\x54\xdd"}


def with_clap(path: Path, *, stored: tuple[int, int], shown: tuple[int, int, int, int]) -> Path:
    """An mp4 or mov whose moov comes last, with a clean aperture (ISO/IEC 14496-12, 12.1.4).

    `shown` is left, top, width, height. The aperture's centre is said as an offset of halves from
    that of the stored picture.
    """
    left, top, width, height = shown
    across = 2 * left + width - stored[0]
    down = 2 * top + height - stored[1]
    numbers = (width, 1, height, 1, across, 2, down, 2)
    body = b"".join(number.to_bytes(4, signed=True) for number in numbers)
    box = (8 + len(body)).to_bytes(4) + b"clap" + body
    data = bytearray(path.read_bytes())
    start, end, parents = 0, len(data), []
    for name in _MP4_PATH:
        at = _find(data, name, start, end)
        parents.append(at)
        start, end = at + 8, at + int.from_bytes(data[at : at + 4])
    entry = start + 8  # the version and the count come before the first sample entry
    parents.append(entry)
    end = entry + int.from_bytes(data[entry : entry + 4])
    data[end:end] = box
    for at in parents:
        size = int.from_bytes(data[at : at + 4]) + len(box)
        data[at : at + 4] = size.to_bytes(4)
    path.write_bytes(data)
    return path


def _find(data: bytearray, name: bytes, start: int, end: int) -> int:
    while start < end:
        if data[start + 4 : start + 8] == name:
            return start
        start += int.from_bytes(data[start : start + 4])
    raise AssertionError(f"no {name!r}")


def with_pixel_crop(path: Path, **pixels: int) -> Path:
    """A Matroska file of coloured video, its Colour element exchanged for PixelCrop ones.

    The size of the file stays, and so do all places in it.
    """
    data = bytearray(path.read_bytes())
    at = data.index(_COLOUR)
    size = data[at + 2] & 0x7F
    assert data[at + 2] & 0x80, "a size of one byte"
    crops = b"".join(_CROPS[side] + b"\x81" + bytes([n]) for side, n in pixels.items())
    rest = 3 + size - len(crops)
    assert rest >= 2
    void = b"\xec" + bytes([0x80 | (rest - 2)]) + bytes(rest - 2)
    data[at : at + 3 + size] = crops + void
    path.write_bytes(data)
    return path
