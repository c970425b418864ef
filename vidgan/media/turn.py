"""How pictures are turned and mirrored: what a stream says of it, and doing it."""

import struct
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from numpy.typing import NDArray

from vidgan.errors import InputError
from vidgan.media.types import Depth, VideoStream
from vidgan.places import Place


def read_turn(path: Place, frame: av.VideoFrame) -> tuple[int, bool]:
    """Degrees counter-clockwise (0, 90, 180, 270), and whether it is flipped left to right then.

    From the display matrix (ISO/IEC 14496-12, 8.3.2): nine 32-bit numbers, a b u c d v x y w; a
    point (x, y) is shown at (a x + c y, b x + d y).

    Raises:
        InputError: it is turned by another angle.
    """
    try:
        side_data = cast("SideDataContainer", frame.side_data)
    except ValueError:  # a kind beside it that PyAV does not know, such as EXIF
        return round(frame.rotation / 90) % 4 * 90, False
    if Type.DISPLAYMATRIX not in side_data:
        return 0, False
    a, b, _, c, d = struct.unpack("=5i", bytes(side_data[Type.DISPLAYMATRIX])[:20])
    mirrored = a * d < b * c
    if mirrored:  # flipped once more it is turned alone
        a, c = -a, -c
    straight, crosswise = abs(a) + abs(d), abs(b) + abs(c)
    if min(straight, crosswise) > 0.01 * max(straight, crosswise) or a * d == b * c:
        raise InputError(
            f"{path} is shown turned by {frame.rotation} degrees; only 0, 90, 180 and 270 are "
            f"supported; turn the pictures themselves first"
        )
    if straight > crosswise:
        return (0 if a > 0 else 180), mirrored
    return (270 if b > 0 else 90), mirrored


def upright(pictures: NDArray[Depth], video: VideoStream) -> NDArray[Depth]:
    """Stored pictures (..., H, W, C) as they are seen; a view."""
    turned = np.rot90(pictures, video.rotation // 90, (-3, -2))
    return np.flip(turned, -2) if video.mirrored else turned


def stored(pictures: NDArray[Depth], video: VideoStream) -> NDArray[Depth]:
    """The way back."""
    flipped = np.flip(pictures, -2) if video.mirrored else pictures
    return np.rot90(flipped, -(video.rotation // 90), (-3, -2))
