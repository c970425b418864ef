"""The driver's time: only while it listens can it know whether a worker moves."""

import time


class Listening:
    """Counts the seconds in which the driver waited for its workers.

    What the consumer of the results does meanwhile, or whoever makes the items, is not the workers'
    fault: they may have been done long ago, and nobody was there to hear it.
    """

    def __init__(self) -> None:
        self._before = 0.0
        self._since: float | None = time.monotonic()

    def now(self) -> float:
        """Seconds of listening so far, from any beginning."""
        return self._before + (0.0 if self._since is None else time.monotonic() - self._since)

    def pause(self) -> None:
        """Something else has the driver's attention."""
        self._before, self._since = self.now(), None

    def go_on(self) -> None:
        """It listens again."""
        if self._since is None:
            self._since = time.monotonic()
