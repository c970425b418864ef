"""The last looks at a training, as detectors read them: by medians, whatever one odd batch says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

from cyclegan.guard.values import Direction, Look, Rivals, Surface, Trial
from cyclegan.state import Adjustments
from cyclegan.train_config import TrainConfig

ENOUGH = 4
"""Looks, before anything is concluded from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction over the last looks."""

    place: Literal["a2b", "b2a"]
    source: Sequence[Surface]
    target: Sequence[Surface]
    seen: Sequence[Direction]
    judge: Literal["A", "B"]
    """The domain whose discriminator judges it."""

    @property
    def rivals(self) -> list[Rivals]:
        """How the generator and its discriminator stood."""
        return [each.rivals for each in self.seen if each.rivals is not None]

    @property
    def trials(self) -> list[Trial]:
        """How the way back was tried."""
        return [each.trial for each in self.seen if each.trial is not None]

    def drawn(self, name: str) -> float:
        """The median of what is known of its outputs."""
        return surface_median([each.drawn for each in self.seen], name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The last looks, oldest first, and what the training is set to now."""

    looks: Sequence[Look]
    config: TrainConfig
    adjustments: Adjustments

    @property
    def is_enough(self) -> bool:
        """Whether there is enough to conclude from."""
        return len(self.looks) >= ENOUGH

    @property
    def lr_g(self) -> float:
        """The generators' rate, as the guard has left it."""
        return self.config.lr_g * self.adjustments.lr_g

    @property
    def lr_d(self) -> float:
        """The discriminators'."""
        return self.config.lr_d * self.adjustments.lr_d

    def ways(self) -> Iterator[Way]:
        """Both directions."""
        a, b = [each.a for each in self.looks], [each.b for each in self.looks]
        yield Way(place="a2b", source=a, target=b, seen=[each.ab for each in self.looks], judge="B")
        yield Way(place="b2a", source=b, target=a, seen=[each.ba for each in self.looks], judge="A")


def surface_median(surfaces: Sequence[Surface], name: str) -> float:
    """The median of one of a surface's numbers; 0 of none."""
    values = [float(getattr(each, name)) for each in surfaces]
    return median(values)


def falls(values: Sequence[float], *, to: float) -> bool:
    """Whether the later half's mean is less than `to` times the earlier half's."""
    middle = len(values) // 2
    return fmean(values[middle:]) < to * fmean(values[:middle])
