"""Translations of a film that do not flicker where the film does not move.

A generator answers each frame by itself, and a little noise of a sensor or a codec changes its
answer all over the picture. So the change that it makes to a frame (its output less its input)
leans, pixel by pixel, on the change it made to the frame before, as far as the two frames are the
same there: a recursive filter in time, bilateral in the film's own levels. Where something moves,
and at a cut, a frame has its own change alone, so that nothing is dragged along.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

SAME = 10.0
"""Levels of 8 bits by which a place may differ to be the same for 1/e of the weight."""
_WINDOW = 5
"""Pixels at the generator's size over which a difference is averaged: noise is not movement."""

WARM_UP = 12
"""Frames before a part of a film that are translated for the sake of what follows. At a strength of
0.8 a fourteenth of the weight would be of frames before these.
"""


@dataclass(frozen=True, slots=True)
class Steadied:
    """The frame before: what the generator saw, in levels of 8 bits, and the change to it."""

    seen: Tensor
    change: Tensor


def steadied(
    before: Steadied | None, seen: Tensor, changes: Tensor, *, strength: float
) -> tuple[Steadied, Tensor]:
    """Changes that lean on the frames before, of frames in a row.

    Args:
        before: what the last call gave; None at the start.
        seen: (N, 3, h, w) in levels of 8 bits.
        changes: (N, 3, h, w) in any unit.
        strength: in [0, 1), the weight of the frame before where nothing has moved.

    Returns:
        What the next call takes, and the changes, (N, 3, h, w).
    """
    made = []
    for frame, change in zip(seen, changes, strict=True):
        if before is not None and before.seen.shape == frame.shape:
            weight = strength * _sameness(before.seen, frame)
            change = torch.lerp(change, before.change, weight)  # noqa: PLW2901
        before = Steadied(frame, change)
        made.append(change)
    assert before is not None, "there are no frames"
    return before, torch.stack(made)


def _sameness(one: Tensor, other: Tensor) -> Tensor:
    """From 0 to 1, (1, h, w), of two frames (3, h, w)."""
    difference = (one - other).abs().amax(dim=0, keepdim=True)
    mean = F.avg_pool2d(
        difference[None], _WINDOW, stride=1, padding=_WINDOW // 2, count_include_pad=False
    )[0]
    return torch.exp(-((mean / SAME) ** 2))


@dataclass(frozen=True, slots=True)
class Link:
    """The place of some frames in a row of them, whose parts several threads translate at once.

    Each is told what the one before has left, whichever of them is ready first.
    """

    before: "Future[Steadied | None]"
    after: "Future[Steadied | None]"


def links() -> Iterator[Link]:
    """Those of a row, in order, without end."""
    before: Future[Steadied | None] = Future()
    before.set_result(None)
    while True:
        after: Future[Steadied | None] = Future()
        yield Link(before, after)
        before = after


class Row:
    """The frames of one link, steadied batch by batch; a batch that is tried again, once more.

    As a context it hands on to the next link, whatever happens: it would wait for ever.
    """

    def __init__(self, link: Link, *, frames: int, strength: float) -> None:
        self._link, self._frames, self._strength = link, frames, strength
        self._left: dict[int, Steadied | None] = {}

    def __enter__(self) -> "Row":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._link.after.done():
            return
        if error is not None:
            self._link.after.set_exception(error)
        else:  # there was no frame
            self._link.after.set_result(self._link.before.result())

    def wait(self) -> None:
        """For the link before.

        Raises:
            Exception: what has gone wrong there.
        """
        self._left[0] = self._link.before.result()

    def steadied(self, start: int, seen: Tensor, changes: Tensor) -> Tensor:
        """The changes to frames from number `start` on; those beyond the last are left alone."""
        count = min(len(seen), self._frames - start)
        left, made = steadied(
            self._left[start], seen[:count], changes[:count], strength=self._strength
        )
        self._left[start + count] = left
        if start + count == self._frames and not self._link.after.done():
            self._link.after.set_result(left)
        return torch.cat([made, changes[count:]])
