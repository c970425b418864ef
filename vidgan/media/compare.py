"""A picture and its translation in one."""

import numpy as np

from vidgan.media.types import Compare, Levels

_PIXELS_PER_LINE = 400
"""Of the height, for each pixel of the line between two halves."""


def compared(before: Levels, after: Levels, compare: Compare) -> Levels:
    """Put two pictures into one.

    Args:
        before: (..., H, W, 3), upright.
        after: the same, translated.
        compare: "side": (..., H, 2 W, 3), the original on the left. "stack": (..., 2 H, W, 3), the
            original above. "wipe": (..., H, W, 3), the left half of the original and the right
            half of the translation, with a white line between.
    """
    if compare != "wipe":
        return np.concatenate((before, after), axis=-2 if compare == "side" else -3)
    height, width = before.shape[-3:-1]
    middle, line = width // 2, max(1, height // _PIXELS_PER_LINE)
    picture = after.copy()
    picture[..., :middle, :] = before[..., :middle, :]
    picture[..., middle : middle + line, :] = np.iinfo(picture.dtype).max
    return picture
