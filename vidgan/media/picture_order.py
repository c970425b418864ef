"""Picture order counts: the order of show that H.264 and HEVC write into the head of each slice.

Read are the least significant bits of the count (ITU-T H.264, 7.3.3 and 8.2.1.1; H.265, 7.3.6.1 and
8.3.1), and of the parameter sets what stands before them.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from vidgan.media.bits import Bits
from vidgan.media.random_access import length_size, nal_units

SLICE_HEAD = 96
"""Bytes of a slice that are looked at; its head is shorter up to the count."""
_SET = 1024
"""Bytes of a parameter set that are looked at."""
_MOST_BITS = 16
"""Of the numbers in the heads of slices, by both standards."""
_MOST_STEPS = 255
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
H264_SLICES, _H264_IDR, _H264_SPS = {1, 2, 5}, 5, 7
_HEVC_SLICES, _HEVC_IRAP, _HEVC_IDR = range(0, 22), range(16, 24), {19, 20}
_HEVC_LEADING, _HEVC_SPS, _HEVC_PPS = range(6, 10), 33, 34


@dataclass(frozen=True, slots=True, kw_only=True)
class H264Form:
    """What a sequence parameter set says about the heads of slices."""

    separate_planes: bool
    frame_number_bits: int
    count_bits: int
    """0: there is no count, pictures are shown as they are decoded, or a kind not read here."""
    shown_as_decoded: bool
    frames_only: bool
    describes_video: bool
    """It has usability information (Annex E): of colours, of where chroma lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slice:
    """Where a picture is shown, among those since the last that begins anew."""

    low: int
    """The least significant bits of its count."""
    begins: bool
    counts_on: bool
    """The next counts are relative to it."""


class PictureOrder:
    """The counts of one stream's pictures, in decode order from a keyframe on."""

    def __init__(self, decoder: str, extradata: bytes) -> None:
        self._is_h264 = decoder == "h264"
        self._length_size = length_size(extradata, 4 if self._is_h264 else 21)
        self._h264: H264Form | None = None
        self._hevc_bits = 0
        self._hevc_planes = False
        self._hevc_extra = (0, False)  # bits that a head may hold, and whether it tells of output
        with suppress(ValueError, IndexError):  # damaged; perhaps the packets bring them again
            for unit in units_of(extradata, is_h264=self._is_h264):
                self._learn(unit)

    def places(self, packets: list[bytes]) -> list[tuple[int, int]] | None:
        """Of each packet, what rises in the order of show; None where it cannot be read."""
        try:
            return list(self._places(packets))
        except (ValueError, IndexError):
            return None

    def _places(self, packets: list[bytes]) -> Iterator[tuple[int, int]]:
        run = -1
        high = low = 0
        for number, data in enumerate(packets):
            head = self._head(data)
            if head.begins or run < 0:
                run, high, low = run + 1, 0, head.low
            size = 1 << self._bits
            mine = high
            if head.low < low and low - head.low >= size // 2:
                mine += size
            elif head.low > low and head.low - low > size // 2:
                mine -= size
            yield run, mine + head.low if self._bits else number
            if head.counts_on:
                high, low = mine, head.low

    @property
    def _bits(self) -> int:
        return (self._h264.count_bits if self._h264 else 0) if self._is_h264 else self._hevc_bits

    def _head(self, data: bytes) -> _Slice:
        for unit in nal_units(data, self._length_size):
            if self._learn(unit):
                continue
            found = self._h264_slice(unit) if self._is_h264 else self._hevc_slice(unit)
            if found is not None:
                return found
        raise ValueError("no slice")

    def _learn(self, unit: bytes) -> bool:
        """Whether it is a parameter set, which says how slices are to be read."""
        if self._is_h264:
            form = h264_form_in(unit)
            self._h264 = form or self._h264
            return form is not None
        kind = unit[0] >> 1 & 63
        if kind == _HEVC_SPS:
            self._hevc_bits, self._hevc_planes = _hevc_sps(unit)
        elif kind == _HEVC_PPS:
            self._hevc_extra = _hevc_pps(unit)
        return kind in {_HEVC_SPS, _HEVC_PPS}

    def _h264_slice(self, unit: bytes) -> _Slice | None:
        kind, form = unit[0] & 31, self._h264
        if kind not in H264_SLICES:
            return None
        if form is None or not (form.count_bits or form.shown_as_decoded):
            raise ValueError("no counts of a kind that is read here")
        bits = Bits(unit[1:SLICE_HEAD])
        bits.skip_golombs(3)
        bits.take(2 * form.separate_planes + form.frame_number_bits)
        if not form.frames_only and bits.take(1):
            bits.take(1)
        if kind == _H264_IDR:
            bits.golomb()
        return _Slice(
            low=bits.take(form.count_bits),
            begins=kind == _H264_IDR,
            counts_on=bool(unit[0] >> 5 & 3),
        )

    def _hevc_slice(self, unit: bytes) -> _Slice | None:
        kind, layer = unit[0] >> 1 & 63, unit[1] & 7
        if kind not in _HEVC_SLICES or not self._hevc_bits:
            return None
        bits = Bits(unit[2:SLICE_HEAD])
        bits.take(2 if kind in _HEVC_IRAP else 1)
        bits.golomb()
        extra, tells_of_output = self._hevc_extra
        bits.take(extra)
        bits.golomb()
        bits.take(tells_of_output + 2 * self._hevc_planes)
        refers = kind >= 16 or kind % 2 == 1
        return _Slice(
            low=0 if kind in _HEVC_IDR else bits.take(self._hevc_bits),
            begins=kind in _HEVC_IDR,
            counts_on=layer == 1 and refers and kind not in _HEVC_LEADING,
        )


