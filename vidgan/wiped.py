"""Knowing a film made with `--compare wipe`, whose left half is the original's."""

import numpy as np

from vidgan.media.types import Levels

_ENOUGH = 24
"""Frames by which it is settled."""
_TIMES = 20
"""So much more the right half differs (squared): what compression changes on the left is far
less, and a translation that leaves the left half of every frame alone is none."""
_LEAST = 1e-4
"""Mean squared difference in [0, 1] of the right half: of a hundredth; else nothing can be told."""


class WipeWatch:
    """Looks at the first frames of a film and of what was made of it."""

    def __init__(self) -> None:
        self._left = self._right = 0.0
        self._frames = 0

    def see(self, before: Levels, after: Levels) -> None:
        """The next frame of both, (H, W, 3); when enough have been seen, no more is looked at."""
        if self.is_settled:
            return
        self._frames += 1
        middle = before.shape[1] // 2
        line = middle + max(1, before.shape[0] // 100)
        self._left += _difference(before[::4, :middle], after[::4, :middle])
        self._right += _difference(before[::4, line:], after[::4, line:])

    @property
    def is_settled(self) -> bool:
        """Whether enough has been seen."""
        return self._frames == _ENOUGH

    @property
    def is_wiped(self) -> bool:
        """Whether that is how it looks so far."""
        return self._right > max(_TIMES * self._left, self._frames * _LEAST)


def _difference(before: Levels, after: Levels) -> float:
    x, y = (half.astype(np.float32) / np.iinfo(half.dtype).max for half in (before, after))
    return float(np.square(x - y).mean())
