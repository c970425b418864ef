"""What pictures in mid-film say of their colours, where that is not what the film's first one said.

Recordings of broadcasts, and films put together of several, change them on the way. A statement
counts where it differs from the first picture's own; one that says nothing, or cannot be right,
changes nothing.
"""

from dataclasses import replace

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from vidgan.media.color import (
    MATRICES,
    RGB,
    SUPPORTED_MATRICES,
    UNSPECIFIED,
    guess_unspecified,
    to_8_bits,
    to_16_bits,
)
from vidgan.media.samples import is_rgb
from vidgan.media.seen import is_deep, read_levels, seen_levels
from vidgan.media.tone import TRANSFERS, is_hdr, is_wide
from vidgan.media.types import Change, Color, Levels, Stating, VideoStream

_NOT_HEEDED = "taken for the film's own"
_NOTHING = {0, UNSPECIFIED, 3}
"""Of primaries and transfers: reserved, unspecified, reserved."""


def stated_by(frame: VideoFrame) -> Stating:
    """What a picture itself says."""
    return Stating(
        matrix=int(frame.colorspace),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        range=int(frame.color_range),
    )


def color_change(frame: VideoFrame, video: VideoStream) -> Change | None:
    """What a picture's colours are, where they are not the film's."""
    return _stated(frame, video)[1]


def read_as_stated(frame: VideoFrame, video: VideoStream) -> tuple[Levels, Change | None]:
    """A picture's levels (H, W, 3) in the depth and colours of the film's; what its own are."""
    color, change = _stated(frame, video)
    if color == video.color:
        return read_levels(frame, video), change
    own = replace(video, color=color)
    levels = read_levels(frame, own)
    if is_wide(color) and not is_wide(video.color):
        levels = seen_levels(levels[np.newaxis], own)[0]
    return (to_16_bits if is_deep(video) else to_8_bits)(levels), change


def _stated(frame: VideoFrame, video: VideoStream) -> tuple[Color, Change | None]:
    """The film's colours, but for what this picture states otherwise; what is said of that."""
    color, first, now = _of_format(frame, video), video.first_stating, stated_by(frame)
    if first is None or now == first:
        return color, None
    if now.matrix not in {UNSPECIFIED, *SUPPORTED_MATRICES}:
        named = Change(f"matrix {now.matrix} of H.273", _NOT_HEEDED)
        return color, named if now.matrix != first.matrix else None
    if RGB in (color.matrix, now.matrix):
        return color, None
    if now.matrix not in (first.matrix, UNSPECIFIED):  # what it leaves open is that matrix's, too
        said = replace(
            color,
            matrix=now.matrix,
            primaries=UNSPECIFIED if now.primaries in _NOTHING else now.primaries,
            transfer=UNSPECIFIED if now.transfer in _NOTHING else now.transfer,
        )
        color = guess_unspecified(said, width=frame.width, height=frame.height)
    else:
        if now.primaries not in {first.primaries, *_NOTHING}:
            color = replace(color, primaries=now.primaries)
        if now.transfer not in {first.transfer, *_NOTHING}:
            color = replace(color, transfer=now.transfer)
    if now.range not in (first.range, ColorRange.UNSPECIFIED):
        color = replace(color, full_range=now.range == ColorRange.JPEG)
    return color, _change(color, video.color)


def _of_format(frame: VideoFrame, video: VideoStream) -> Color:
    """Full range is part of the names of some formats."""
    is_full = frame.format.name.startswith("yuvj")
    if is_full == video.pixel_format.startswith("yuvj") or is_rgb(frame.format.name):
        return video.color
    return replace(video.color, full_range=is_full or frame.color_range == ColorRange.JPEG)


def _change(now: Color, first: Color) -> Change | None:
    """None where only what no one would ask for is another, such as the range."""
    is_left = is_wide(first) and not is_wide(now)
    if is_left:
        return Change(_name(now), _NOT_HEEDED)
    return None if _name(now) == _name(first) else Change(_name(now), "read as such")


def _name(color: Color) -> str:
    if is_hdr(color):
        return f"HDR ({TRANSFERS[color.transfer]})"
    return MATRICES[color.matrix]
