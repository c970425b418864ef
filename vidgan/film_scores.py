"""What an evaluation of films says when it is done, for people and for programs."""

from collections.abc import Callable
from dataclasses import dataclass

from cyclegan.metrics import Estimate
from cyclegan.stability import LONG_SIDE, Stability, Step
from vidgan.inputs import Failure
from vidgan.places import Place
from vidgan.scores import table

_DIGITS = 6
_THOUSAND = 1000
"""Warping errors are small; people read thousandths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmScore:
    """What came of one film."""

    film: Place
    made: Place | None
    """Its translation; None where a model made it on the way."""
    width: int
    height: int
    frames: int
    """Frames that both films show."""
    missing: int
    """Frames of the film, or of its part, that its translation lacks, or that cannot be decoded."""
    stability: Stability

    @property
    def label(self) -> str:
        """What it is called in a table."""
        return (self.made or self.film).name

    def to_json(self) -> dict[str, object]:
        """One object; intervals as value, low and high, errors as mean squares in [0, 1]."""
        found = self.stability
        return {
            "film": str(self.film),
            "output": None if self.made is None else str(self.made),
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
            "frames_missing": self.missing,
            "pairs": found.steps,
            "cuts": found.cuts,
            "visible": _rounded(found.visible),
            **{name: _interval(of(found)) for name, of in _FIGURES.items()},
            "worst": [_moment(step) for step in found.worst],
        }


_FIGURES: dict[str, Callable[[Stability], Estimate | None]] = {
    "warping_input": lambda found: found.warping_input,
    "warping_output": lambda found: found.warping_output,
    "ratio": lambda found: found.ratio,
    "contrast": lambda found: found.contrast,
    "ratio_at_equal_contrast": lambda found: found.ratio_at_equal_contrast,
    "brightness_steps": lambda found: found.brightness_steps,
    "flicker": lambda found: found.flicker,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmEvaluation:
    """What came of all films, and of those that could not be judged."""

    model: str | None
    """What translated them on the way; None where they had been translated before."""
    size: int | None
    """The short side at which that model saw frames; 0 is their own, None without a model."""
    steady: float | None
    """How much its frames leant on those before; None as with `size`."""
    flow: str
    scores: tuple[FilmScore, ...]
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, object]:
        """One object, with one for each film that was judged."""
        return {
            "model": self.model,
            "size": self.size,
            "steady": self.steady,
            "flow": self.flow,
            "long_side": LONG_SIDE,
            "films": [score.to_json() for score in self.scores],
        }

    def lines(self) -> list[str]:
        """What was judged and how, a table with a column for each film, and its worst moments."""
        return [
            *self._model(),
            f"motion: {self.flow}, of the input; figures of other kinds do not compare",
            *(line for score in self.scores for line in _missing(score)),
            "",
            *table(
                [
                    ("", [score.label for score in self.scores]),
                    *((label, [write(score) for score in self.scores]) for label, write in _ROWS),
                ]
            ),
            "",
            *(_worst(score) for score in self.scores),
        ]

    def _model(self) -> list[str]:
        if self.model is None:
            return []
        seen = f"at {self.size}" if self.size else "as they are"
        steadied = f"steadied by {self.steady:g}" if self.steady else "each by itself"
        return [f"{self.model}: frames seen by the generator {seen}, {steadied}, nothing encoded"]


def _missing(score: FilmScore) -> list[str]:
    if not score.missing:
        return []
    return [f"{score.label}: {score.missing} frames of {score.film} are not in it"]


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _interval(figure: Estimate | None) -> dict[str, float] | None:
    if figure is None:
        return None
    return {name: _rounded(getattr(figure, name)) for name in ("value", "low", "high")}


def _moment(step: Step) -> dict[str, float]:
    return {
        "seconds": _rounded(step.seconds),
        "warping_input": _rounded(step.error_in),
        "warping_output": _rounded(step.error_out),
        "brightness_step": _rounded(step.brightness_step),
    }


def _written(figure: Estimate | None, *, times: float = 1, digits: int = 2) -> str:
    if figure is None:
        return "-"
    value, low, high = (
        f"{times * number:.{digits}f}" for number in (figure.value, figure.low, figure.high)
    )
    return f"{value} ({low} to {high})"


def _thousandths(figure: Estimate) -> str:
    return _written(figure, times=_THOUSAND, digits=3)


def _pairs(score: FilmScore) -> str:
    found = score.stability
    return f"{found.steps}" + (f" (and {found.cuts} cuts)" if found.cuts else "")


_ROWS: tuple[tuple[str, Callable[[FilmScore], str]], ...] = (
    ("pairs of frames", _pairs),
    ("pixels compared", lambda score: f"{score.stability.visible:.0%}"),
    ("warping error x 1000", lambda score: _thousandths(score.stability.warping_output)),
    ("the input's own", lambda score: _thousandths(score.stability.warping_input)),
    ("ratio", lambda score: _written(score.stability.ratio)),
    ("contrast", lambda score: _written(score.stability.contrast)),
    ("ratio, equal contrast", lambda score: _written(score.stability.ratio_at_equal_contrast)),
    ("brightness steps", lambda score: _written(score.stability.brightness_steps)),
    ("flicker", lambda score: _written(score.stability.flicker)),
)


def _worst(score: FilmScore) -> str:
    moments = ", ".join(
        f"{step.seconds:.2f} s ({_THOUSAND * step.error_out:.2f}, input "
        f"{_THOUSAND * step.error_in:.2f})"
        for step in score.stability.worst
    )
    return f"worst of {score.label}: {moments}"
