"""What a look at a training finds, as plain numbers; and what is concluded from them.

Pictures are in [-1, 1]; a level is one of the 255 steps of that range.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

LEVEL = 2 / 255

Place = Literal["", "a", "b", "a2b", "b2a"]
"""A domain, a direction, or the training as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """See `cyclegan.guard.spectrum`."""

    fine: float
    """Power of detail of less than 4 pixels."""
    pattern: float
    """Root mean square, in levels, of what repeats every 2 or 4 pixels."""
    peak: float
    """By how many decibels that stands out of the spectrum around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Pictures of one kind: a domain's own, or what a generator draws."""

    low: float
    high: float
    mean: float
    contrast: float
    """Standard deviation within a picture and a channel, in the mean."""
    black: float
    """Share of values at the lowest two levels."""
    white: float
    spectrum: Spectrum
    thumb: tuple[float, ...]
    """The first picture as 4x4 pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """A generator and the discriminator that judges it."""

    adversarial: float
    discriminator: float
    """Its loss, as the generator's before weighting."""
    real_right: float
    """Share of real patches that are taken for real."""
    fake_right: float
    share: float
    """Of the adversarial loss in all that this generator's side is asked for, weighted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The way back from an output as it is, with a little noise on it, and softened a little.

    Errors are relative as in `Direction.cycle_error`.
    """

    clean_error: float
    noisy_error: float
    soft_error: float
    soft_loss: float
    """What softening alone costs: the error of the input itself, softened."""
    gain: float
    """How much larger the noise comes out than it went in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """One way of translating."""

    drawn: Surface
    correlation: float
    """Of input and output over the pixels of each channel, in the mean: -1 is a negative."""
    cycle_error: float
    """Of the way there and back; 1: no better than a plain surface of the picture's mean colour."""
    rivals: Rivals | None = None
    """None where no training was looked at, but generators alone."""
    trial: Trial | None = None
    """None of most looks: it takes time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that is looked at after one step."""

    step: int
    steps: int
    """Taken since the look before."""
    skipped: int
    """How many of those changed nothing, for a gradient that was not finite."""
    a: Surface
    b: Surface
    ab: Direction
    ba: Direction

    def to_plain(self) -> dict[str, Any]:
        """Dictionaries and numbers."""
        return asdict(self)


def look_from_plain(plain: dict[str, Any]) -> Look:
    """Read what `Look.to_plain` wrote.

    Raises:
        TypeError, KeyError: it is something else.
    """
    parts = {name: _surface(plain[name]) for name in ("a", "b")}
    ways = {name: _direction(plain[name]) for name in ("ab", "ba")}
    return Look(**{**plain, **parts, **ways})


def _surface(plain: dict[str, Any]) -> Surface:
    seen = {"spectrum": Spectrum(**plain["spectrum"]), "thumb": tuple(plain["thumb"])}
    return Surface(**{**plain, **seen})


def _direction(plain: dict[str, Any]) -> Direction:
    trial = plain["trial"] and Trial(**plain["trial"])
    rivals = plain["rivals"] and Rivals(**plain["rivals"])
    return Direction(
        **{**plain, "drawn": _surface(plain["drawn"]), "rivals": rivals, "trial": trial}
    )


class Kind(StrEnum):
    """What can be wrong; the first are the gravest."""

    NOT_FINITE = "not finite"
    BLANK = "blank outputs"
    SATURATED = "saturated outputs"
    SAME = "the same output for every input"
    WON = "discriminator has won"
    ERRATIC = "discriminator never settles"
    SHARE = "adversarial loss drowns the cycle"
    RECONSTRUCTION = "cycle does not close"
    INVERTED = "inverted colours"
    RANGE = "value ranges"
    SHARPNESS = "domains prepared apart"
    RATES = "learning rates"
    NO_CYCLE = "no cycle loss"
    CHECKERBOARD = "checkerboard"
    HIDDEN = "message hidden in the output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """Something that looks wrong, and why it may be so."""

    kind: Kind
    place: Place
    evidence: str
    """The numbers, in words."""
    numbers: dict[str, float]
    cause: str
    remedy: str
    is_fading: bool = False
    """It is there, but going by itself or the consequence of a graver one: nothing to tell anew."""

    @property
    def title(self) -> str:
        """Its name, and where."""
        return f"{self.kind} ({self.place})" if self.place else str(self.kind)
