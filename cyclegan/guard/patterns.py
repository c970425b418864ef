"""What generators draw that no picture has: checkerboards, and messages to each other."""

from collections.abc import Iterator, Sequence
from statistics import median

from cyclegan.guard.values import Kind, Surface, Symptom, Trial
from cyclegan.guard.window import Way, Window, falls, surface_median

VISIBLE = 3.0
"""Levels, root mean square, of a pattern that repeats every 2 or 4 pixels."""
TIMES = 3.0
"""What pictures have of it themselves."""
ABOVE = 6.0
"""Decibels by which it stands out more than it does in pictures."""
OUT = 2.0
"""Decibels by which it must stand out at all; median photographs: -0.5 to 1."""
AMPLIFIED = 4.0
"""Noise that comes back so much larger than all else does was taken for a message."""
BROKEN = 1.5
"""Times the error of the way back from the output as it is."""
CLOSED = 0.75
"""Relative cycle error of a cycle that works."""


def checkerboard(window: Window) -> Iterator[Symptom]:
    """Energy at the period of the upsampling, which the pictures do not have there."""
    for way in window.ways():
        patterns = [each.drawn.spectrum.pattern for each in way.seen]
        pattern, peak = median(patterns), median(each.drawn.spectrum.peak for each in way.seen)
        own = max(_pattern(way.source), _pattern(way.target))
        own_peak = max(_peak(way.source), _peak(way.target))
        is_visible = pattern > max(VISIBLE, TIMES * own) and peak > max(OUT, own_peak + ABOVE)
        if not is_visible:
            continue
        yield Symptom(
            kind=Kind.CHECKERBOARD,
            place=way.place,
            evidence=f"a pattern of period 2 or 4 pixels of {pattern:.1f} levels ({own:.1f} in the "
            f"pictures), {peak - own_peak:.0f} dB further out of the spectrum than theirs",
            numbers={"pattern": pattern, "pictures": own, "peak": peak, "pictures_peak": own_peak},
            cause="transposed convolutions cover pixels unevenly (Odena et al. 2016), and neither "
            "training nor discriminators have evened it out",
            remedy="train longer, or use --generator fast, which scales up without them",
            is_fading=falls(patterns, to=0.8),
        )


def hidden(window: Window) -> Iterator[Symptom]:
    """A cycle that closes only through what nobody sees in the output (Chu et al. 2017)."""
    for way in window.ways():
        trials = way.trials
        if len(trials) < 2:
            continue
        clean, soft = _median(trials, "clean_error"), _median(trials, "soft_error")
        noisy, gain = _median(trials, "noisy_error"), _median(trials, "gain")
        is_soft = soft > BROKEN * (clean + _median(trials, "soft_loss"))
        is_noisy = gain > AMPLIFIED * _stretch(way) and noisy > BROKEN * clean
        if clean > CLOSED or not (is_soft or is_noisy):
            continue
        yield Symptom(
            kind=Kind.HIDDEN,
            place=way.place,
            evidence=f"the cycle's error of {clean:.2f} becomes {soft:.2f} when the output is "
            f"softened by a pixel, {noisy:.2f} with noise of 2.5 levels (which comes "
            f"back {gain:.1f} times as large)",
            numbers={"gain": gain, "clean_error": clean, "noisy_error": noisy, "soft_error": soft},
            cause="the output carries its input in a pattern too fine to see, because the other "
            "domain cannot show it: the cycle closes without a faithful translation",
            remedy="lower --lambda-cycle, or choose domains that hold as much as one another",
        )


def _stretch(way: Way) -> float:
    """By how much the way back must enlarge contrast, as out of fog."""
    return max(1.0, surface_median(way.source, "contrast") / max(way.drawn("contrast"), 1e-6))


def _median(trials: Sequence[Trial], name: str) -> float:
    return median(float(getattr(each, name)) for each in trials)


def _pattern(surfaces: Sequence[Surface]) -> float:
    return median(each.spectrum.pattern for each in surfaces)


def _peak(surfaces: Sequence[Surface]) -> float:
    return median(each.spectrum.peak for each in surfaces)
