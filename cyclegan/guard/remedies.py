"""What a guard that acts changes after it has gone back: one thing at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cyclegan.guard.values import Kind
from cyclegan.state import Adjustments
from cyclegan.train_config import TrainConfig

NOISE = 0.1
"""Standard deviation of the first instance noise, on pictures in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Change:
    """New adjustments, and in words what is different about them."""

    adjustments: Adjustments
    words: str


Remedy = Callable[[TrainConfig, Adjustments], Change]


def calm_discriminators(config: TrainConfig, now: Adjustments) -> Change:
    """Halve lr-d; where it is more than twice lr-g, bring it down to that."""
    rate, goal = config.lr_d * now.lr_d, config.lr_g * now.lr_g
    new = goal if rate > 2 * goal else rate / 2
    return Change(replace(now, lr_d=new / config.lr_d), f"lr-d {rate:.3g} -> {new:.3g}")


def raise_cycle(config: TrainConfig, now: Adjustments) -> Change:
    """Twice the cycle's weight, or 1 where that is more."""
    weight = now.cycle_weight(config.loss.cycle)
    factor = max(2 * now.cycle, 1 / config.loss.cycle) if config.loss.cycle else 2 * now.cycle
    changed = replace(now, cycle=factor)
    new = changed.cycle_weight(config.loss.cycle)
    return Change(changed, f"lambda-cycle {weight:.3g} -> {new:.3g}")


def blur_sight(config: TrainConfig, now: Adjustments) -> Change:
    """Noise on what discriminators see (Sonderby et al. 2017), or twice as much of it."""
    new = 2 * now.instance_noise or NOISE
    words = f"instance noise {now.instance_noise:.3g} -> {new:.3g}"
    return Change(replace(now, instance_noise=new), words)


def slow_down(config: TrainConfig, now: Adjustments) -> Change:
    """Half of both rates."""
    words = f"lr-g {config.lr_g * now.lr_g:.3g} -> {config.lr_g * now.lr_g / 2:.3g}, "
    words += f"lr-d {config.lr_d * now.lr_d:.3g} -> {config.lr_d * now.lr_d / 2:.3g}"
    return Change(replace(now, lr_g=now.lr_g / 2, lr_d=now.lr_d / 2), words)


REMEDIES: dict[Kind, tuple[Remedy, ...]] = {
    Kind.NOT_FINITE: (slow_down,),
    Kind.BLANK: (calm_discriminators, raise_cycle, blur_sight),
    Kind.SATURATED: (calm_discriminators, raise_cycle, slow_down),
    Kind.SAME: (raise_cycle, calm_discriminators, blur_sight),
    Kind.WON: (calm_discriminators, blur_sight),
    Kind.ERRATIC: (calm_discriminators,),
    Kind.SHARE: (raise_cycle, calm_discriminators),
}
"""What to try for each, in turn. What is not here no setting of a running training can mend."""


def remedy_for(kind: Kind, tries: int, config: TrainConfig, now: Adjustments) -> Change:
    """What to change when the `tries` before it (of this kind) have not helped."""
    choices = REMEDIES[kind]
    return choices[tries % len(choices)](config, now)
