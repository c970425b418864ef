"""What a generator makes of a picture, brought back to its own depth and colours."""

import numpy as np

from vidgan.pictures.color import from_srgb
from vidgan.pictures.picture import Bytes, Colors, Levels

_ROWS = 256  # at a time: the sums are of floats, four to eight times as large as the picture
_ROUNDING = 2.0
_FADED = 64.0


def apply_change(own: Levels, seen: Bytes, made: Bytes, colors: Colors) -> Levels:
    """The translated picture (H, W, 3), in the depth and colours of `own`.

    `seen` is `own` as the generator saw it, 8-bit sRGB, and `made` what came of it. What `own` has
    beyond `seen` is added to the result: levels finer than 8 bits, so that a gradient stays smooth,
    and colours beyond sRGB. The latter (more than 2 levels of difference) fade where the
    generator changes much, out at 64 levels: leaves that became snow should not shine green.
    A picture that the generator leaves alone comes back as it was, to the level.
    """
    if own.dtype == np.uint8 and colors.from_srgb is None:
        return made
    out = np.empty_like(own)
    for top in range(0, len(own), _ROWS):
        rows = slice(top, top + _ROWS)
        out[rows] = _changed_rows(own[rows], seen[rows], made[rows], colors)
    return out


def _changed_rows(own: Levels, seen: Bytes, made: Bytes, colors: Colors) -> Levels:
    highest = np.iinfo(own.dtype).max
    scale = np.float32(highest / 255)
    rest = own.astype(np.float32) / scale - from_srgb(seen, colors)
    rounding = rest.clip(-_ROUNDING, _ROUNDING)
    change = np.abs(made.astype(np.int16) - seen).max(axis=2, keepdims=True)
    kept = (1 - change.astype(np.float32) / np.float32(_FADED)).clip(0, 1)
    result = from_srgb(made, colors) + rounding + kept * (rest - rounding)
    levels: Levels = (result * scale).round().clip(0, highest).astype(own.dtype)
    return levels
