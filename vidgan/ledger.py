"""Finished chunks: written once, durable, and found again after a crash.

A ledger is a folder beside the output, wherever that is, with one file for each chunk:

    magic (8 bytes) | length of the index (4, little-endian) | index (JSON) | packets | SHA-256

Of a packet that has alpha beside it, this follows it.

The name of a file is the hash of all that decided its contents, so it can only be used for what
it was made for; the SHA-256 of all before it shows that it is whole. A file gets its name by a
rename after an fsync, so a crash leaves either a whole file or a `.part` that nobody reads.
"""

import hashlib
import json
import struct
from dataclasses import asdict
from types import TracebackType

from vidgan.media.types import Change, Chunk, EncodedChunk, Packet, VideoStream
from vidgan.places import Place
from vidgan.shelf import shelf_at

MAGIC = b"vidgan\x00\x03"
NOTE = "finished.json"
"""See `vidgan.finished`."""


def ledger_of(output: Place) -> Place:
    """The folder for the finished chunks of an output."""
    return output.with_name(output.name + ".vidgan")


def chunk_key(chunk: Chunk, video: VideoStream, settings: bytes) -> str:
    """A hash of the input packets, the stream's description, and `settings` (all else)."""
    digest = hashlib.sha256(settings)
    digest.update(repr((asdict(video), chunk.index, chunk.owned)).encode())
    for packet in (*chunk.packets, *([chunk.fallback] if chunk.fallback else [])):
        facts = (packet.pts, packet.dts, packet.duration, packet.is_keyframe, packet.is_discard)
        digest.update(repr((facts, len(packet.data))).encode())
        digest.update(packet.data + packet.alpha)
    return digest.hexdigest()


class Ledger:
    """The finished chunks of one output; as a context it is held by one conversion at a time.

    Raises:
        OutputError: another conversion holds it, or the folder cannot be written to.
    """

    def __init__(self, folder: Place) -> None:
        self.folder = folder
        self._shelf = shelf_at(folder)

    def __enter__(self) -> "Ledger":
        self._shelf.hold()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._shelf.release()

    def write(self, key: str, chunk: EncodedChunk) -> None:
        """Keep a finished chunk; the first valid one of a key stays.

        Raises:
            OutputError: the disk is full, or the folder has gone.
            RemoteError: the server does not take it.
        """
        if self.read(key) is None:
            self._shelf.write(f"{key}.chunk", to_bytes(chunk))

    def read(self, key: str) -> EncodedChunk | None:
        """The chunk of this key, or None where there is none or its file is damaged."""
        try:
            data = self._shelf.read(f"{key}.chunk")
            return None if data is None else from_bytes(data)
        except ValueError:
            return None

    def clear(self) -> None:
        """Throw away what a ledger writes, the note last; what else may lie there is somebody's."""
        for pattern in ("*.chunk", "*.part", NOTE):
            self._shelf.clear(pattern)


def to_bytes(chunk: EncodedChunk) -> bytes:
    """The file of one chunk."""
    index = {
        "index": chunk.index,
        "lost": chunk.lost,
        "changes": chunk.changes,
        "packets": [
            (len(p.data), p.pts, p.dts, p.duration, p.is_keyframe, p.is_discard, len(p.alpha))
            for p in chunk.packets
        ],
    }
    header = json.dumps(index, separators=(",", ":")).encode()
    body = b"".join(packet.data + packet.alpha for packet in chunk.packets)
    whole = MAGIC + struct.pack("<I", len(header)) + header + body
    return whole + hashlib.sha256(whole).digest()


def from_bytes(data: bytes) -> EncodedChunk:
    """Read what `to_bytes` made.

    Raises:
        ValueError: it is not that, or damaged, or made to look like it.
    """
    whole, digest = data[:-32], data[-32:]
    if not whole.startswith(MAGIC) or hashlib.sha256(whole).digest() != digest:
        raise ValueError("not the file of a chunk, or damaged")
    try:
        return _chunk(whole[len(MAGIC) :])
    except (struct.error, LookupError, TypeError, RecursionError) as error:
        raise ValueError("not what a chunk's file holds") from error


def _chunk(body: bytes) -> EncodedChunk:
    """The hash shows that it is whole, not who wrote it."""
    (length,) = struct.unpack("<I", body[:4])
    index = json.loads(body[4 : 4 + length])
    at = 4 + length
    packets = []
    for size, pts, dts, duration, is_keyframe, is_discard, size_of_alpha in index["packets"]:
        middle = at + _number(size, least=0)
        end = middle + _number(size_of_alpha, least=0)
        packets.append(
            Packet(
                data=body[at:middle],
                pts=_number(pts),
                dts=None if dts is None else _number(dts),
                duration=_number(duration),
                is_keyframe=is_keyframe is True,
                is_discard=is_discard is True,
                alpha=body[middle:end],
            )
        )
        at = end
    if at != len(body):
        raise ValueError("sizes that do not fit")
    return EncodedChunk(
        index=_number(index["index"], least=0),
        packets=tuple(packets),
        lost=tuple(map(_number, index["lost"])),
        changes=tuple(Change(_text(what), _text(told)) for what, told in index["changes"]),
    )


def _text(value: object) -> str:
    """Words for the screen, where codes would be obeyed."""
    if not isinstance(value, str) or not value.isprintable():
        raise TypeError(f"not a text: {value!r}")
    return value


def _number(value: object, *, least: int = -(2**63)) -> int:
    """A whole number as FFmpeg holds them."""
    if type(value) is not int or not least <= value < 2**63:
        raise TypeError(f"not a number: {value!r}")
    return value
