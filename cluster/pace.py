"""How long items take, and how long to wait for a worker that does not move."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what; all in seconds."""

    place: float = 60.0
    """For the first worker process to come up."""
    setup: float = 600.0
    """For a worker that is up to be set up."""
    first: float = 600.0
    """For a sign of moving, as long as no item has been timed."""
    least: float = 60.0
    """For a sign of moving, at least."""
    factor: float = 5.0
    """For a sign of moving, in times of what the item would take the slowest worker."""

    def for_items(self, costs: Iterable[float], slowest: float | None) -> float:
        """How long a worker may show no sign of moving, that has items of these costs.

        `slowest` is the most seconds that any item has taken for each unit of its cost.
        """
        if slowest is None:
            return self.first
        return max(self.least, self.factor * slowest * max(costs))


@dataclass(slots=True)
class Pace:
    """Seconds that items took for each unit of their cost."""

    mean: float | None = None
    """Of late: each item counts for a third."""
    slowest: float | None = None

    def note(self, seconds: float, cost: float) -> None:
        """One more item is done."""
        rate = seconds / cost
        self.mean = rate if self.mean is None else self.mean + (rate - self.mean) / 3
        self.slowest = max(rate, self.slowest or 0.0)
