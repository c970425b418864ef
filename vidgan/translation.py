"""The pictures of a film through a generator, and its answer in the film's own colours."""

import numpy as np
import torch

from cyclegan.translator import Translator, View
from vidgan.media.seen import seen_levels
from vidgan.media.tone import FROM_709, is_wide
from vidgan.media.types import Levels, VideoStream


def translate(
    pictures: Levels, translator: Translator, *, video: VideoStream, shown: VideoStream
) -> Levels:
    """Pictures (N, H, W, 3) as `read_levels` gives them of `video` -> translated, for `shown`."""
    if not is_wide(shown.color):
        return translator(seen_levels(pictures, video))
    return translator(pictures, _view(video))


def _view(video: VideoStream) -> View:
    """The change comes back in the wider primaries; of greys, and near them, that is exact."""
    return View(
        seen=lambda pictures: seen_levels(pictures, video).astype(np.uint16, copy=False),
        back=torch.tensor(FROM_709, dtype=torch.float32),
    )
