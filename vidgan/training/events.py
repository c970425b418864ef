"""Files of events as TensorBoard reads them, written as we go.

A file is a row of records: the length of the data in 8 bytes, a checksum of those, the data, a
checksum of the data (TFRecord); the data of each is an `Event` in protocol buffers' wire format
(tensorflow/core/util/event.proto, framework/summary.proto). The usual writers do this in a thread
of their own behind a bounded queue: on a full disk the thread ends, and the training waits for it
for ever. Here an error reaches the caller.
"""

import struct
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_VERSION = b"brain.Event:2"
_SESSION_STARTS = 1

# Numbers of fields.
_WALL_TIME, _STEP, _FILE_VERSION, _SUMMARY, _SESSION_LOG = 1, 2, 3, 5, 7
_STATUS = 1
_VALUE = 1
_TAG, _SIMPLE_VALUE, _IMAGE = 1, 2, 4
_HEIGHT, _WIDTH, _COLORSPACE, _ENCODED = 1, 2, 3, 4
_RGB = 3

# Types on the wire.
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5


class EventFile:
    """One new file of events in `folder`, after those that are there.

    `first_step` says where this part of the training starts: readers forget what earlier parts
    say of that step and later ones.

    Raises:
        OSError: no room, no permission; also from each call.
    """

    def __init__(self, folder: Path, *, first_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1 + max((_number(path) for path in folder.glob("*.tfevents.*")), default=0)
        self._file = (folder / f"events.out.tfevents.{number:06d}").open("xb", buffering=0)
        self._write(_bytes(_FILE_VERSION, _VERSION))
        self.restart(first_step)

    def restart(self, step: int) -> None:
        """What was said of `step` and later ones no longer holds: they are taken again."""
        self._write(_varint(_STEP, step) + _bytes(_SESSION_LOG, _varint(_STATUS, _SESSION_STARTS)))

    def scalars(self, values: Mapping[str, float], *, step: int) -> None:
        """Numbers by their tags."""
        summary = b"".join(
            _bytes(_VALUE, _bytes(_TAG, tag.encode()) + _float(_SIMPLE_VALUE, value))
            for tag, value in values.items()
        )
        self._write(_varint(_STEP, step) + _bytes(_SUMMARY, summary))

    def image(self, tag: str, encoded: bytes, *, size: tuple[int, int], step: int) -> None:
        """A picture as JPEG or PNG; `size` is its width and height."""
        image = _varint(_HEIGHT, size[1]) + _varint(_WIDTH, size[0]) + _varint(_COLORSPACE, _RGB)
        value = _bytes(_TAG, tag.encode()) + _bytes(_IMAGE, image + _bytes(_ENCODED, encoded))
        self._write(_varint(_STEP, step) + _bytes(_SUMMARY, _bytes(_VALUE, value)))

    def close(self) -> None:
        """Nothing more will come."""
        self._file.close()

    def _write(self, event: bytes) -> None:
        """One record, in one piece: a crash leaves the last one cut off at worst."""
        data = _key(_WALL_TIME, _DOUBLE) + struct.pack("<d", time.time()) + event
        length = struct.pack("<Q", len(data))
        record = length + _checksum(length) + data + _checksum(data)
        written = self._file.write(record)
        if written != len(record):  # the disk is full; the rest would be refused
            self._file.truncate(self._file.tell() - written)
            self._file.seek(0, 2)
            raise OSError(28, "No space left on device")


def _number(path: Path) -> int:
    digits = path.suffix.removeprefix(".")
    return int(digits) if digits.isdecimal() else 0


def _key(field: int, kind: int) -> bytes:
    return bytes([field << 3 | kind])


def _varint(field: int, value: int) -> bytes:
    return _key(field, _VARINT) + _number_of_bytes(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, _BYTES) + _number_of_bytes(len(value)) + value


def _float(field: int, value: float) -> bytes:
    return _key(field, _FLOAT) + struct.pack("<f", value)


def _number_of_bytes(value: int) -> bytes:
    """A whole number from 0 on, seven bits a byte, the lowest first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _checksum(data: bytes) -> bytes:
    """CRC-32C, rotated and shifted as TFRecord has it."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """The Castagnoli polynomial's checksum (RFC 3720, B.4)."""
    table = _crc_table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@cache
def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table
