"""All detectors, and how long each must see its symptom before anybody is told."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cyclegan.guard import domains, outputs, patterns, rivals
from cyclegan.guard.values import Kind, Place, Symptom
from cyclegan.guard.window import Window
from cyclegan.state import Adjustments
from cyclegan.train_config import TrainConfig

AT_ONCE, SOON, LATER, LAST = 1, 3, 12, 30
"""Looks in a row: for what is a setting, for what ruins a training, for what it may recover from,
for what most trainings grow out of."""

IMPLIED: dict[Kind, frozenset[Kind]] = {
    Kind.BLANK: frozenset({Kind.SATURATED, Kind.SAME, Kind.SHARE, Kind.RECONSTRUCTION}),
    Kind.SATURATED: frozenset({Kind.SAME, Kind.RECONSTRUCTION}),
    Kind.SHARE: frozenset({Kind.RECONSTRUCTION}),
    Kind.ERRATIC: frozenset({Kind.SHARE, Kind.RECONSTRUCTION}),
    Kind.RANGE: frozenset({Kind.SHARPNESS}),
}
"""What comes with what: of these, in the same direction or domain, only the first is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A pure function of the last looks, and how patient to be with it."""

    detect: Callable[[Window], Iterator[Symptom]]
    patience: int
    needs_looks: bool = True


DETECTORS = (
    Detector(detect=rivals.rates, patience=AT_ONCE, needs_looks=False),
    Detector(detect=rivals.no_cycle, patience=AT_ONCE, needs_looks=False),
    Detector(detect=rivals.skipped_steps, patience=AT_ONCE),
    Detector(detect=domains.ranges, patience=SOON),
    Detector(detect=domains.sharpness, patience=SOON),
    Detector(detect=outputs.blank, patience=SOON),
    Detector(detect=outputs.saturated, patience=SOON),
    Detector(detect=outputs.same, patience=SOON),
    Detector(detect=rivals.won, patience=SOON),
    Detector(detect=rivals.erratic, patience=SOON),
    Detector(detect=rivals.share, patience=SOON),
    Detector(detect=rivals.reconstruction, patience=LATER),
    Detector(detect=outputs.inverted, patience=LATER),
    Detector(detect=patterns.checkerboard, patience=LAST),
    Detector(detect=patterns.hidden, patience=SOON),
)


def symptoms(window: Window) -> list[tuple[Symptom, int]]:
    """All that is wrong by the last looks, each with the patience it deserves."""
    found = [
        (symptom, detector.patience)
        for detector in DETECTORS
        if window.is_enough or not detector.needs_looks
        for symptom in detector.detect(window)
    ]
    implied = _implied([symptom for symptom, _ in found])
    return [
        (replace(s, is_fading=s.is_fading or (s.kind, s.place) in implied), patience)
        for s, patience in found
    ]


def told_by_settings(config: TrainConfig) -> list[Symptom]:
    """What is wrong before the first step."""
    window = Window(looks=(), config=config, adjustments=Adjustments())
    return [symptom for symptom, _ in symptoms(window)]


def unimplied(found: Iterable[Symptom]) -> list[Symptom]:
    """Without what only comes with others of them."""
    told = list(found)
    implied = _implied(told)
    return [each for each in told if (each.kind, each.place) not in implied]


def _implied(found: Sequence[Symptom]) -> set[tuple[Kind, Place]]:
    return {(kind, s.place) for s in found for kind in IMPLIED.get(s.kind, ())}
