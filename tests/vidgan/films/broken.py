"""Films whose times are missing, repeat, go back or start anew; the pictures are sound."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.stream import Stream

_PICTURE = b"\x00\x00\x01\xb6"
_LAVC = b"\x00\x00\x01\xb2Lavc"
_PACKED = b"\x00\x00\x01\xb2DivX503b1393p\x00"
_SEQUENCE, _EXTENSION = 0xB3, 0xB5
_NOT_CODED = b"\x00\x00\x01\xb6\x51\x9b\x07"  # a P picture that says: as before


def retimed(source: Path, path: Path, times: Sequence[int]) -> Path:
    """The pictures of `source` in Matroska, their packets at these times (ms)."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for i, packet in enumerate(p for p in old.demux(video=0) if p.size):
            packet.stream = stream
            packet.pts, packet.dts, packet.time_base = times[i], i, Fraction(1, 1000)
            new.mux(packet)
    return path


def bare(source: Path, path: Path) -> Path:
    """The video of `source` without a container."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in (p for p in old.demux(video=0) if p.size):
            packet.stream = stream
            new.mux(packet)
    return path


def moved(source: Path, path: Path, seconds: float) -> Path:
    """A transport stream whose clock shows so much more."""
    with av.open(str(source)) as old, av.open(str(path), "w", format="mpegts") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.size:
                _move(packet, streams[packet.stream.index], seconds)
                new.mux(packet)
    return path


def _move(packet: "Packet[Any]", stream: Stream, seconds: float) -> None:
    later = round(Fraction(seconds) / packet.time_base)
    assert packet.pts is not None
    assert packet.dts is not None
    packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, stream


def packed(source: Path, path: Path) -> Path:
    """An AVI of MPEG-4 with one B picture between two others, as DivX 5 packed it.

    A packet holds a P picture and the B picture shown before it; where the B picture's own packet
    would be there is one that holds no picture.
    """
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        stream.codec_context.codec_tag = "DX50"
        packets = [(bytes(p), p.is_keyframe) for p in old.demux(video=0) if p.size]
        for slot, (data, is_keyframe) in enumerate(_pack(packets)):
            packet: Packet[Any] = Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 24)
            packet.pts = packet.dts = slot
            packet.duration, packet.is_keyframe = 1, is_keyframe
            new.mux(packet)
    return path


def _pack(packets: list[tuple[bytes, bool]]) -> list[tuple[bytes, bool]]:
    packets = [(_saying_packed(data), is_keyframe) for data, is_keyframe in packets]
    made: list[tuple[bytes, bool]] = []
    for data, is_keyframe in packets:
        at = data.find(_PICTURE)
        if data[at + 4] >> 6 == 2 and made:
            made[-1] = (made[-1][0] + data, made[-1][1])
            made.append((_NOT_CODED, False))
        else:
            made.append((data, is_keyframe))
    return made


def _saying_packed(data: bytes) -> bytes:
    start = data.find(_LAVC)
    if start < 0:
        return data
    end = data.find(b"\x00\x00\x01", start + 4)
    return data[:start] + _PACKED + data[end:]


def soft_telecine(source: Path, path: Path) -> Path:
    """MPEG-2 whose pictures say, by turns, that they are to be shown for two fields and for three.

    As films of 24 pictures a second lie on DVDs of 59.94 fields (ITU-T H.262, 6.3.10:
    top_field_first and repeat_first_field).
    """
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        fields = Fraction(1001, 60_000)
        decoded = Fraction(0)
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            top_first, repeats = [(1, 1), (0, 0), (0, 1), (1, 0)][number % 4]
            flagged = av.Packet(_with_fields(bytes(packet), top_first, repeats))
            flagged.stream, flagged.time_base = stream, Fraction(1, 90_000)
            flagged.pts = flagged.dts = round(decoded * 90_000)
            flagged.is_keyframe = packet.is_keyframe
            decoded += fields * (3 if repeats else 2)
            new.mux(flagged)
    return path


def _with_fields(data: bytes, top_first: int, repeats: int) -> bytes:
    """Of a picture without B pictures around it; the sequence says 29.97 and "not progressive"."""
    changed, at = bytearray(data), -1
    while (at := changed.find(b"\0\0\x01", at + 1)) >= 0:
        code, kind = changed[at + 3], changed[at + 4] >> 4
        if code == _SEQUENCE:
            changed[at + 7] = changed[at + 7] & 0xF0 | 4
        elif code == _EXTENSION and kind == 1:
            changed[at + 5] &= ~0x08
        elif code == _EXTENSION and kind == 8:
            changed[at + 7] = changed[at + 7] & ~0x82 | top_first << 7 | repeats << 1
            changed[at + 8] |= 0x80
    return bytes(changed)
