"""Looks at generators alone, on a few pictures: what is left of a training when it has ended."""

from collections.abc import Iterator

import torch
from torch import Tensor

from cyclegan.guard import domains, outputs, patterns, rivals
from cyclegan.guard.evidence import Ways, correlation, relative_error, surface, trial
from cyclegan.guard.values import Direction, Look, Symptom
from cyclegan.guard.window import Window
from cyclegan.state import Adjustments
from cyclegan.train_config import TrainConfig

_DETECTORS = (
    domains.ranges,
    domains.sharpness,
    outputs.blank,
    outputs.saturated,
    outputs.same,
    outputs.inverted,
    rivals.reconstruction,
    patterns.checkerboard,
    patterns.hidden,
)


def examine(a: Tensor, b: Tensor, ways: Ways, config: TrainConfig) -> Iterator[Symptom]:
    """What is wrong with the generators of a training, by as many pictures of each domain.

    Args:
        a, b: (N, 3, H, W) in [-1, 1], four or more; what they are is judged, too.
        ways: generators from A to B and from B to A, in eval mode.
        config: of their training.
    """
    looks = [_look(a[n : n + 1], b[n : n + 1], ways, number=n) for n in range(min(len(a), len(b)))]
    window = Window(looks=looks, config=config, adjustments=Adjustments())
    if window.is_enough:
        for detect in _DETECTORS:
            yield from detect(window)


@torch.no_grad()
def _look(a: Tensor, b: Tensor, ways: Ways, *, number: int) -> Look:
    return Look(
        step=number,
        steps=0,
        skipped=0,
        a=surface(a),
        b=surface(b),
        ab=_direction(a, ways, number),
        ba=_direction(b, ways[::-1], number),
    )


def _direction(source: Tensor, ways: Ways, number: int) -> Direction:
    there, back = ways
    drawn = there(source)
    return Direction(
        drawn=surface(drawn),
        correlation=correlation(source, drawn),
        cycle_error=relative_error(source, back(drawn)),
        trial=trial(source, ways, seed=number),
    )
