"""Outputs that are no pictures any more: blank, saturated, all the same, or negatives."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import dist
from statistics import median

from cyclegan.guard.values import Kind, Surface, Symptom
from cyclegan.guard.window import Way, Window, surface_median

FAINT = 0.2
"""Of the contrast that pictures have; less is a plain surface."""
FAINTEST = 0.06
"""Contrast of a picture that shows something, however soft: some eight levels."""
DARK = 0.85
"""Of the way from middle grey to black, or to white."""
CLIPPED = 0.5
"""Share of values at either end of the range, above what the pictures themselves have there."""
REACTION = 0.1
"""Of inputs' own variation; outputs that vary less do not depend on them."""
VARIED = 0.3
"""How far apart two inputs must be, for outputs to have a reason to differ."""
NEGATIVE = -0.35
"""Correlation with the input; from day to night it may well be near 0."""


def blank(window: Window) -> Iterator[Symptom]:
    """Outputs near black, white, or one colour."""
    for way in window.ways():
        contrast, own = way.drawn("contrast"), _pictures_contrast(way)
        mean, white = way.drawn("mean"), surface_median(way.target, "mean")
        is_plain = contrast < min(FAINT * own, FAINTEST)
        is_dark = abs(mean) > DARK and abs(mean - white) > 0.3
        if not (is_plain or is_dark):
            continue
        look = "black" if mean < -DARK else "white" if mean > DARK else "of one colour"
        yield Symptom(
            kind=Kind.BLANK,
            place=way.place,
            evidence=f"outputs are {look}: contrast {contrast:.3f} where pictures have {own:.2f}, "
            f"mean {mean:+.2f}",
            numbers={"contrast": contrast, "pictures": own, "mean": mean},
            cause=f"the generator follows discriminator {way.judge} alone, or its own weights have "
            "run away: --lr-d, --lr-g or the adversarial share is too high",
            remedy="lower --lr-d to --lr-g or less, raise --lambda-cycle (10 is usual); if both "
            "rates are high, lower them to 2e-4",
        )


def saturated(window: Window) -> Iterator[Symptom]:
    """Values crowded at the ends of the range, where tanh has no gradient left."""
    for way in window.ways():
        clipped = way.drawn("black") + way.drawn("white")
        own = max(_clipped(way.source), _clipped(way.target))
        if clipped < own + CLIPPED:
            continue
        yield Symptom(
            kind=Kind.SATURATED,
            place=way.place,
            evidence=f"{clipped:.0%} of all values are black or white, {own:.0%} in the pictures",
            numbers={"clipped": clipped, "pictures": own},
            cause="the generator's last layer has run into tanh's ends, where it learns no more: "
            f"pushed by discriminator {way.judge} or by too high a rate",
            remedy="lower --lr-g and --lr-d, raise --lambda-cycle",
        )


def same(window: Window) -> Iterator[Symptom]:
    """Mode collapse: outputs that do not depend on the input."""
    for way in window.ways():
        drawn, shown = _steps([each.drawn for each in way.seen]), _steps(way.source)
        reactions = [d / s for d, s in zip(drawn, shown, strict=True) if s > VARIED]
        if len(reactions) < 3 or (reaction := median(reactions)) > REACTION:
            continue
        yield Symptom(
            kind=Kind.SAME,
            place=way.place,
            evidence=f"outputs differ from one another {reaction:.2f} times as much as inputs do",
            numbers={"reaction": reaction},
            cause="mode collapse: one picture satisfies the discriminator, and the cycle does not "
            "object",
            remedy="raise --lambda-cycle, lower --lr-d; see that both domains hold varied pictures",
        )


def inverted(window: Window) -> Iterator[Symptom]:
    """Negatives: a way there and back that closes, through a picture upside down in brightness."""
    for way in window.ways():
        correlation = median(each.correlation for each in way.seen)
        if correlation > NEGATIVE:
            continue
        yield Symptom(
            kind=Kind.INVERTED,
            place=way.place,
            evidence=f"outputs correlate with their inputs by {correlation:+.2f}: they are "
            "negatives",
            numbers={"correlation": correlation},
            cause="the cycle closes through negatives as well as through pictures, and nothing "
            "says which: the identity loss is off or too weak, or the first steps went astray",
            remedy="train anew with --lambda-identity 0.5 or more, or with another --seed",
        )


def _pictures_contrast(way: Way) -> float:
    return min(surface_median(way.source, "contrast"), surface_median(way.target, "contrast"))


def _clipped(surfaces: Sequence[Surface]) -> float:
    return surface_median(surfaces, "black") + surface_median(surfaces, "white")


def _steps(surfaces: Sequence[Surface]) -> list[float]:
    """How far each picture is from the one before, in large parts."""
    return [dist(one.thumb, other.thumb) for one, other in pairwise(surfaces)]
