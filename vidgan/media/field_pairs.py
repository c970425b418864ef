"""Fields of H.264 in packets of their own, as broadcasters and camcorders code some pictures.

Two such packets are one picture: a decoder gives one frame for both, at the time of the first. They
come apart where FFmpeg's parser finds the packets: in transport streams, and in bare H.264.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from vidgan.media.bits import Bits
from vidgan.media.picture_order import H264_SLICES, SLICE_HEAD, H264Form, h264_form_in, units_of
from vidgan.media.random_access import length_size, nal_units
from vidgan.media.types import VideoStream

_IDR = 5


@dataclass(frozen=True, slots=True)
class _Field:
    """What the head of a field's first slice says (ITU-T H.264, 7.3.3)."""

    frame: int
    """`frame_num`, which both fields of a picture have."""
    is_bottom: bool
    is_idr: bool


class FieldPairs:
    """Sees the packets of a stream in decode order, and knows which belong together."""

    def __init__(self, video: VideoStream) -> None:
        self._is_h264 = video.codec == "h264"
        self._length_size = length_size(video.extradata, 4)
        self._form: H264Form | None = None
        self._first: _Field | None = None
        """Of a picture whose second field is still to come."""
        with suppress(ValueError, IndexError):  # damaged; perhaps the packets bring them again
            for unit in units_of(video.extradata, is_h264=self._is_h264):
                self._form = h264_form_in(unit) or self._form

    @property
    def may_come(self) -> bool:
        """Whether packets have to be looked into: not where all pictures are whole frames."""
        return self._is_h264 and (self._form is None or not self._form.frames_only)

    def is_second(self, data: bytes) -> bool:
        """Whether this packet is the second field of the picture that the last one began."""
        if not self.may_come:
            return False
        first, field = self._first, self._field_in(data)
        is_pair = (
            first is not None
            and field is not None
            and field.frame == first.frame
            and field.is_bottom != first.is_bottom
            and not field.is_idr
        )
        self._first = None if is_pair else field
        return is_pair

    def _field_in(self, data: bytes) -> _Field | None:
        """None for a whole frame, for both fields in one packet, and for what cannot be read."""
        with suppress(ValueError, IndexError):
            fields = {field for field in self._fields(data) if field is not None}
            if len({field.is_bottom for field in fields}) == 1:
                return next(iter(fields))
        return None

    def _fields(self, data: bytes) -> Iterator[_Field | None]:
        for unit in nal_units(data, self._length_size):
            self._form = h264_form_in(unit) or self._form
            if unit[0] & 31 in H264_SLICES and self._form is not None:
                yield _field_of(unit, self._form)


def _field_of(unit: bytes, form: H264Form) -> _Field | None:
    bits = Bits(unit[1:SLICE_HEAD])
    bits.skip_golombs(3)
    bits.take(2 * form.separate_planes)
    frame = bits.take(form.frame_number_bits)
    if form.frames_only or not bits.take(1):
        return None
    return _Field(frame=frame, is_bottom=bool(bits.take(1)), is_idr=unit[0] & 31 == _IDR)
