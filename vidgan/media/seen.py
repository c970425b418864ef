"""What of a film a generator sees, and how its answer goes back into the film's own colours.

Generators know sRGB pictures; BT.709's are the same colours. Pictures of 8 bits pass as they are,
deeper ones as 16 bits. HDR is made SDR when it is decoded, and stays that. SDR in BT.2020 keeps its
own colours: the generator sees them as BT.709 shows them, and only the *change* it makes is brought
back, at the size at which it sees them, so that a picture that it leaves alone stays as it was.
"""

from dataclasses import replace

import av
import numpy as np
from numpy.typing import NDArray

from vidgan.media.color import (
    BT709,
    RGB,
    packed,
    to_8_bits,
    to_array,
    to_deep_planes,
    to_deep_rgb,
    to_rgb,
)
from vidgan.media.cube import look_up
from vidgan.media.samples import has_less_chroma
from vidgan.media.siting import sited_left
from vidgan.media.tone import BT2020, Look, is_hdr, is_wide
from vidgan.media.types import Color, Levels, VideoStream

Deep = NDArray[np.uint16]


def read_levels(frame: av.VideoFrame, video: VideoStream) -> Levels:
    """(H, W, 3), of a depth that does not change within a film."""
    color = video.color
    if not video.says_siting and has_less_chroma(frame.format.name):
        frame = sited_left(frame)
    if is_hdr(color):
        return to_array(look_up(to_deep_planes(frame, color), _look(video)))
    if is_deep(video):
        return to_deep_rgb(frame, color)
    return to_rgb(frame, color)


def is_deep(video: VideoStream) -> bool:
    """Whether its levels are of 16 bits, else of 8."""
    return video.bits > 8 or is_hdr(video.color) or is_wide(video.color)


def color_after(color: Color) -> Color:
    """Of pictures as they are encoded: HDR has become SDR, RGB becomes YUV."""
    if is_hdr(color):
        return Color(matrix=BT709, primaries=BT709, transfer=BT709, full_range=False)
    if color.matrix == RGB:
        matrix = BT2020 if color.primaries == BT2020 else BT709
        return replace(color, matrix=matrix, full_range=False)
    return color


def seen_levels(pictures: Levels, video: VideoStream) -> Levels:
    """Pictures (N, H, W, 3) as `read_levels` gives them -> as a generator sees them."""
    if not is_wide(video.color):
        return pictures
    return np.stack([_in_bt709(picture, video) for picture in pictures])


def shown_levels(pictures: Levels, *, video: VideoStream, shown: VideoStream) -> Levels:
    """The same pictures in the colours of the translated ones: an output may be sRGB for good."""
    return pictures if is_wide(shown.color) else seen_levels(pictures, video)


def seen_in_8_bits(picture: Levels, video: VideoStream) -> NDArray[np.uint8]:
    """One picture (H, W, 3) as a generator sees it, in whole levels."""
    return to_8_bits(seen_levels(picture[np.newaxis], video)[0])


def _look(video: VideoStream) -> Look:
    color = video.color
    return Look(transfer=color.transfer, primaries=color.primaries, peak=video.peak)


def _in_bt709(picture: Levels, video: VideoStream) -> Deep:
    planes = packed(picture).reformat(format="gbrp16le")
    return to_array(look_up(planes, _look(video)))
