"""The pictures of a film through a generator, and its answer in the film's own colours."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from cyclegan.view import Colors, View
from vidgan.media.seen import seen_levels
from vidgan.media.tone import FROM_709, is_wide
from vidgan.media.types import Levels, VideoStream


def translate(
    pictures: Levels,
    translator: Callable[[Levels, View], Levels],
    *,
    video: VideoStream,
    shown: VideoStream,
    as_stored: bool = False,
) -> Levels:
    """Pictures (N, H, W, 3) as `read_levels` gives them of `video` -> translated, for `shown`.

    They are upright; `as_stored`, the generator still sees them upright, and they come back as
    they are.
    """
    turned = View(quarters=video.rotation // 90, mirrored=video.mirrored) if as_stored else View()
    if is_wide(shown.color):
        return translator(pictures, replace(turned, colors=_colors(video)))
    return translator(seen_levels(pictures, video), turned)


def keeps_turn(video: VideoStream, shown: VideoStream) -> bool:
    """Whether pictures are stored in the output as they are in the film."""
    return (video.rotation, video.mirrored) == (shown.rotation, shown.mirrored)


def _colors(video: VideoStream) -> Colors:
    """The change comes back in the wider primaries; of greys, and near them, that is exact."""
    return Colors(
        seen=lambda pictures: seen_levels(pictures, video).astype(np.uint16, copy=False),
        back=torch.tensor(FROM_709, dtype=torch.float32),
    )
