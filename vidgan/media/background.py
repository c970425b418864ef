"""Transparent pictures over a background."""

from typing import Any, Final

import numpy as np
from av.packet import Packet, PacketSideData, packet_sidedata_type_from_literal
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream as AvVideoStream
from numpy.typing import NDArray

from vidgan.media.color import in_three
from vidgan.media.types import Levels

_OPAQUE = 255
_TWO_PICTURES = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Codecs whose alpha is a picture of its own, and the decoders that look at it."""
_BESIDE: Final = "matroska_block_additional"


def decoder_with_alpha(codec: str, stream: AvVideoStream) -> str | None:
    """The decoder of a stream that comes with a second one for its alpha (WebM's AlphaMode).

    In files that were copied by FFmpeg a tag says the same, and takes the element's place.
    """
    said = {key.lower(): value for key, value in stream.metadata.items()}
    return _TWO_PICTURES.get(codec) if said.get("alpha_mode") == "1" else None


def read_alpha(packet: "Packet[Any]") -> bytes:
    """What lies beside a packet, empty where there is nothing."""
    if not packet.has_sidedata(_BESIDE):
        return b""
    return bytes(packet.get_sidedata(_BESIDE))


def set_alpha(packet: "Packet[Any]", data: bytes) -> None:
    """Put it beside a packet again."""
    kind = packet_sidedata_type_from_literal(_BESIDE)
    beside = PacketSideData(kind, len(data))  # type: ignore[call-arg]  # by its stub
    beside.update(data)
    packet.set_sidedata(beside)


def has_alpha(pixel_format: str) -> bool:
    """Whether pictures of this format may be transparent; a palette's colours may."""
    kind = VideoFormat(pixel_format)
    return kind.has_palette or any(part.is_alpha for part in kind.components)


def alpha_of(frame: VideoFrame) -> NDArray[np.uint8]:
    """How opaque a picture is, uint8 (H, W): 0 where the background shows, 255 where nothing does.

    Of more than 8 bits the first 8 are taken.
    """
    if frame.format.name.startswith(("yuva", "gbrap")):  # swscale makes 254 of 255 in yuva422p
        return _fourth_plane(frame)
    rgba = VideoReformatter().reformat(frame, format="rgba", threads=1)
    return np.ascontiguousarray(rgba.to_ndarray()[..., 3], dtype=np.uint8)


def _fourth_plane(frame: VideoFrame) -> NDArray[np.uint8]:
    plane, bits = frame.planes[3], frame.format.components[3].bits
    kind = _samples(frame)
    samples: NDArray[Any] = np.frombuffer(bytes(plane), kind)
    lines = samples.reshape(-1, plane.line_size // kind.itemsize)[: frame.height, : frame.width]
    return np.asarray(lines >> (bits - 8), np.uint8)


def _samples(frame: VideoFrame) -> "np.dtype[Any]":
    """The type of those of a picture with alpha."""
    if frame.format.components[3].bits == 8:
        return np.dtype(np.uint8)
    return np.dtype(">u2" if frame.format.name.endswith("be") else "<u2")


def put_alpha(frame: VideoFrame, alpha: NDArray[np.uint8]) -> None:
    """Give a picture in rgba, rgba64, or in planes of yuva, its alpha, uint8 (H, W)."""
    most = (1 << frame.format.components[3].bits) - 1
    levels = (alpha.astype(np.uint32) * most + _OPAQUE // 2) // _OPAQUE
    if frame.format.is_rgb:
        _write(frame, 0, slice(3, 4 * frame.width, 4), levels)
    else:
        _write(frame, 3, slice(0, frame.width), levels)


def scaled_alpha(alpha: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Alpha (H, W) of another width and height, as the colours of its picture are scaled."""
    if alpha.shape == (size[1], size[0]):
        return alpha
    scaled = VideoReformatter().reformat(
        VideoFrame.from_ndarray(np.ascontiguousarray(alpha), format="gray"),
        width=size[0],
        height=size[1],
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        threads=1,
    )
    return np.asarray(scaled.to_ndarray(), np.uint8)


def _write(frame: VideoFrame, number: int, columns: slice, levels: NDArray[Any]) -> None:
    """Into a plane of 8 bits, or of more."""
    plane = frame.planes[number]
    kind = _samples(frame)
    data = bytearray(bytes(plane))
    lines: NDArray[Any] = np.frombuffer(data, kind)
    lines.reshape(-1, plane.line_size // kind.itemsize)[: frame.height, columns] = levels
    plane.update(bytes(data))


def over(picture: Levels, alpha: NDArray[np.uint8], background: tuple[int, int, int]) -> Levels:
    """What is seen: the picture (H, W, 3) of 8 or 16 bits, in straight alpha, over one colour.

    Mixed as it is stored, not as light adds up: so do editors and browsers.
    """
    if alpha.min() == _OPAQUE:
        return picture
    share = in_three(alpha)
    if picture.dtype == np.uint8:
        return _mixed_in_8_bits(picture, share, background)
    behind = 257 * np.asarray(background, np.uint32)
    mixed = picture * share.astype(np.uint32) + behind * (_OPAQUE - share)
    return ((mixed + _OPAQUE // 2) // _OPAQUE).astype(np.uint16)


def _mixed_in_8_bits(
    picture: Levels, share: NDArray[np.uint8], background: tuple[int, int, int]
) -> Levels:
    """The same in sums of 16 bits, in a third of the time."""
    line = np.tile(np.asarray(background, np.uint16), picture.shape[1]).reshape(-1, 3)
    mixed = picture * share.astype(np.uint16)
    mixed += line * (_OPAQUE - share)
    return _by_255(mixed + np.uint16(_OPAQUE // 2)).astype(np.uint8)


def _by_255(sums: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Whole quotients, exact below 65535; processors have no division of many numbers at once."""
    quotients: NDArray[np.uint16] = (sums + (sums >> np.uint16(8)) + np.uint16(1)) >> np.uint16(8)
    return quotients
