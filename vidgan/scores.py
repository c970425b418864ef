"""What an evaluation says when it is done, for people and for programs."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cyclegan.direction import Direction
from cyclegan.judge import Score
from cyclegan.metrics import Estimate

_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The pictures of one domain that are judged by, and how many there are in its folder."""

    folder: Path
    paths: tuple[Path, ...]
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What came of it: a score for each direction that was judged."""

    model: str
    features: str
    side: int
    """Pixels: of the squares that are judged."""
    size: int
    """The short side at which the generator sees a picture; 0 is its own."""
    every: bool
    """Whether more than held-out pictures were allowed."""
    domains: Mapping[str, Pictures]
    scores: Mapping[Direction, Score]

    def to_json(self) -> dict[str, object]:
        """One object; each direction's score under its name, intervals as value, low and high."""
        return {
            "model": self.model,
            "features": self.features,
            "side": self.side,
            "size": self.size,
            "all": self.every,
            "pictures": {name: len(domain.paths) for name, domain in self.domains.items()},
            "found": {name: domain.found for name, domain in self.domains.items()},
            **{name: _rounded(asdict(score)) for name, score in self.scores.items()},
        }

    def lines(self) -> list[str]:
        """What was judged and by what, and a table with a column for each direction."""
        seen = f"at {self.size}" if 0 < self.size < self.side else "as they are"
        rows = [(label, [write(score) for score in self.scores.values()]) for label, write in _ROWS]
        return [
            f"{self.model}: squares of {self.side} pixels, seen by the generator {seen}",
            *(self._counted(name) for name in self.domains),
            f"features: {self.features}; figures of other networks do not compare",
            "",
            *table([("", list(self.scores)), *rows]),
        ]

    def _counted(self, name: str) -> str:
        domain = self.domains[name]
        used = f"{name}: {len(domain.paths)} of {domain.found} pictures of {domain.folder}"
        if self.every:
            return used
        return f"{used}, held out from training (--all takes every one)"


def _rounded(values: object) -> object:
    if isinstance(values, dict):
        return {key: _rounded(value) for key, value in values.items()}
    return round(values, _DIGITS) if isinstance(values, float) else values


def _with_interval(figure: Estimate, *, digits: int = 4) -> str:
    value, low, high = (f"{part:.{digits}f}" for part in (figure.value, figure.low, figure.high))
    return f"{value} ({low} to {high})"


def _gap(score: Score) -> str:
    if score.gap_closed is None:
        return "a and b do not differ"
    value, low, high = score.gap_closed.value, score.gap_closed.low, score.gap_closed.high
    return f"{value:.0%} ({low:.0%} to {high:.0%})"


def _lpips(score: Score) -> str:
    return "needs AlexNet" if score.lpips is None else _with_interval(score.lpips, digits=3)


_ROWS: tuple[tuple[str, Callable[[Score], str]], ...] = (
    ("KID before", lambda score: _with_interval(score.kid_before)),
    ("KID", lambda score: _with_interval(score.kid)),
    ("gap closed", _gap),
    ("FID before", lambda score: f"{score.fid_before:.2f}"),
    ("FID", lambda score: f"{score.fid:.2f}"),
    ("LPIPS to input", _lpips),
    ("edges kept", lambda score: _with_interval(score.edges, digits=3)),
)


def table(rows: list[tuple[str, list[str]]]) -> list[str]:
    """Columns side by side, flush left."""
    lines = [(label, *cells) for label, cells in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    padded = (zip(line, widths, strict=True) for line in lines)
    return ["  ".join(f"{cell:<{width}}" for cell, width in line).rstrip() for line in padded]
