"""Which symptoms last: a finding is one that was seen several looks in a row."""

from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from cyclegan.guard.values import Kind, Symptom

CLEAR = 4
"""Looks without it, after which a finding has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Streak:
    symptom: Symptom
    """As it was last seen."""
    seen: int = 0
    """Looks in a row."""
    clear: int = 0
    """Looks in a row without it."""
    is_raised: bool = False
    """Whether it has become a finding, that has not passed yet."""


class Streaks:
    """Symptoms over time; the same kind at the same place is the same symptom."""

    def __init__(self) -> None:
        self._streaks: dict[str, _Streak] = {}
        self._plain: list[dict[str, Any]] = []

    def hear(self, found: Sequence[tuple[Symptom, int]]) -> tuple[list[Symptom], list[Symptom]]:
        """One look's, each with its patience: gives those that became findings, and that passed."""
        new = [symptom for symptom, patience in found if self._see(symptom, patience)]
        seen_now = {symptom.title for symptom, _ in found}
        unseen = [title for title in self._streaks if title not in seen_now]
        passed = [gone for title in unseen if (gone := self._miss(title)) is not None]
        self._plain = [_plain(streak) for streak in self._streaks.values()]
        return new, passed

    def is_raised(self, symptom: Symptom) -> bool:
        """Whether this is a finding by now."""
        return self._streaks[symptom.title].is_raised

    def any_of(self, kinds: Container[Kind]) -> bool:
        """Whether any of these was seen at the last look, or is a finding that has not passed."""
        return any(
            streak.symptom.kind in kinds and (streak.seen > 0 or streak.is_raised)
            for streak in self._streaks.values()
        )

    def raised(self) -> list[Symptom]:
        """All findings that have not passed."""
        return [each.symptom for each in self._streaks.values() if each.is_raised]

    def without(self, kinds: Container[Kind]) -> "Streaks":
        """The findings of other kinds, as if they had just been told."""
        plain = [
            _plain(replace(each, seen=0, clear=0))
            for each in self._streaks.values()
            if each.is_raised and each.symptom.kind not in kinds
        ]
        return Streaks.from_plain(plain)

    def to_plain(self) -> list[dict[str, Any]]:
        """Dictionaries of plain values."""
        return list(self._plain)

    @classmethod
    def from_plain(cls, plain: list[dict[str, Any]]) -> "Streaks":
        """Read what `to_plain` wrote.

        Raises:
            TypeError, KeyError, ValueError: it is something else.
        """
        streaks = cls()
        for each in plain:
            told = each["symptom"]
            symptom = Symptom(**{**told, "kind": Kind(told["kind"])})
            streaks._streaks[symptom.title] = _Streak(**{**each, "symptom": symptom})
        streaks._plain = list(plain)
        return streaks

    def _see(self, symptom: Symptom, patience: int) -> bool:
        before = self._streaks.get(symptom.title, _Streak(symptom=symptom))
        seen = before.seen + (not symptom.is_fading)
        now = replace(before, symptom=symptom, seen=seen, clear=0)
        is_new = seen >= patience and not now.is_raised and not symptom.is_fading
        self._streaks[symptom.title] = replace(now, is_raised=now.is_raised or is_new)
        return is_new

    def _miss(self, title: str) -> Symptom | None:
        """The symptom, if with this look it has passed."""
        streak = self._streaks[title]
        if streak.is_raised and streak.clear + 1 < CLEAR:
            self._streaks[title] = replace(streak, seen=0, clear=streak.clear + 1)
            return None
        del self._streaks[title]
        return streak.symptom if streak.is_raised else None


def _plain(streak: _Streak) -> dict[str, Any]:
    plain = asdict(streak)
    plain["symptom"]["kind"] = str(streak.symptom.kind)
    return plain
