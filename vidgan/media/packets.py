"""Packets as a demuxer gives them, to plain values; those of two pictures are taken apart."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet as AvPacket

from vidgan.media.background import read_alpha
from vidgan.media.field_pairs import FieldPairs
from vidgan.media.order import is_mpeg4_intra, is_vp8_hidden
from vidgan.media.types import Packet, VideoStream

_PACKED_MARK = b"\x00\x00\x01\xb2DivX"


@dataclass(frozen=True, slots=True)
class Coming:
    """A packet whose times are still to be believed or not."""

    packet: Packet
    """Its `pts` stands for nothing where none is stated."""
    stated: int | None
    """The presentation time, in ticks, if the container says one."""
    size: int
    """Bytes, whether they are kept or not."""

    def without_data(self) -> "Coming":
        """The same, light."""
        return self if not self.packet.data else replace(self, packet=without_data(self.packet))


def without_data(packet: Packet) -> Packet:
    """For counting, where nothing is decoded."""
    return replace(packet, data=b"") if packet.data else packet


class Incoming:
    """The packets of the pictures, in decode order, each with one picture."""

    def __init__(self, video: VideoStream, container: InputContainer, *, data: bool) -> None:
        """Without `data` that of keyframes alone is kept."""
        self.paired = 0
        """Packets so far that were the second fields of pictures."""
        self._video = video
        self._pairs = FieldPairs(video)
        self._held: Coming | None = None
        self._data = data or video.packed
        self._apart: BitStreamFilterContext | None = None
        if video.packed:
            stream = container.streams[video.index]
            self._apart = BitStreamFilterContext("mpeg4_unpack_bframes", stream)

    def take(self, packet: "AvPacket[Any]") -> Iterator[Coming]:
        """What comes of the next packet; the last one is empty."""
        if self._apart is None:
            if packet.size:
                yield from self._whole(self._plain(packet))
            return
        with suppress(av.FFmpegError):  # a packet that cannot be taken apart cannot be decoded
            for single in self._apart.filter(packet if packet.size else None):
                yield self._plain(single)

    def rest(self) -> Iterator[Coming]:
        """What is still held back when no packet follows."""
        if self._held is not None:
            yield self._held
            self._held = None

    def _whole(self, coming: Coming) -> Iterator[Coming]:
        """A picture's second field goes with its first, for which each packet is held back."""
        if not self._pairs.may_come:
            yield from (*self.rest(), coming)
        elif self._pairs.is_second(coming.packet.data) and self._held is not None:
            self._held = _paired(self._held, coming)
            self.paired += 1
        else:
            yield from self.rest()
            self._held = coming

    def _plain(self, packet: "AvPacket[Any]") -> Coming:
        is_keyframe = packet.is_keyframe
        is_vp8 = self._video.codec in {"vp8", "libvpx"}
        is_looked_into = self._data or is_keyframe or is_vp8 or self._pairs.may_come
        data = bytes(packet) if is_looked_into else b""
        if self._video.packed:  # the filter gives the second picture the flag of the next packet
            is_keyframe = is_mpeg4_intra(data)
        plain = Packet(
            data=data,
            pts=packet.pts if packet.pts is not None else packet.dts or 0,
            dts=packet.dts,
            duration=packet.duration or 0,
            is_keyframe=is_keyframe,
            is_discard=packet.is_discard or (is_vp8 and is_vp8_hidden(data)),
            alpha=read_alpha(packet) if self._data and self._video.alpha else b"",
        )
        return Coming(packet=plain, stated=packet.pts, size=packet.size)


def _paired(first: Coming, second: Coming) -> Coming:
    """One picture of two fields, at the time of the first."""
    data = first.packet.data + second.packet.data
    stated = second.stated if first.stated is None else first.stated
    pts = first.packet.pts if stated is None else stated
    return Coming(
        packet=replace(first.packet, data=data, pts=pts),
        stated=stated,
        size=first.size + second.size,
    )


def is_packed_bitstream(head: bytes) -> bool:
    """Whether an MPEG-4 encoder says (DivX503b1393p) that packets hold more than one frame."""
    start = head.find(_PACKED_MARK)
    text = head[start + 4 : start + 24].split(b"\x00")[0] if start >= 0 else b""
    return text.endswith(b"p")


def not_packed(extradata: bytes) -> bytes:
    """The same headers, saying that each packet holds one frame."""
    if not is_packed_bitstream(extradata):
        return extradata
    start = extradata.find(_PACKED_MARK) + 4
    end = extradata.find(b"p", start)
    return extradata[:end] + b"\x00" + extradata[end + 1 :]
