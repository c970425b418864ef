"""Whether decoding may start at a packet that its container flags as a keyframe.

For most codecs the flag says it. In H.264 it also marks recovery points, some of which are whole
only after several frames (intra refresh), and plain I pictures that later frames may look past.
"""

from collections.abc import Iterator

_H264_IDR, _H264_SEI, _H264_SLICES = 5, 6, range(1, 6)
_HEVC_IRAP, _HEVC_SLICES = range(16, 24), range(0, 32)
_RECOVERY_POINT = 6


def may_start_at(keyframe: bytes, *, codec: str, extradata: bytes) -> bool:
    """True if every picture shown from this keyframe on is exact without what came before it."""
    if codec == "h264":
        return _h264_is_clean(nal_units(keyframe, length_size(extradata, at=4)))
    if codec == "hevc":
        types = (unit[0] >> 1 & 0x3F for unit in nal_units(keyframe, length_size(extradata, 21)))
        return next((t in _HEVC_IRAP for t in types if t in _HEVC_SLICES), False)
    return True


def _h264_is_clean(units: Iterator[bytes]) -> bool:
    """IDR, or a recovery point of zero frames with an exact match (ITU-T H.264, D.1.8)."""
    for unit in units:
        unit_type = unit[0] & 0x1F
        if unit_type == _H264_SEI and _recovers_at_once(unit[1:]):
            return True
        if unit_type in _H264_SLICES:
            return unit_type == _H264_IDR
    return False


def _recovers_at_once(sei: bytes) -> bool:
    """Walk an SEI unit's messages; a recovery point is recovery_frame_cnt ue(v), exact_match."""
    payload = sei.replace(b"\x00\x00\x03", b"\x00\x00")
    position = 0
    while position + 2 < len(payload):
        message, position = _varying(payload, position)
        size, position = _varying(payload, position)
        if message == _RECOVERY_POINT:
            return position < len(payload) and payload[position] & 0b1100_0000 == 0b1100_0000
        position += size
    return False


def _varying(payload: bytes, position: int) -> tuple[int, int]:
    """A number written as a run of 0xFF and a rest; gives it and where the next one begins."""
    value = 0
    while position < len(payload) and payload[position] == 0xFF:
        value, position = value + 255, position + 1
    return value + (payload[position] if position < len(payload) else 0), position + 1


def length_size(extradata: bytes, at: int) -> int:
    """Bytes of the length before each unit, from an avcC or hvcC box; 0 means start codes."""
    return (extradata[at] & 3) + 1 if len(extradata) > at and extradata[0] == 1 else 0


def nal_units(data: bytes, length_size: int) -> Iterator[bytes]:
    """The units of a packet: with start codes if `length_size` is 0, else each after its length."""
    if not length_size:
        yield from (piece for piece in data.split(b"\x00\x00\x01")[1:] if piece)
        return
    position = 0
    while position + length_size < len(data):
        size = int.from_bytes(data[position : position + length_size], "big")
        position += length_size
        if not size or position + size > len(data):
            return
        yield data[position : position + size]
        position += size
