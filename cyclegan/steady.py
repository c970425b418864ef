"""Translations of a film that do not flicker.

A generator answers each frame by itself, and a little noise of a sensor or a codec, or a camera
that moves on by a pixel, changes its answer all over the picture. So the change that it makes to a
frame (its output less its input) leans, pixel by pixel, on the change it made to the frame before,
moved to where things are now (`cyclegan.motion`), as far as what is there is the same: a recursive
filter in time, along the motion, bilateral in the film's own levels. Where something comes into
sight, where motion cannot be followed, and at a cut, a frame has its own change alone, so that
nothing is dragged along.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cyclegan.exposure import exposed, exposure_gain
from cyclegan.motion import motion, moved, window_mean
from cyclegan.traced import Recorded

SAME = 20.0
"""Levels of 8 bits by which a place may differ to be the same for 1/e of the weight."""
_GRAIN = 1
"""Pixels each side, at the generator's size, over which a difference has its mean: noise, and what
falls between pixels, have none."""
_WINDOW = 2
"""Pixels each side over which the size of that mean counts."""


@dataclass(frozen=True, slots=True)
class Steadied:
    """The frame before: what the generator saw, in levels of 8 bits, and the change to it."""

    seen: Tensor
    change: Tensor


@dataclass(frozen=True, slots=True)
class Course:
    """How frames in a row follow one another: all of them, or all but a first that follows none."""

    motions: Tensor
    """(M, 2, h, w): where each pixel was in the frame before."""
    sameness: Tensor
    """(M, 1, h, w), from 0 to 1: whether what was there is what is here."""


def steadied(
    before: Steadied | None, seen: Tensor, changes: Tensor, *, strength: float
) -> tuple[Steadied, Tensor]:
    """Changes that lean on the frames before, of frames in a row.

    Args:
        before: what the last call gave; None at the start.
        seen: (N, 3, h, w) in levels of 8 bits.
        changes: (N, 3, h, w) in any unit.
        strength: in [0, 1), the weight of the frame before where it shows the same.

    Returns:
        What the next call takes, and the changes, (N, 3, h, w).
    """
    course = followed(None if before is None else before.seen, seen)
    made = leaning(None if before is None else before.change, changes, course, strength=strength)
    return Steadied(seen[-1].clone(), made[-1].clone()), made


def _course(then: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
    """Motions and sameness of frames (M, 3, h, w) after as many."""
    gains = exposure_gain(then, now)
    motions = motion(exposed(then, gains), now)
    there = moved(then, motions)
    # White keeps its level while the rest becomes darker, and what is nearly white goes some of the
    # way: all from what was there to what more light would make of it is the same. Elsewhere that
    # hides what differs by less than the exposure does, which is some percent.
    plain, lit = there - now, exposed(there, gains) - now
    above, below = torch.minimum(plain, lit).clamp_min_(0), torch.maximum(plain, lit).clamp_max_(0)
    return motions, _sameness(above + below)


_find_course = Recorded(_course)


def followed(before: Tensor | None, seen: Tensor) -> Course:
    """The course of frames (N, 3, h, w) after one, (3, h, w), of the same size or another."""
    follows = before is not None and before.shape == seen.shape[1:]
    row = torch.cat([before[None], seen]) if before is not None and follows else seen
    if len(row) == 1:
        return Course(seen.new_empty(0, 2, *seen.shape[2:]), seen.new_empty(0, 1, *seen.shape[2:]))
    then, now = row[:-1], row[1:]
    return Course(*_find_course(then, now))


def leaning(before: Tensor | None, changes: Tensor, course: Course, *, strength: float) -> Tensor:
    """Changes (N, 3, h, w) that lean on one another, and on that before, along their course."""
    made = []
    first = len(changes) - len(course.motions)
    for number, change in enumerate(changes):
        if before is not None and number >= first:
            at = slice(number - first, number - first + 1)
            there = moved(before[None], course.motions[at])[0]
            change = torch.lerp(change, there, strength * course.sameness[at][0])  # noqa: PLW2901
        made.append(change)
        before = change
    return torch.stack(made)


def _sameness(difference: Tensor) -> Tensor:
    """From 0 to 1, (N, 1, h, w), of what differs between frames, (N, 3, h, w)."""
    grained = window_mean(difference, _GRAIN).abs_().amax(dim=1, keepdim=True)
    return torch.exp(-((window_mean(grained, _WINDOW) / SAME) ** 2))


@dataclass(frozen=True, slots=True)
class Handed:
    """What some frames of a row hand on to those after them, each part as soon as there is one.

    What the generator saw in the last of them is known long before the change to it is, so that
    the motion from there is found meanwhile, in as many threads as there are.
    """

    seen: "Future[Tensor | None]" = field(default_factory=Future)
    change: "Future[Tensor | None]" = field(default_factory=Future)

    def show(self, seen: Tensor | None) -> None:
        """Hand on what was seen last, unless that was done in an earlier try."""
        if not self.seen.done():
            self.seen.set_result(seen)

    def leave(self, change: Tensor | None) -> None:
        """Hand on the change to it, likewise."""
        if not self.change.done():
            self.change.set_result(change)

    def fail(self, error: BaseException) -> None:
        """Let those who wait for what has not been handed on raise this."""
        for future in (self.seen, self.change):
            if not future.done():
                future.set_exception(error)


@dataclass(frozen=True, slots=True)
class Link:
    """The place of some frames in a row of them, whose parts several threads translate at once.

    Each is told what the one before has left, whichever of them is ready first.
    """

    before: Handed
    after: Handed


def links() -> Iterator[Link]:
    """Those of a row, in order, without end."""
    before = Handed()
    before.show(None)
    before.leave(None)
    while True:
        after = Handed()
        yield Link(before, after)
        before = after


class Row:
    """The frames of one link, steadied batch by batch; a batch that is tried again, once more.

    While it waits for the link before it is within `away`, a context of the caller's. As a context
    itself it hands on to the next link, whatever happens: that would wait for ever.
    """

    def __init__(
        self,
        link: Link,
        *,
        frames: int,
        strength: float,
        away: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._link, self._frames, self._strength, self._away = link, frames, strength, away
        self._seen: dict[int, Tensor | None] = {}
        self._changes: dict[int, Tensor | None] = {}

    def __enter__(self) -> "Row":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        before, after = self._link.before, self._link.after
        if error is not None:
            after.fail(error)
        elif self._frames == 0:
            try:
                after.show(self._wait(before.seen))
                after.leave(self._wait(before.change))
            except BaseException as failed:
                after.fail(failed)
                raise

    def steadied(self, start: int, seen: Tensor, changes: Tensor) -> Tensor:
        """The changes to frames from number `start` on; those beyond the last are left alone.

        Raises:
            Exception: what has gone wrong in the link before.
        """
        count = min(len(seen), self._frames - start)
        seen, surplus = seen[:count], changes[count:]
        end = start + count
        is_last = end == self._frames
        last_seen = seen[-1].clone()  # by itself: a view would keep the whole batch
        if is_last:
            self._link.after.show(last_seen)
        if start == 0:
            self._seen[0] = self._wait(self._link.before.seen)
        course = followed(self._seen[start], seen)
        if start == 0:
            self._changes[0] = self._wait(self._link.before.change)
        made = leaning(self._changes[start], changes[:count], course, strength=self._strength)
        last_change = made[-1].clone()
        if is_last:
            self._link.after.leave(last_change)
        # Only this batch can be tried again, perhaps in smaller ones.
        self._seen = {start: self._seen[start], end: last_seen}
        self._changes = {start: self._changes[start], end: last_change}
        return torch.cat([made, surplus])

    def _wait(self, future: "Future[Tensor | None]") -> Tensor | None:
        with self._away():
            return future.result()