def h264_form_in(unit: bytes) -> H264Form | None:
    """What a unit says about the slices that follow, if it is a sequence parameter set.

    Raises:
        ValueError: it is damaged.
    """
    return _h264_form(unit) if unit[0] & 31 == _H264_SPS else None


def _h264_form(unit: bytes) -> H264Form:
    """ITU-T H.264, 7.3.2.1.1."""
    bits = Bits(unit[1:_SET])
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    separate = False
    if profile in _HIGH_PROFILES:
        chroma = bits.golomb()
        separate = chroma == 3 and bool(bits.take(1))
        bits.skip_golombs(2)
        bits.take(1)
        if bits.take(1):
            _skip_scaling(bits, 12 if chroma == 3 else 8)
    frame_number_bits = _few(bits.golomb() + 4, _MOST_BITS)
    kind = bits.golomb()
    count_bits = _few(bits.golomb() + 4, _MOST_BITS) if kind == 0 else 0
    if kind == 1:
        bits.take(1)
        bits.skip_golombs(2)
        bits.skip_golombs(_few(bits.golomb(), _MOST_STEPS))
    bits.golomb()
    bits.take(1)
    bits.skip_golombs(2)
    frames_only = bool(bits.take(1))
    bits.take(1 if frames_only else 2)
    if bits.take(1):
        bits.skip_golombs(4)
    return H264Form(
        separate_planes=separate,
        frame_number_bits=frame_number_bits,
        count_bits=count_bits,
        shown_as_decoded=kind == 2,
        frames_only=frames_only,
        describes_video=bool(bits.take(1)),
    )


def _few(number: int, most: int) -> int:
    if number > most:
        raise ValueError(f"{number} is more than the standard allows")
    return number


def _skip_scaling(bits: Bits, lists: int) -> None:
    """ITU-T H.264, 7.3.2.1.1.1."""
    for number in range(lists):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + bits.signed_golomb()) % 256
            last = following or last


def _hevc_sps(unit: bytes) -> tuple[int, bool]:
    """ITU-T H.265, 7.3.2.2.1: the bits of counts, and whether colours are coded apart."""
    bits = Bits(unit[2:_SET])
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 96)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.golomb()
    planes = bits.golomb() == 3 and bool(bits.take(1))
    bits.skip_golombs(2)
    if bits.take(1):
        bits.skip_golombs(4)
    bits.skip_golombs(2)
    return _few(bits.golomb() + 4, _MOST_BITS), planes


def _hevc_pps(unit: bytes) -> tuple[int, bool]:
    """ITU-T H.265, 7.3.2.3.1."""
    bits = Bits(unit[2:_SET])
    bits.skip_golombs(2)
    bits.take(1)
    tells_of_output = bool(bits.take(1))
    return bits.take(3), tells_of_output


def units_of(extradata: bytes, *, is_h264: bool) -> Iterator[bytes]:
    """The parameter sets of an avcC or hvcC box, or of a stream with start codes."""
    if not extradata or extradata[0] != 1:
        yield from nal_units(extradata, 0)
        return
    at = 5 if is_h264 else 22
    arrays = 2 if is_h264 else extradata[at]
    at += 0 if is_h264 else 1
    for number in range(arrays):
        if is_h264:
            count, at = (extradata[at] & 31 if number == 0 else extradata[at]), at + 1
        else:
            count, at = int.from_bytes(extradata[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            size = int.from_bytes(extradata[at : at + 2], "big")
            yield extradata[at + 2 : at + 2 + size]
            at += 2 + size
