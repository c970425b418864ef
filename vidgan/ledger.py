"""Finished chunks on disk: written once, durable, and found again after a crash.

A ledger is a folder beside the output, one file for each chunk:

    magic (8 bytes) | length of the index (4, little-endian) | index (JSON) | packets | SHA-256

The name of a file is the hash of all that decided its contents, so it can only be used for what
it was made for; the SHA-256 of all before it shows that it is whole. A file gets its name by a
rename after an fsync, so a crash leaves either a whole file or a `.part` that nobody reads.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import struct
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from cyclegan.checkpoint import write_atomically
from vidgan.errors import OutputError
from vidgan.media.types import Chunk, EncodedChunk, Packet, VideoStream

MAGIC = b"vidgan\x00\x01"
NOTE = "finished.json"
"""See `vidgan.finished`."""


def ledger_of(output: Path) -> Path:
    """The folder for the finished chunks of an output."""
    return output.with_name(output.name + ".vidgan")


def chunk_key(chunk: Chunk, video: VideoStream, settings: bytes) -> str:
    """A hash of the input packets, the stream's description, and `settings` (all else)."""
    digest = hashlib.sha256(settings)
    digest.update(repr((asdict(video), chunk.index, chunk.owned)).encode())
    for packet in (*chunk.packets, *([chunk.fallback] if chunk.fallback else [])):
        facts = (packet.pts, packet.dts, packet.duration, packet.is_keyframe, packet.is_discard)
        digest.update(repr((facts, len(packet.data))).encode())
        digest.update(packet.data)
    return digest.hexdigest()


class Ledger:
    """The finished chunks of one output; as a context it is held by one conversion at a time.

    Raises:
        OutputError: another conversion holds it, or the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None

    def __enter__(self) -> "Ledger":
        try:
            self._lock = self._locked()
        except BlockingIOError as exc:
            raise OutputError(
                f"{self.folder}: another conversion is writing this output; wait for it, "
                "or choose another output"
            ) from exc
        except OSError as exc:
            raise OutputError(
                f"{self.folder}: this folder, for finished parts, cannot be made or written to "
                f"({exc.strerror}); choose another output with -o"
            ) from exc
        for part in self.folder.glob("*.part"):
            part.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._lock is None:
            return
        with contextlib.suppress(OSError):  # not empty: what is in it is for the next try
            self.folder.rmdir()
        self._unlock()

    def _locked(self) -> int:
        """The folder, open and locked; another may remove it between the two, then once more."""
        while True:
            self.folder.mkdir(exist_ok=True)
            lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self.folder.exists() and os.path.samestat(os.fstat(lock), self.folder.stat()):
                    return lock
            except OSError:
                os.close(lock)
                raise
            os.close(lock)

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, key: str, chunk: EncodedChunk) -> None:
        """Keep a finished chunk; the first valid one of a key stays.

        Raises:
            OutputError: the disk is full, or the folder has gone.
        """
        if self.read(key) is not None:
            return
        data = to_bytes(chunk)
        try:
            write_atomically(self._path(key), lambda part: part.write_bytes(data))
        except OSError as exc:
            raise OutputError(
                f"{self.folder}: a finished part cannot be kept ({exc.strerror}); make room and "
                "run the same command again, it goes on from here"
            ) from exc

    def read(self, key: str) -> EncodedChunk | None:
        """The chunk of this key, or None where there is none or its file is damaged."""
        try:
            return from_bytes(self._path(key).read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def clear(self) -> None:
        """Throw away what a ledger writes, the note last; what else may lie there is somebody's."""
        for pattern in ("*.chunk", "*.part", NOTE):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.chunk"


def to_bytes(chunk: EncodedChunk) -> bytes:
    """The file of one chunk."""
    index = {
        "index": chunk.index,
        "lost": chunk.lost,
        "packets": [
            (len(p.data), p.pts, p.dts, p.duration, p.is_keyframe, p.is_discard)
            for p in chunk.packets
        ],
    }
    header = json.dumps(index, separators=(",", ":")).encode()
    body = b"".join(packet.data for packet in chunk.packets)
    whole = MAGIC + struct.pack("<I", len(header)) + header + body
    return whole + hashlib.sha256(whole).digest()


def from_bytes(data: bytes) -> EncodedChunk:
    """Read what `to_bytes` made.

    Raises:
        ValueError: it is not that, or damaged.
    """
    whole, digest = data[:-32], data[-32:]
    if not whole.startswith(MAGIC) or hashlib.sha256(whole).digest() != digest:
        raise ValueError("not the file of a chunk, or damaged")
    start = len(MAGIC) + 4
    (length,) = struct.unpack("<I", whole[len(MAGIC) : start])
    index = json.loads(whole[start : start + length])
    at = start + length
    packets = []
    for size, pts, dts, duration, is_keyframe, is_discard in index["packets"]:
        packets.append(
            Packet(
                data=whole[at : at + size],
                pts=pts,
                dts=dts,
                duration=duration,
                is_keyframe=is_keyframe,
                is_discard=is_discard,
            )
        )
        at += size
    return EncodedChunk(index=index["index"], packets=tuple(packets), lost=tuple(index["lost"]))
