"""How much more light a camera lets in from one frame to the next.

Automatic exposure scales all of a frame at once. What looks for the motion between two frames takes
that for movement, as each plain surface matches best where it was a little brighter or darker: in a
car park whose camera answers to each white car the ground seemed to move by 12 pixels of 144.

Frames are (N, 3, h, w) in levels of 8 bits, from 0 to 255; a gain is (N, 1, 1, 1), the factor less
1.
"""

import torch
from torch import Tensor

_SAMPLES = 12
"""Pixels that are looked at along the short side, at least, of a frame that has so many."""
_APART = 8
"""Pixels from one that is looked at to the next, at most."""
_BLACK, _WHITE = 16.0, 240.0
"""Levels between which light counts: in black a level is a large factor, white stays white."""
_ENOUGH = 0.5
"""The share of pixels between them, at least, or nothing is said of the frame."""
_FEWEST = 100
"""Numbers (three of each pixel) from which a median means something."""
_MOST = 1.2
"""A factor above it, or below its inverse, is no exposure that settles: a cut, a flash."""
_LEFT = 0.5
"""The share of a difference that may be left, for it to be one of exposure ..."""
_ROUNDED = 0.5
"""... and the levels beside it, which rounding leaves."""


def exposure_gain(before: Tensor, after: Tensor) -> Tensor:
    """By how much more light there is in frames after these than in them: (N, 1, 1, 1).

    The factor is the median of those of all pixels that are neither black nor white, so that what
    moves in less than half of the picture has no say in it. The gain is 0, exactly, where there are
    too few, where the factor is too large, and where it leaves more than half of the median
    difference, and half a level.
    """
    apart = max(1, min(_APART, min(before.shape[2:]) // _SAMPLES))
    then, now = (frames[:, :, ::apart, ::apart].flatten(1) for frames in (before, after))
    counts = (torch.minimum(then, now) > _BLACK) & (torch.maximum(then, now) < _WHITE)
    factor = _median(now / then.clamp_min(1.0), counts)
    difference = _median((now - then).abs(), counts)
    left = _median((now - factor * then).abs(), counts)
    is_exposure = (left <= _LEFT * difference + _ROUNDED) & (factor < _MOST) & (factor > 1 / _MOST)
    enough = counts.sum(1, keepdim=True) >= max(_FEWEST, _ENOUGH * then.shape[1])
    return torch.where(is_exposure & enough, factor - 1, 0.0)[:, :, None, None]


def exposed(frames: Tensor, gain: Tensor) -> Tensor:
    """Frames with so much more light; what is white stays so. With a gain of 0, as they are."""
    return (frames * (1 + gain)).clamp_(0, 255)


def _median(rows: Tensor, chosen: Tensor) -> Tensor:
    """Of those chosen in each row of (N, M): (N, 1); NaN, which is nothing's equal, of none."""
    return rows.where(chosen, torch.nan).nanmedian(1, keepdim=True).values
