"""What the lines of a run's log tell, where no guard has looked on: losses alone."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from cyclegan.direction import Direction
from cyclegan.guard.rivals import (
    CHANCE,
    DROWNED,
    LOST,
    SATISFIED,
    WORSE,
    erratic_symptom,
    not_finite,
    share_symptom,
    won_symptom,
)
from cyclegan.guard.values import Symptom
from cyclegan.train_config import LossWeights, TrainConfig

RECENT = 10
"""Lines that are judged together: 500 steps, as they are logged."""
FEWEST = 4
FAR_OFF = 0.3
"""Mean difference of a picture and its reconstruction, of 2: a plain surface has about as much."""

Line = Mapping[str, Any]
_Pair = tuple[Direction, str, str, str, str, str]
_WAYS: tuple[_Pair, ...] = (
    ("a2b", "B", "adversarial_ab", "discriminator_b", "cycle_a", "perceptual_ab"),
    ("b2a", "A", "adversarial_ba", "discriminator_a", "cycle_b", "perceptual_ba"),
)


def logged(lines: Sequence[Line], config: TrainConfig) -> Iterator[Symptom]:
    """What the last lines show; nothing of a run that has hardly begun."""
    recent = [line for line in lines if _is_whole(line, config.loss)][-RECENT:]
    if len(recent) < FEWEST:
        return
    for way in _WAYS:
        yield from _rivals(recent, config.loss, way)
        yield from _share(recent, config.loss, way)
    steps = recent[-1]["step"] - recent[0]["step"]
    lost = not_finite(recent[-1]["skipped"] - recent[0]["skipped"], steps, in_a_row=0)
    if lost is not None:
        yield lost


def _rivals(lines: Sequence[Line], weights: LossWeights, way: _Pair) -> Iterator[Symptom]:
    place, judge, adversarial, discriminator, *_ = way
    loss, losing = _median(lines, discriminator), _median(lines, adversarial)
    chance, mode = CHANCE[weights.gan_mode], weights.gan_mode
    if loss <= SATISFIED * chance and losing >= LOST[mode]:
        yield won_symptom(
            place,
            f"discriminator {judge}'s loss is {loss:.3f} ({chance:.2f} for one that says "
            f"nothing), the generator's adversarial loss {losing:.2f}",
            {"discriminator": loss, "adversarial": losing},
        )
    elif loss >= WORSE * chance:
        yield erratic_symptom(place, judge, loss, mode)


def _share(lines: Sequence[Line], weights: LossWeights, way: _Pair) -> Iterator[Symptom]:
    place, _, adversarial, _, cycle, perceptual = way
    losing, error = abs(_median(lines, adversarial)), _median(lines, cycle)
    rest = weights.cycle * error
    if weights.perceptual > 0:  # logs of older runs do not have it
        rest += weights.perceptual * _median(lines, perceptual)
    share = losing / max(losing + rest, 1e-12)
    if share >= DROWNED and error >= FAR_OFF:
        yield share_symptom(
            place,
            f"{share:.0%} of the loss is adversarial, and pictures come back {error:.2f} off, on a "
            "scale of 2",
            {"share": share, "cycle": error},
        )


def _is_whole(line: Line, weights: LossWeights) -> bool:
    used = slice(2, None if weights.perceptual > 0 else -1)
    names = {name for way in _WAYS for name in way[used]} | {"step", "skipped"}
    return all(isinstance(line.get(name), int | float) for name in names)


def _median(lines: Sequence[Line], name: str) -> float:
    return median(float(line[name]) for line in lines)
