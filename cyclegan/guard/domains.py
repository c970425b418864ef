"""Domains that were prepared differently: they can be told apart whatever they show."""

from collections.abc import Iterator, Sequence
from statistics import median

from cyclegan.guard.values import Kind, Surface, Symptom
from cyclegan.guard.window import Window

BEYOND = 1.02
"""Values belong into [-1, 1]; a little more comes from resampling."""
HALF = -0.02
DEEP = -0.3
"""Photographs reach far below middle grey somewhere: some dark corner is in each."""
FLAT = 0.02
"""Contrast of pictures that show nothing."""
STRETCHED = 8.0
"""Ratio of contrasts; of night to day it is 2."""
SHARPER = 10.0
"""Ratio of shares of fine detail; of seasons, of day and night it is 1 to 3."""

_SAME_WAY = "both domains must come through the same steps: 8-bit pictures, scaled to [-1, 1]"


def ranges(window: Window) -> Iterator[Symptom]:
    """Value ranges that differ, or that are not the networks'."""
    a, b = [each.a for each in window.looks], [each.b for each in window.looks]
    for place, own, other in (("a", a, b), ("b", b, a)):
        low, high = min(each.low for each in own), max(each.high for each in own)
        deepest = min(each.low for each in other)
        contrast, others = _contrast(own), _contrast(other)
        found = _range_evidence(low, high, deepest, contrast, others)
        if found is None:
            continue
        yield Symptom(
            kind=Kind.RANGE,
            place="a" if place == "a" else "b",
            evidence=f"domain {place.upper()} {found}",
            numbers={"low": low, "high": high, "contrast": contrast},
            cause="the two domains are scaled differently, or one holds blank pictures: the "
            "discriminators need no more than that to tell them apart",
            remedy=_SAME_WAY,
        )


def _range_evidence(
    low: float, high: float, deepest: float, contrast: float, others: float
) -> str | None:
    if max(-low, high) > BEYOND:
        return f"has values from {low:.2f} to {high:.2f}, outside of [-1, 1]"
    if contrast < FLAT:
        return f"is blank: contrast {contrast:.3f}"
    if low > HALF and deepest < DEEP:
        return (
            f"has values from {low:.2f} to {high:.2f}, the other one down to {deepest:.2f}: it "
            "looks scaled to [0, 1]"
        )
    if contrast * STRETCHED < others:
        return f"has a contrast of {contrast:.3f}, the other one of {others:.2f}"
    return None


def sharpness(window: Window) -> Iterator[Symptom]:
    """One domain enlarged or compressed, the other not."""
    a, b = _fine_share([x.a for x in window.looks]), _fine_share([x.b for x in window.looks])
    ratio = max(a, b) / max(min(a, b), 1e-9)
    if ratio < SHARPER or max(a, b) < 1e-3:
        return
    soft, sharp = ("A", "B") if a < b else ("B", "A")
    yield Symptom(
        kind=Kind.SHARPNESS,
        place="a" if a < b else "b",
        evidence=f"domain {sharp} has {ratio:.0f} times the fine detail of domain {soft}",
        numbers={"fine_a": a, "fine_b": b},
        cause=f"pictures of domain {soft} were enlarged or blurred, those of {sharp} not (or are "
        "noisy): generators learn to blur and to draw grain",
        remedy=f"take larger pictures for domain {soft}, or train at a smaller --load",
    )


def _contrast(surfaces: Sequence[Surface]) -> float:
    return median(each.contrast for each in surfaces)


def _fine_share(surfaces: Sequence[Surface]) -> float:
    """Of all that varies in the pictures."""
    return median(each.spectrum.fine / max(each.contrast**2, 1e-6) for each in surfaces)
