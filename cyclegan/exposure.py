"""By how much a camera has let more light in from one frame to the next.

Automatic exposure scales all of a frame at once. What looks for the motion between two frames takes
that for movement, as each plain surface matches best where it was a little brighter or darker; of
a car park whose camera answers to each white car the ground seemed to move by a tenth of the frame.
"""

import torch
from torch import Tensor

_APART = 8
"""Every so many-th pixel each way is looked at."""
_BLACK = 8.0
"""Levels added to all, so that one more of what is nearly black is no large factor."""
_MOST = 1.2
"""More is no exposure that settles, but a cut, a flash or something large that passes."""
_LEFT, _ROUNDED = 0.5, 0.5
"""What may be left of a difference that exposure explains: a half, and what rounding makes."""


def brightened(before: Tensor, after: Tensor) -> Tensor:
    """Frames (N, 3, h, w) as they would be in the exposure of those after them.

    Both are in levels of 8 bits. The factor is the median of those of all pixels, so that less than
    half a picture that moves has no say in it. They come back as they are unless it explains most
    of what differs, and where it is too large for an exposure that settles.
    """
    one, other = (
        frames[:, :, ::_APART, ::_APART].flatten(1) + _BLACK for frames in (before, after)
    )
    factor = _median(other / one)
    difference, left = _median((other - one).abs()), _median((other - factor * one).abs())
    is_exposure = (left <= _LEFT * difference + _ROUNDED) & (factor < _MOST) & (factor > 1 / _MOST)
    more = torch.where(is_exposure, factor - 1, 0.0)[:, :, None, None]
    return before + (before + _BLACK) * more


def _median(rows: Tensor) -> Tensor:
    """Of each row of (N, M): (N, 1)."""
    return rows.median(1, keepdim=True).values
