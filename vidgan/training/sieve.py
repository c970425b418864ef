"""Which frames of a film are worth training on, and which of them are held out.

Frames that stand near each other in a film are nearly the same picture, so single ones held out
would tell nothing about pictures never seen: whole stretches are held out, and a little on both
sides of each is used for neither.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HELD_OUT = 0.05
"""The share of a film that is held out."""
SHORT_SECONDS = 60.0
"""Of a film shorter than that no stretch is held out, where whole films can be."""

_STRETCH_SECONDS = 10.0  # as long as that, where 5 % of the film makes several
_MOST_STRETCHES = 10
_MARGIN_SECONDS = 1.0
_MARGIN_SHARE = 0.25  # of a stretch, at most

_THUMBNAIL = (32, 32)
_BLANK = 10  # levels from the darkest to the brightest spot of a thumbnail
_SAME = 2.0  # levels, the mean difference of two thumbnails


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A held-out part of a film, in shares (0 to 1) of its length."""

    start: float
    end: float
    margin: float
    """On either side, used for neither."""

    def holds(self, share: float) -> bool:
        """Whether a place in the film is held out."""
        return self.start <= share < self.end

    def is_near(self, share: float) -> bool:
        """Whether a place is in its margins."""
        is_within = self.start - self.margin <= share < self.end + self.margin
        return is_within and not self.holds(share)


def held_out_stretches(name: str, seconds: float) -> list[Stretch]:
    """The parts of a film that are held out: 5 % of it in stretches of some ten seconds.

    The film is cut into as many equal parts as there are stretches; where in its part each lies
    goes by the film's file name, as for pictures, so that it is the same in every run.
    """
    count = min(_MOST_STRETCHES, max(1, int(HELD_OUT * seconds / _STRETCH_SECONDS)))
    length = HELD_OUT / count
    margin = min(_MARGIN_SECONDS / max(seconds, 1e-9), _MARGIN_SHARE * length)
    free = 1 / count - length - 2 * margin
    starts = [part / count + margin + free * _hash_share(f"{name}/{part}") for part in range(count)]
    return [Stretch(start=start, end=start + length, margin=margin) for start in starts]


def _hash_share(text: str) -> float:
    """A number from 0 up to 1 that goes by the text alone."""
    return zlib.crc32(text.encode(errors="surrogateescape")) / 2**32


class Sieve:
    """Frames of one film in order: passes those that show something, and something new."""

    def __init__(self) -> None:
        self.blank = 0
        """Frames of one colour, black ones above all, so far."""
        self.repeated = 0
        """Frames nearly the same as the last one that passed, so far."""
        self._last: NDArray[np.float32] | None = None

    def passes(self, rgb: NDArray[np.uint8]) -> bool:
        """Look at the next frame, uint8 (H, W, 3)."""
        small = Image.fromarray(rgb).resize(_THUMBNAIL, Image.Resampling.BOX)
        thumbnail = np.asarray(small, dtype=np.float32)
        if np.ptp(thumbnail, axis=(0, 1)).max() < _BLANK:
            self.blank += 1
            return False
        if self._last is not None and np.abs(thumbnail - self._last).mean() < _SAME:
            self.repeated += 1
            return False
        self._last = thumbnail
        return True
