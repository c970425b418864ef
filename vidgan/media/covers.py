"""Cover pictures: a stream of one picture in mp4, an attached file in Matroska."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Stream

from vidgan.media.opening import open_film
from vidgan.places import Place

_TYPES = {"mjpeg": ("jpg", "image/jpeg"), "tiff": ("tif", "image/tiff")}
_PACKETS_TRIED = 300


def read_cover(source: Place, index: int) -> bytes | None:
    """The file of the picture, as it is; None if it is not there."""
    with open_film(source) as container:
        stream = container.streams[index]
        packets = islice(container.demux(stream), _PACKETS_TRIED)
        return next((bytes(packet) for packet in packets if packet.size), None)


def attach_cover(
    container: OutputContainer, codec: str, data: bytes, tags: Mapping[str, str]
) -> Stream:
    """The picture as a file in the output: under its own name, or that which players look for."""
    ending, mime = _TYPES.get(codec, (codec, f"image/{codec}"))
    stream = container.add_attachment(tags.get("filename") or f"cover.{ending}", mime, data)
    if title := tags.get("title"):
        stream.metadata["title"] = title
    return stream


def cover_packet(stream: Stream, template: Stream, data: bytes) -> "av.Packet[Any]":
    """The picture as the one packet of its stream."""
    packet: av.Packet[Any] = av.Packet(len(data))
    packet.update(data)
    assert template.time_base is not None
    packet.time_base, packet.pts, packet.dts = template.time_base, 0, 0
    packet.is_keyframe, packet.stream = True, stream
    return packet
