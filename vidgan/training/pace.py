"""When it is time for what looks on at a training, so that looking stays cheap."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cyclegan.training import Progress

SHARE = 0.01
"""Of the training's time, that all drawing may take; and as much again for all judging."""


class Pace:
    """Names the steps at which something is due: each time so many images were seen, and the last.

    A point is passed over while what was done before has taken more than `share` of the
    training's time and `credit` seconds, by `clock`; so looking never costs more than that, on
    whatever machine. A credit below zero lets the first time wait. With `every` 0 nothing is ever
    due.
    """

    def __init__(
        self,
        *,
        every: int,
        images_per_step: int,
        credit: float,
        share: float = SHARE,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._every, self._images_per_step = every, images_per_step
        self._share, self._allowed = share, credit
        self._clock = clock

    def is_due(self, progress: Progress) -> bool:
        """Whether it is time after this step; to be asked after each."""
        self._allowed += self._share * progress.seconds
        if self._every == 0:
            return False
        if progress.step == progress.steps:
            return True
        before = progress.images - self._images_per_step
        has_passed = progress.images // self._every > before // self._every
        return has_passed and self._allowed >= 0

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count the time of the block."""
        began = self._clock()
        try:
            yield
        finally:
            self._allowed -= self._clock() - began


class Course:
    """Follows the steps of a training, which may begin anywhere and be sent back."""

    def __init__(self) -> None:
        self._step: int | None = None

    def restarts(self, progress: Progress) -> bool:
        """Whether this step is the first that is heard of, or does not come after the last."""
        restarted = self._step is None or progress.step <= self._step
        self._step = progress.step
        return restarted
