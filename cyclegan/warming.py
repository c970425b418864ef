"""How many frames before its own a part of a film begins with, so that no seam shows."""

import math

_FORGOTTEN = 1 / 25
"""The weight that may be left of frames before those with which a part of a film begins."""
_LONGEST_WARM_UP = 60
"""Frames: at strengths of more than 0.947 a part forgets that much less."""


def warm_up(strength: float) -> int:
    """Frames before a part of a film that are translated for the sake of what follows: 20 of 0.85.

    So many that almost none of the weight, `strength` times itself for each of them, would be of
    frames before these.
    """
    if strength == 0:
        return 0
    return min(_LONGEST_WARM_UP, math.ceil(math.log(_FORGOTTEN) / math.log(strength)))
