"""What a film says of its colours, what is guessed where it says nothing, what cannot be right."""

import struct
from dataclasses import dataclass, fields
from typing import cast

import av
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.reformatter import ColorRange

from vidgan.errors import InputError
from vidgan.media.color import RGB, SUPPORTED_MATRICES, UNSPECIFIED, guess_unspecified
from vidgan.media.samples import bits_of, is_rgb
from vidgan.media.tone import TRANSFERS, is_hdr
from vidgan.media.types import Color, Film, Treatment
from vidgan.places import Place

_DOLBY_TAGS = {"dvh1", "dvhe", "dvav", "dva1", "dav1"}
_IPT_C2 = 15
"""FFmpeg's number of the matrix of Dolby Vision's profile 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What levels of a film mean; the fields are those of `VideoStream`."""

    color: Color
    guessed: tuple[str, ...]
    bits: int
    peak: int


def read_color(path: Place, context: av.VideoCodecContext, frame: av.VideoFrame) -> Stated:
    """Of a stream, by its headers and its first frame.

    Raises:
        InputError: a matrix that is not supported, or Dolby Vision that alone knows its colours.
    """
    said = _said(context, frame)
    _refuse_dolby_vision(path, context, frame, said)
    if said.matrix not in {UNSPECIFIED, *SUPPORTED_MATRICES}:
        raise InputError(
            f"{path}: colour matrix {said.matrix} of H.273 is not supported, only BT.601, BT.709, "
            f"BT.2020, FCC, SMPTE 240M and RGB are; convert to BT.709 first"
        )
    color = guess_unspecified(said, width=frame.width, height=frame.height)
    names = [field.name for field in fields(Color)]
    return Stated(
        color=color,
        guessed=tuple(name for name in names if getattr(color, name) != getattr(said, name)),
        bits=bits_of(frame.format.name),
        peak=_peak(frame) if is_hdr(color) else 0,
    )


def refuse_hdr(film: Film, treatment: Treatment) -> None:
    """What is HDR needs to be told what to become.

    Raises:
        InputError: it is HDR, and nothing was said.
    """
    transfer = film.video.color.transfer
    if transfer in TRANSFERS and not treatment.tonemap:
        raise InputError(
            f"{film.path} is HDR ({TRANSFERS[transfer]}), which generators do not know; "
            "say --tonemap to get it in SDR"
        )


def _said(context: av.VideoCodecContext, frame: av.VideoFrame) -> Color:
    """As it is written. Of RGB there is but one range and one matrix, whatever is written."""
    primaries = _first(context.color_primaries, frame.color_primaries, reserved={0, 3})
    transfer = _first(context.color_trc, frame.color_trc, reserved={0, 3})
    if is_rgb(frame.format.name):
        return Color(matrix=RGB, primaries=primaries, transfer=transfer, full_range=True)
    return Color(
        # RGB's number with YUV pictures is a mistake, and so says nothing.
        matrix=_first(context.colorspace, frame.colorspace, reserved={RGB, 3}),
        primaries=primaries,
        transfer=transfer,
        full_range=frame.format.name.startswith("yuvj")
        or (context.color_range or frame.color_range) == ColorRange.JPEG,
    )


def _first(of_stream: int, of_frame: int, *, reserved: set[int]) -> int:
    """The stream's code point, else the frame's; reserved ones say nothing."""
    for value in (int(of_stream), int(of_frame)):
        if value != UNSPECIFIED and value not in reserved:
            return value
    return UNSPECIFIED


def _refuse_dolby_vision(
    path: Place, context: av.VideoCodecContext, frame: av.VideoFrame, said: Color
) -> None:
    """Profiles 7 and 8 are HDR or SDR with something beside it, which may be left out."""
    side_data = _beside(frame)
    is_dolby = Type.DOVI_RPU_BUFFER in side_data or _tag(context) in _DOLBY_TAGS
    if said.matrix == _IPT_C2 or (is_dolby and said.transfer == UNSPECIFIED):
        raise InputError(
            f"{path} is Dolby Vision without a picture that others can show (profile 5), which "
            "is not supported; give a version in HDR10, HLG or SDR"
        )


def _tag(context: av.VideoCodecContext) -> str:
    try:
        return context.codec_tag.lower()
    except UnicodeDecodeError:  # in transport streams it is a number
        return ""


def _beside(frame: av.VideoFrame) -> "SideDataContainer | dict[Type, bytes]":
    """PyAV refuses to look where there are kinds that it does not know, such as EXIF."""
    try:
        return cast("SideDataContainer", frame.side_data)
    except ValueError:
        return {}


def _peak(frame: av.VideoFrame) -> int:
    """Nits: of the brightest pixel (CTA-861.3), else of the display it was made on (ST 2086)."""
    side_data = _beside(frame)
    if Type.CONTENT_LIGHT_LEVEL in side_data:
        (brightest,) = struct.unpack_from("=I", bytes(side_data[Type.CONTENT_LIGHT_LEVEL]))
        if brightest:
            return int(brightest)
    if Type.MASTERING_DISPLAY_METADATA in side_data:
        data = bytes(side_data[Type.MASTERING_DISPLAY_METADATA])
        # FFmpeg's AVMasteringDisplayMetadata: ten fractions, of which the last is the brightest.
        top, divisor, _, is_known = struct.unpack_from("=4i", data, 9 * 8)
        return round(top / divisor) if is_known and divisor else 0
    return 0
