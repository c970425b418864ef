"""What a doctor says of a training, for people and for programs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cyclegan.guard.journal import Event, event_of
from cyclegan.guard.values import Symptom

Source = Literal["generators", "log", "settings", "guard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong."""

    name: str
    place: str
    """A domain or a direction; empty: the training as a whole."""
    source: Source
    """Where it shows."""
    evidence: str
    cause: str
    remedy: str
    numbers: dict[str, float]

    @property
    def title(self) -> str:
        """Its name, and where."""
        return f"{self.name} ({self.place})" if self.place else self.name


def finding_of_symptom(symptom: Symptom, source: Source) -> Finding:
    """As it was just seen."""
    return _finding(event_of(symptom, "found", step=0, images=0), source)


def finding_of_event(event: Event) -> Finding:
    """As the guard has told it."""
    return _finding(event, "guard")


def _finding(event: Event, source: Source) -> Finding:
    return Finding(
        name=event.name,
        place=event.place,
        source=source,
        evidence=event.evidence,
        cause=event.cause,
        remedy=event.remedy,
        numbers=event.numbers,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All of it."""

    run: str
    step: int
    """The last one that was logged."""
    steps: int
    guard: str
    findings: tuple[Finding, ...]
    events: list[Event]
    looked_at: tuple[str, ...]
    not_looked_at: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return {**asdict(self), "healthy": not self.findings}

    def lines(self) -> Iterator[str]:
        """A few lines for each finding, and what the diagnosis stands on."""
        yield f"{self.run}: step {self.step:,} of {self.steps:,}"
        for finding in self.findings:
            yield ""
            yield f"{finding.title}, by the {finding.source}"
            yield f"  seen:    {finding.evidence}"
            yield f"  likely:  {finding.cause}"
            yield f"  change:  {finding.remedy}"
        yield ""
        if not self.findings:
            yield "nothing wrong was found"
        yield f"looked at: {', '.join(self.looked_at)}"
        yield from (f"not looked at: {each}" for each in self.not_looked_at)
        yield from self._history()

    def _history(self) -> Iterator[str]:
        """What the guard did, and what it saw that has passed."""
        yield from (event.line() for event in self.events if event.status in ("acted", "gave up"))
        passed = Counter(event.title for event in self.events if event.status == "passed")
        if passed:
            yield f"passed by itself: {', '.join(passed)}"
