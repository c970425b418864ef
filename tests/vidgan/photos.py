"""Photographs for tests: files, levels of 16 bits by FFmpeg, and colour profiles by ICC.1."""

import io
import struct
import zlib
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Frames = NDArray[np.uint8]
Deep = NDArray[np.uint16]

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
PROPHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
"""XYZ of red, green and blue under D50, as their profiles have them."""


def negative(frames: Frames) -> Frames:
    return 255 - frames


def same(frames: Frames) -> Frames:
    return frames


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def decode(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def shared_pages(pages: int, size: tuple[int, int]) -> bytes:
    """A TIFF whose pages all have the same grey pixels: a few bytes for any number."""
    width, height = size
    pixels = zlib.compress(b"\x80" * (width * height), 9)
    out = bytearray(b"II\x2a\0\0\0\0\0") + pixels
    link = 4
    for _ in range(pages):
        out += bytes(len(out) % 2)
        out[link : link + 4] = struct.pack("<I", len(out))
        places = {273: 8, 278: height, 279: len(pixels)}
        values = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 277: 1, **places}
        out += struct.pack("<H", len(values))
        out += b"".join(struct.pack("<HHII", tag, 4, 1, values[tag]) for tag in sorted(values))
        link = len(out)
        out += bytes(4)
    return bytes(out)


def gradient(width: int = 24, height: int = 16) -> Frames:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 10, y * 15, x * 0 + 90], axis=2).astype(np.uint8)


def deep_noise(channels: int, seed: int = 0) -> Deep:
    """Levels of 16 bits, (16, 24, channels)."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 65536, (16, 24, channels), dtype=np.uint16)


def encode_deep(kind: str, levels: Deep, **options: str) -> bytes:
    """A PNG or TIFF file by FFmpeg."""
    order = ">" if kind == "png" else "<"
    formats = {1: "gray16", 2: "ya16", 3: "rgb48", 4: "rgba64"}
    height, width, channels = levels.shape
    codec = av.CodecContext.create(kind, "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.options = width, height, options
    codec.pix_fmt = formats[channels] + ("be" if order == ">" else "le")
    codec.time_base = Fraction(1, 25)
    frame = av.VideoFrame(width, height, codec.pix_fmt)
    plane = frame.planes[0]
    rows = np.zeros((height, plane.line_size), np.uint8)
    rows[:, : width * channels * 2] = levels.astype(f"{order}u2").reshape(height, -1).view(np.uint8)
    plane.update(rows.tobytes())
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def decode_deep(kind: str, data: bytes) -> Deep:
    """A PNG or TIFF file of 16 bits by FFmpeg: (H, W, channels)."""
    codec = av.CodecContext.create(kind, "r")
    assert isinstance(codec, av.VideoCodecContext)
    (frame,) = [*codec.decode(av.Packet(data)), *codec.decode(None)]
    channels = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}[frame.format.name[:-2]]
    order = ">" if frame.format.name.endswith("be") else "<"
    plane = frame.planes[0]
    rows = np.frombuffer(bytes(plane), np.uint8).reshape(frame.height, plane.line_size)
    used = np.ascontiguousarray(rows[:, : frame.width * channels * 2])
    return used.view(f"{order}u2").reshape(frame.height, frame.width, channels).astype(np.uint16)


def rgb_profile(primaries: tuple[tuple[float, float, float], ...], gamma: float | None) -> bytes:
    """A matrix profile; gamma None is the curve of sRGB."""
    curve = _curve(gamma)
    tags = {f"{c}XYZ".encode(): _xyz(p) for c, p in zip("rgb", primaries, strict=True)}
    return profile(b"RGB ", tags | {f"{c}TRC".encode(): curve for c in "rgb"})


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", {b"kTRC": _curve(gamma)})


def table_profile(space: bytes, corners: NDArray[np.float64]) -> bytes:
    """A profile that knows the way from the device only: Lab at its 2**n corners."""
    inks = {b"CMYK": 4, b"RGB ": 3}[space]
    lab = np.column_stack([corners[:, 0] * 2.55, corners[:, 1] + 128, corners[:, 2] + 128])
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([inks, 3, 2, 0])
    table += struct.pack(">9i", *(65536 * (i in (0, 4, 8)) for i in range(9)))
    table += ramp * inks + lab.round().clip(0, 255).astype(np.uint8).tobytes() + ramp * 3
    return profile(space, {b"A2B0": table}, connection=b"Lab ")


def profile(space: bytes, tags: dict[bytes, bytes], *, connection: bytes = b"XYZ ") -> bytes:
    """ICC.1:2001-04: header, table of tags, tags."""
    tags = tags | {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text\0\0\0\0free\0",
        b"wtpt": _xyz((0.9642, 1.0, 0.82491)),
    }
    body, table = b"", struct.pack(">I", len(tags))
    for name, data in tags.items():
        at = 128 + 4 + 12 * len(tags) + len(body)
        table += name + struct.pack(">II", at, len(data))
        body += data + bytes(-len(data) % 4)
    kind = b"prtr" if space == b"CMYK" else b"scnr" if connection == b"Lab " else b"mntr"
    header = struct.pack(
        ">I4sI4s4s4s12s4s", 128 + len(table) + len(body), b"", 0x02400000, kind, space, connection,
        struct.pack(">6H", 2020, 1, 1, 0, 0, 0), b"acsp",
    )  # fmt: skip
    return header + bytes(28) + _xyz((0.9642, 1.0, 0.82491))[8:] + bytes(48) + table + body


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0" + struct.pack(">HH5i", 3, 0, *(round(n * 65536) for n in numbers))
