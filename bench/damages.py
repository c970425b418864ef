"""How the films of bench/fuzz.py are damaged: bytes, boxes and packets, by chance."""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BOXES = (
    *(b"moov", b"trak", b"mdia", b"stbl", b"stts", b"ctts", b"stsz", b"stsc", b"stco", b"elst"),
    *(b"stsd", b"avcC", b"mdat", b"tkhd", b"mdhd", b"mvhd", b"hdlr", b"chpl", b"esds", b"stss"),
    *(b"hdrl", b"strl", b"movi", b"idx1", b"strh", b"strf", b"ANIM", b"ANMF", b"acTL", b"fcTL"),
)
"""Names of boxes of mp4, and of chunks of AVI, WebP and PNG."""


@dataclass(frozen=True, slots=True)
class Original:
    """A film that is whole."""

    name: str
    data: bytes
    packets: tuple[tuple[int, int], ...]
    """Where each begins, and how many bytes it has, as far as its container says."""


def read_original(path: Path) -> Original:
    """A film, and where its packets are."""
    import av

    packets: list[tuple[int, int]] = []
    try:
        with av.open(str(path)) as container:
            packets += [(p.pos, p.size) for p in container.demux() if p.size and p.pos is not None]
    except av.FFmpegError:  # an animated WebP, which FFmpeg does not read
        pass
    return Original(path.name, path.read_bytes(), tuple(p for p in packets if p[0] >= 0))


def damaged(original: Original, rng: random.Random) -> bytes:
    """A copy that is hurt once, or a few times."""
    data = bytearray(original.data)
    if original.packets and rng.random() < 0.2:
        _swap_packets(data, original.packets, rng)
    for damage in rng.choices(DAMAGES, k=rng.choice((1, 1, 1, 2, 3))):
        if len(data) > 64:
            damage(data, rng)
    return bytes(data)


def _swap_packets(data: bytearray, packets: Sequence[tuple[int, int]], rng: random.Random) -> None:
    """Two packets exchange their bytes; what is said of them stays as it was."""
    (one, first), (other, second) = sorted(rng.choices(packets, k=2))
    if one + first <= other:
        between = data[one + first : other]
        data[one : other + second] = (
            data[other : other + second] + between + data[one : one + first]
        )


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 4, 30, 200))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _flip_in_header(data: bytearray, rng: random.Random) -> None:
    """Where what a container says of its streams is, at the beginning or at the end."""
    size = min(len(data), 700)
    start = rng.choice((0, len(data) - size))
    for _ in range(rng.choice((1, 2, 6))):
        data[start + rng.randrange(size)] ^= 1 << rng.randrange(8)


def _cut_end(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(1, len(data)) :]


def _cut_out(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 7, 188, 1000))]


def _zero(data: bytearray, rng: random.Random) -> None:
    start, length = rng.randrange(len(data)), rng.choice((4, 64, 900))
    data[start : start + length] = bytes(len(data[start : start + length]))


def _repeat(data: bytearray, rng: random.Random) -> None:
    start, length = rng.randrange(len(data)), rng.choice((16, 188, 2000))
    data[start:start] = data[start : start + length]


def _exchange(data: bytearray, rng: random.Random) -> None:
    """Two parts of one length, as packets are that come in the wrong order."""
    length = rng.choice((32, 188, 600))
    one, other = sorted(rng.randrange(max(1, len(data) - length)) for _ in range(2))
    if other - one >= length:
        first, second = data[one : one + length], data[other : other + length]
        data[one : one + length], data[other : other + length] = second, first


def _resize_box(data: bytearray, rng: random.Random) -> None:
    """The size of a box, or one of the first numbers in it, becomes another."""
    places = [at for name in BOXES if (at := data.find(name)) >= 4]
    if not places:
        _flip_in_header(data, rng)
        return
    at = rng.choice(places) + rng.choice((-4, 4, 8, 12, 16))
    if at + 4 <= len(data):
        value = rng.choice((0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32)))
        data[at : at + 4] = struct.pack(">I", value)


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip, _flip, _flip_in_header, _cut_end, _cut_out, _zero),
    *(_repeat, _exchange, _resize_box, _resize_box),
)
