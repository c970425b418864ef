"""In which order the pictures of a run of packets are shown, as the codec itself says it."""

from collections.abc import Sequence

from vidgan.media.picture_order import PictureOrder
from vidgan.media.sources import SHOWN_AS_DECODED
from vidgan.media.types import Packet, VideoStream

_MPEG2_PICTURE = b"\x00\x00\x01\x00"
_MPEG4_PICTURE = b"\x00\x00\x01\xb6"
_B_OF_MPEG2, _B_OF_MPEG4 = 3, 2


class DisplayOrder:
    """The order of show in one stream, told of its runs in turn: headers may come but once."""

    def __init__(self, video: VideoStream) -> None:
        self._decoder = video.codec
        self._counts: PictureOrder | None = None
        if video.codec in {"h264", "hevc"}:
            self._counts = PictureOrder(video.codec, video.extradata)

    def of(self, packets: Sequence[Packet]) -> list[int] | None:
        """The places of packets in the order in which their pictures are shown.

        `packets` are a run in decode order, from a keyframe on, with their data. None where the
        codec does not say it, or says what cannot be.
        """
        if self._decoder in SHOWN_AS_DECODED:
            return list(range(len(packets)))
        if self._decoder in {"mpeg1video", "mpeg2video"}:
            return _anchors_late([_is_mpeg2_b(packet.data) for packet in packets])
        if self._decoder == "mpeg4":
            return _anchors_late([_mpeg4_type(p.data) == _B_OF_MPEG4 for p in packets])
        if self._counts is None:
            return None
        places = self._counts.places([packet.data for packet in packets])
        if places is None or len(set(places)) < len(places):
            return None
        return sorted(range(len(places)), key=places.__getitem__)


def _anchors_late(is_b: Sequence[bool]) -> list[int]:
    """An I or P picture is shown when the next one comes, a B picture at once."""
    order: list[int] = []
    waiting: int | None = None
    for place, at_once in enumerate(is_b):
        if at_once:
            order.append(place)
            continue
        if waiting is not None:
            order.append(waiting)
        waiting = place
    return order if waiting is None else [*order, waiting]


def _is_mpeg2_b(data: bytes) -> bool:
    """ISO/IEC 13818-2, 6.2.3: ten bits of temporal reference, three of the coding type."""
    at = data.find(_MPEG2_PICTURE)
    return 0 <= at < len(data) - 5 and data[at + 5] >> 3 & 7 == _B_OF_MPEG2


def is_mpeg4_intra(data: bytes) -> bool:
    """Whether the first picture of an MPEG-4 packet is an I picture."""
    return _mpeg4_type(data) == 0


def _mpeg4_type(data: bytes) -> int | None:
    """ISO/IEC 14496-2, 6.2.5: two bits of the coding type."""
    at = data.find(_MPEG4_PICTURE)
    return data[at + 4] >> 6 if 0 <= at < len(data) - 4 else None


def is_vp8_hidden(data: bytes) -> bool:
    """Whether a VP8 packet holds a picture to look back at, which is not shown (RFC 6386, 9.1)."""
    return bool(data) and not data[0] & 0x10
