"""What pictures in mid-film say of their colours, where that is not what the film's first one said.

Recordings of broadcasts, and films put together of several, change them on the way. A statement
counts where it differs from the first picture's own; one that says nothing, or cannot be right,
changes nothing.
"""

from dataclasses import replace

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from vidgan.media.color import MATRICES, RGB, SUPPORTED_MATRICES, UNSPECIFIED, to_8_bits
from vidgan.media.samples import is_rgb
from vidgan.media.seen import read_levels, seen_levels
from vidgan.media.tone import TRANSFERS, is_hdr, is_wide
from vidgan.media.types import Change, Color, Levels, Stating, VideoStream

_DEEP = 257
"""Levels of 16 bits in one of 8."""
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
    return _change(_color_of(frame, video), video.color)


def read_as_stated(frame: VideoFrame, video: VideoStream) -> tuple[Levels, Change | None]:
    """A picture's levels (H, W, 3) in the depth and colours of the film's; what its own are."""
    color = _color_of(frame, video)
    if color == video.color:
        return read_levels(frame, video), None
    own = replace(video, color=color)
    levels = read_levels(frame, own)
    if is_wide(color) and not is_wide(video.color):
        levels = seen_levels(levels[np.newaxis], own)[0]
    return _of_depth(levels, video), _change(color, video.color)


def _color_of(frame: VideoFrame, video: VideoStream) -> Color:
    """The film's, but for what this picture states otherwise."""
    color, first, now = _of_format(frame, video), video.first_stating, stated_by(frame)
    if first is None or now == first or RGB in (color.matrix, now.matrix):
        return color
    if now.matrix != first.matrix and now.matrix in SUPPORTED_MATRICES:
        color = replace(color, matrix=now.matrix)
    if now.primaries != first.primaries and now.primaries not in _NOTHING:
        color = replace(color, primaries=now.primaries)
    if now.transfer != first.transfer and now.transfer not in _NOTHING:
        color = replace(color, transfer=now.transfer)
    if now.range not in (first.range, ColorRange.UNSPECIFIED):
        color = replace(color, full_range=now.range == ColorRange.JPEG)
    return color


def _of_format(frame: VideoFrame, video: VideoStream) -> Color:
    """Full range is part of the names of some formats."""
    is_full = frame.format.name.startswith("yuvj")
    if is_full == video.pixel_format.startswith("yuvj") or is_rgb(frame.format.name):
        return video.color
    return replace(video.color, full_range=is_full or frame.color_range == ColorRange.JPEG)


def _change(now: Color, first: Color) -> Change | None:
    """None where only the range is another, which no one sees."""
    is_left = is_wide(first) and not is_wide(now)
    told = "taken for the film's own" if is_left else "read as such"
    return None if _name(now) == _name(first) else Change(_name(now), told)


def _name(color: Color) -> str:
    if is_hdr(color):
        return f"HDR ({TRANSFERS[color.transfer]})"
    return MATRICES.get(color.matrix, f"matrix {color.matrix}")


def _of_depth(levels: Levels, video: VideoStream) -> Levels:
    is_deep = video.bits > 8 or is_hdr(video.color) or is_wide(video.color)
    if not is_deep:
        return to_8_bits(levels)
    return levels if levels.dtype == np.uint16 else levels.astype(np.uint16) * np.uint16(_DEEP)
