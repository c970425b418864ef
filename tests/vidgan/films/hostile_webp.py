"""An animation whose few bytes ask for any number of pictures of any size."""

import struct
from io import BytesIO
from pathlib import Path

from PIL import Image


def write_hostile_webp(path: Path, *, size: tuple[int, int], frames: int) -> Path:
    """Each picture changes one pixel of the canvas (RFC 9649, 2.7)."""
    dot = BytesIO()
    Image.new("RGBA", (1, 1), (255, 0, 0, 255)).save(dot, "WEBP", lossless=True)
    bitstream = dot.getvalue()[12:]
    canvas = bytes([0b0001_0010, 0, 0, 0]) + _three(size[0] - 1) + _three(size[1] - 1)
    head = b"WEBP" + _chunk(b"VP8X", canvas) + _chunk(b"ANIM", bytes(6))
    picture = _chunk(b"ANMF", bytes(12) + _three(40) + b"\0" + bitstream)
    body = head + picture * frames
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def _three(number: int) -> bytes:
    return struct.pack("<I", number)[:3]


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2)
