"""Threads that do the same thing at once, until that turns out to be too much."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """All at once, or one at a time from the moment when that is asked for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._single = False

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Be one of those under way, and hear whether it is the only one.

        Where they go one at a time, wait for a turn.
        """
        with self._changed:
            self._changed.wait_for(lambda: not (self._single and self._under_way))
            self._under_way += 1
            alone = self._single
        try:
            yield alone
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Within a turn: let others have it meanwhile, of whom one may be what is waited for."""
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._changed.wait_for(lambda: not (self._single and self._under_way))
                self._under_way += 1

    def one_at_a_time(self) -> None:
        """From now on."""
        with self._changed:
            self._single = True
