"""Ray's metrics, which Prometheus reads from every machine's agent.

Ray puts `ray_` before each name and `_total` behind those of counters.
"""

from ray.util.metrics import Counter, Gauge

__all__ = ["Counter", "Gauge", "rise"]


def rise(counter: Counter, by: float, **tags: str) -> None:
    """Let a counter rise; counters refuse to rise by nothing."""
    if by > 0:
        counter.inc(by, tags)
