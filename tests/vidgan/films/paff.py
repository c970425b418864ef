"""H.264 whose pictures are coded as two fields each, as camcorders do it: written bit by bit.

No encoder here does that. Every macroblock is I_PCM, plain samples, so that a few headers suffice
(ITU-T H.264, 7.3).
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
TICK = Fraction(1, 90_000)
_MAIN, _LEVEL_3, _I_SLICES, _I_PCM = 77, 30, 7, 25
_SLICE, _IDR, _SPS, _PPS = 1, 5, 7, 8
_COUNT_BITS = 8
_DELIMITER = b"\0\0\0\1\x09\x10"


class _Writer:
    """Numbers to bits."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def put(self, value: int, count: int) -> None:
        self._bits += [value >> place & 1 for place in reversed(range(count))]

    def golombs(self, *values: int) -> None:
        for value in values:
            size = (value + 1).bit_length()
            self.put(value + 1, 2 * size - 1)

    def samples(self, block: Pixels) -> None:
        self.put(0, -len(self._bits) % 8)
        self._bits += np.unpackbits(block.reshape(-1)).tolist()

    def unit(self, kind: int) -> bytes:
        """With its last bit and its start code, and the bytes that keep such codes out of it."""
        self.put(1, 1)
        self.put(0, -len(self._bits) % 8)
        out = bytearray()
        for byte in np.packbits(np.array(self._bits, np.uint8)).tobytes():
            if byte <= 3 and out[-2:] == b"\0\0":
                out.append(3)
            out.append(byte)
        return b"\0\0\0\1" + bytes([3 << 5 | kind]) + bytes(out)


def _parameter_sets(width: int, height: int) -> bytes:
    sequence = _Writer()
    for byte in (_MAIN, 0, _LEVEL_3):
        sequence.put(byte, 8)
    sequence.golombs(0, _COUNT_BITS - 4, 0, _COUNT_BITS - 4, 1)
    sequence.put(0, 1)
    sequence.golombs(width // 16 - 1, height // 32 - 1)
    sequence.put(0b001_00, 5)  # not frames alone, no macroblocks that choose; no crop, no VUI
    picture = _Writer()
    picture.golombs(0, 0)
    picture.put(0, 2)
    picture.golombs(0, 0, 0)
    picture.put(0, 3)
    picture.golombs(0, 0, 0)
    picture.put(0, 3)
    return sequence.unit(_SPS) + picture.unit(_PPS)


def _field(planes: Sequence[Pixels], place: int, *, bottom: bool) -> bytes:
    """One field of the picture at a place in its GOP."""
    is_idr = place == 0 and not bottom
    slice_ = _Writer()
    slice_.golombs(0, _I_SLICES, 0)
    slice_.put(place, _COUNT_BITS)
    slice_.put(0b10 + bottom, 2)
    if is_idr:
        slice_.golombs(0)
    slice_.put(2 * place + bottom, _COUNT_BITS)
    slice_.put(0, 2 if is_idr else 1)
    slice_.golombs(0)
    for row in range(planes[0].shape[0] // 16):
        for column in range(planes[0].shape[1] // 16):
            slice_.golombs(_I_PCM)
            for plane, side in zip(planes, (16, 8, 8), strict=True):
                across = slice(column * side, (column + 1) * side)
                slice_.samples(plane[row * side : (row + 1) * side, across])
    return slice_.unit(_IDR if is_idr else _SLICE)


def _planes(picture: Pixels) -> list[Pixels]:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
    return [
        np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    ]


def write_paff(
    path: Path, pictures: Sequence[Pixels], *, gop: int = 4, apart: bool = False
) -> Path:
    """A film of 25 pictures a second, each coded as a field above and one below.

    `pictures` are uint8 (H, W, 3), of multiples of 32 lines and 16 columns. A transport stream says
    one time for both fields, as those of camcorders do; .h264 says none. With `apart` each field
    has a packet and a time of its own, as in copies that FFmpeg makes.
    """
    height, width = pictures[0].shape[:2]
    coded = []
    for number, picture in enumerate(pictures):
        planes, place = _planes(picture), number % gop
        top = _field([plane[0::2] for plane in planes], place, bottom=False)
        bottom = _field([plane[1::2] for plane in planes], place, bottom=True)
        head = _DELIMITER + (_parameter_sets(width, height) if place == 0 else b"")
        coded += [head + top, _DELIMITER + bottom]
    if path.suffix == ".h264":
        path.write_bytes(b"".join(coded))
        return path
    step = 1800
    if not apart:
        coded = [a + b for a, b in zip(coded[::2], coded[1::2], strict=True)]
        step = 3600
    bare = write_paff(path.with_suffix(".h264"), pictures, gop=gop)
    with av.open(str(bare)) as source, av.open(str(path), "w") as made:
        stream = made.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, data in enumerate(coded):
            packet: Any = av.Packet(data)
            packet.pts = packet.dts = number * step
            packet.duration, packet.time_base = step, TICK
            packet.is_keyframe, packet.stream = number * step % (gop * 3600) == 0, stream
            made.mux_one(packet)
    return path
