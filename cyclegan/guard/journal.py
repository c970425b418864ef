"""What the guard has said, on the screen and in RUN/guard.jsonl."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from cyclegan.atomic import write_atomically
from cyclegan.guard.values import Symptom

Status = Literal["found", "passed", "acted", "gave up"]

MOST = 500
"""Events that are remembered; of more, the first ones go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something the guard has said; a line of the file."""

    step: int
    images: int
    status: Status
    name: str
    place: str
    evidence: str
    cause: str
    remedy: str
    """What to do; of a guard that acted, what it did."""
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name, and where."""
        return f"{self.name} ({self.place})" if self.place else self.name

    def line(self) -> str:
        """All of it, for the screen."""
        match self.status:
            case "found":
                text = f"{self.title}: {self.evidence}. Likely {self.cause}. Remedy: {self.remedy}"
            case "passed":
                text = f"{self.title}: {self.evidence}"
            case "acted" | "gave up":
                text = f"{self.title}: {self.evidence}; {self.remedy}"
        return f"guard, step {self.step}: {text}"


class Journal:
    """Remembers events, and keeps the file and the screen up to date.

    The file always holds what is remembered, so that one which was written after the checkpoint
    that a run goes on from says nothing of steps that are taken again.
    """

    def __init__(self, file: Path, warn: Callable[[str], None]) -> None:
        self.file = file
        self._warn = warn
        self._events: list[Event] = []
        self._plain: list[dict[str, Any]] = []
        self._is_writable = True

    def say(self, event: Event) -> None:
        """To the screen, and into the file."""
        self._remember([*self._events, event][-MOST:])
        self._warn(event.line())
        self._write()

    def to_plain(self) -> list[dict[str, Any]]:
        """Fit for a checkpoint."""
        return list(self._plain)

    def from_plain(self, plain: list[dict[str, Any]]) -> None:
        """Remember these, and nothing else.

        Raises:
            TypeError: they are something else.
        """
        self._remember([Event(**each) for each in plain])
        if self._events or self.file.exists():
            self._write()

    def _remember(self, events: list[Event]) -> None:
        self._events = events
        self._plain = [asdict(event) for event in events]

    def _write(self) -> None:
        text = "".join(json.dumps(event) + "\n" for event in self._plain)
        try:
            write_atomically(self.file, lambda part: part.write_text(text))
            self._is_writable = True
        except OSError as error:
            if self._is_writable:
                self._warn(f"{self.file} could not be written ({error.strerror}): make room")
            self._is_writable = False


def event_of(
    symptom: Symptom, status: Status, *, step: int, images: int, remedy: str | None = None
) -> Event:
    """What is to be said of a symptom."""
    return Event(
        step=step,
        images=images,
        status=status,
        name=str(symptom.kind),
        place=symptom.place,
        evidence="no longer seen" if status == "passed" else symptom.evidence,
        cause=symptom.cause,
        remedy=symptom.remedy if remedy is None else remedy,
        numbers={name: round(x, 6) for name, x in symptom.numbers.items() if math.isfinite(x)},
    )
