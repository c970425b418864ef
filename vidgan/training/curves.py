"""Curves of a training over the images it has seen, for its page: plain values, fit for JSON."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidgan.training.lines import Line

MOST_POINTS = 2000
"""Of a curve; of more, neighbours are averaged."""

LOG, METRICS = "log", "metrics"


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves that are read together: label of each, and where a line has its value."""

    title: str
    note: str
    source: str
    curves: Mapping[str, tuple[str, ...]]
    """The first is drawn in the colour of A to B, the second in that of B to A."""
    is_noisy: bool = False
    """Whether to draw a running mean over it."""
    factors: Sequence[str] = ()
    """Settings by which the values of each curve are multiplied."""


CHARTS = (
    Chart(
        "Generators: adversarial loss",
        "what the discriminators still find wrong; rising on one side alone, it is losing",
        LOG,
        {"A to B": ("adversarial_ab",), "B to A": ("adversarial_ba",)},
        is_noisy=True,
    ),
    Chart(
        "Discriminators: loss",
        "near zero, a discriminator has won, and its generator has nobody to learn from",
        LOG,
        {"of B": ("discriminator_b",), "of A": ("discriminator_a",)},
        is_noisy=True,
    ),
    Chart(
        "Cycle loss",
        "mean difference of a picture and its way there and back, on a scale of 0 to 2",
        LOG,
        {"A, B, A": ("cycle_a",), "B, A, B": ("cycle_b",)},
        is_noisy=True,
    ),
    Chart(
        "Identity loss",
        "what a generator changes in pictures that are of its target already",
        LOG,
        {"A to B": ("identity_b",), "B to A": ("identity_a",)},
        is_noisy=True,
    ),
    Chart(
        "Stability loss",
        "what a small movement and noise change in a translation; high, films would flicker",
        LOG,
        {"A to B": ("stability_ab",), "B to A": ("stability_ba",)},
        is_noisy=True,
    ),
    Chart(
        "Perceptual loss",
        "what EfficientNet no longer sees in a translation; 0: all is kept, 2: nothing is",
        LOG,
        {"A to B": ("perceptual_ab",), "B to A": ("perceptual_ba",)},
        is_noisy=True,
    ),
    Chart(
        "KID",
        "distance of translated and real held-out pictures; lower is better",
        METRICS,
        {"A to B": ("a2b", "kid"), "B to A": ("b2a", "kid")},
    ),
    Chart(
        "Edges kept",
        "1: all edges of the input are where they were",
        METRICS,
        {"A to B": ("a2b", "edges"), "B to A": ("b2a", "edges")},
    ),
    Chart(
        "Throughput",
        "images a second",
        LOG,
        {"images/s": ("images_per_second",)},
        is_noisy=True,
    ),
    Chart(
        "Waiting for data",
        "share of the time; 0.05 is too much",
        LOG,
        {"waiting": ("waiting",)},
        is_noisy=True,
    ),
    Chart(
        "Learning rate",
        "as the settings have it; what the guard changes comes on top",
        LOG,
        {"generators": ("lr_scale",), "discriminators": ("lr_scale",)},
        factors=("lr_g", "lr_d"),
    ),
)


def drawn(
    lines: Mapping[str, Sequence[Line]], settings: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """All charts of which anything is known, as the page draws them."""
    for chart in (*CHARTS, *_charts_of_others(lines[LOG])):
        source = lines[chart.source]
        x = _thinned([_number(line.get("images")) for line in source])
        curves: list[dict[str, Any]] = []
        for place, (label, keys) in enumerate(chart.curves.items()):
            factor = settings.get(chart.factors[place], 1.0) if chart.factors else 1.0
            y = _thinned([_number(_inside(line, keys), factor) for line in source])
            if curves and curves[0]["y"] == y:  # else one would hide the other
                curves[0]["label"] += f" and {label}"
            elif any(y):
                curves.append({"label": label, "x": x, "y": y})
        if curves:
            yield {
                "title": chart.title,
                "note": chart.note,
                "noisy": chart.is_noisy,
                "curves": curves,
            }


_NOT_DRAWN = frozenset({"step", "images", "seconds_per_step", "skipped"})


def _charts_of_others(log: Sequence[Line]) -> Iterator[Chart]:
    """One for each loss that is not a plain CycleGAN's."""
    known = {keys[0] for chart in CHARTS for keys in chart.curves.values()} | _NOT_DRAWN
    for name in log[-1] if log else ():
        if name not in known:
            yield Chart(name, "", LOG, {name: (name,)}, is_noisy=True)


def _inside(line: Line, keys: Sequence[str]) -> object:
    value: object = line
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(value: object, factor: float = 1.0) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value * factor


def _thinned(values: Sequence[float | None]) -> list[float | None]:
    """`MOST_POINTS` of them at most, each the mean of as many neighbours."""
    stride = -(-len(values) // MOST_POINTS) or 1
    return [_mean(values[start : start + stride]) for start in range(0, len(values), stride)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(f"{sum(known) / len(known):.5g}") if known else None
