"""What a guard remembers of a training, and how it is kept in a checkpoint."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cyclegan.guard.streaks import Streaks
from cyclegan.guard.values import Kind, Look, look_from_plain


class Looks:
    """The last looks, and the same as plain values: those are asked for after each step."""

    def __init__(self, most: int) -> None:
        self._looks: deque[Look] = deque(maxlen=most)
        self._plain: deque[dict[str, Any]] = deque(maxlen=most)

    def add(self, look: Look) -> None:
        """One more; the oldest goes."""
        self._looks.append(look)
        self._plain.append(look.to_plain())

    def __iter__(self) -> Iterator[Look]:
        return iter(self._looks)

    def __len__(self) -> int:
        return len(self._looks)

    @property
    def is_full(self) -> bool:
        """Whether all that is judged together is there."""
        return len(self._looks) == self._looks.maxlen

    def to_plain(self) -> list[dict[str, Any]]:
        """Fit for a checkpoint."""
        return list(self._plain)


@dataclass(slots=True, kw_only=True)
class Course:
    """The steps since the training began, or since it went back."""

    looks: Looks
    streaks: Streaks = field(default_factory=Streaks)
    step: int = 0
    """Of the last look, or where the course began."""
    skipped: int = 0
    """Steps of the whole training by then that changed nothing."""
    count: int = 0
    """Looks so far."""
    in_a_row: int = 0
    """Steps in a row by now that changed nothing."""
    is_due: bool = False
    """A look is due at the next step that has something to show."""
    saved_at: int = 0
    """The step at which it last wanted the state saved."""

    def to_plain(self) -> dict[str, Any]:
        """Fit for a checkpoint."""
        return {
            "looks": self.looks.to_plain(),
            "streaks": self.streaks.to_plain(),
            **{name: getattr(self, name) for name in _NUMBERS},
        }


_NUMBERS = ("step", "skipped", "count", "in_a_row", "is_due", "saved_at")


def course_from_plain(plain: dict[str, Any], *, most: int) -> Course:
    """Read what `Course.to_plain` wrote.

    Raises:
        TypeError, KeyError, ValueError: it is something else.
    """
    looks = Looks(most)
    for each in plain["looks"]:
        looks.add(look_from_plain(each))
    numbers = {name: plain[name] for name in _NUMBERS}
    return Course(looks=looks, streaks=Streaks.from_plain(plain["streaks"]), **numbers)


@dataclass(slots=True, kw_only=True)
class Tries:
    """What was changed so far, and what for."""

    kinds: list[Kind] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.kinds)

    def to_plain(self) -> dict[str, Any]:
        """Fit for a checkpoint."""
        return {"kinds": [str(kind) for kind in self.kinds], "changes": list(self.changes)}


def tries_from_plain(plain: dict[str, Any]) -> Tries:
    """Read what `Tries.to_plain` wrote.

    Raises:
        TypeError, KeyError, ValueError: it is something else.
    """
    changes = [str(words) for words in plain["changes"]]
    return Tries(kinds=[Kind(name) for name in plain["kinds"]], changes=changes)
