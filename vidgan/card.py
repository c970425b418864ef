"""A model's card: what a user should know of it before a night of work with it.

As JSON it stands beside the model's file, with that file's SHA-256 when it was checked, or, in an
exported file, in its metadata.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path, PurePath
from typing import Any, TypeGuard

METADATA_KEY = "card"
"""Under which an exported file keeps its card in its metadata."""
_DIGEST_KEY = "sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is known of a model; what is empty is not known."""

    name: str
    summary: str
    size: int = 0
    """The short side, in pixels, at which it should see a frame; 0 is the frame's own."""
    steady: float = 0.0
    """How much frames of a film should lean on one another, from 0 to less than 1."""
    data: str = ""
    held_out_a: tuple[str, ...] = ()
    """Names of the pictures of domain A that no training saw: figures are of these."""
    held_out_b: tuple[str, ...] = ()
    training: str = ""
    commands: tuple[str, ...] = ()
    """What made it, in order; words in capitals stand for folders."""
    figures: tuple[str, ...] = ()
    """What was measured, a line each."""
    looks_like: str = ""
    pictures: tuple[str, ...] = ()
    """Names of files beside the card."""
    limits: str = ""
    license: str = ""

    def to_text(self) -> str:
        """As JSON on one line, for a file's metadata: pictures stay where they are."""
        facts = asdict(replace(self, pictures=()))
        return json.dumps(facts, ensure_ascii=False, sort_keys=True)


def write_card(card: Card, path: Path, *, sha256: str = "") -> None:
    """Write a card as JSON, with the SHA-256 of the file that was checked, if one was."""
    facts = asdict(card) | ({_DIGEST_KEY: sha256} if sha256 else {})
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_card(path: Path) -> tuple[Card | None, str]:
    """A card, None where there is none to be read, and the SHA-256 beside it, '' where none is."""
    try:
        raw = _parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None, ""
    return _card_of(raw), _digest_of(raw)


def card_inside(metadata: Mapping[str, str]) -> Card | None:
    """The card that an exported file brings along; None where there is none that can be read."""
    card = _card_of(_parse(metadata.get(METADATA_KEY, "")))
    return card and replace(card, pictures=())


def _parse(text: str) -> object:
    """What a card's JSON says; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _digest_of(raw: object) -> str:
    digest = raw.get(_DIGEST_KEY) if isinstance(raw, dict) else None
    is_one = isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest)
    return str(digest) if is_one else ""


def _card_of(raw: object) -> Card | None:
    if not isinstance(raw, dict):
        return None
    facts: dict[str, Any] = {"name": ""}
    facts |= {f.name: raw[f.name] for f in fields(Card) if f.name in raw}
    if "summary" not in facts or not all(_CHECKS[key](fact) for key, fact in facts.items()):
        return None
    lists = {key: tuple(fact) for key, fact in facts.items() if isinstance(fact, list)}
    return Card(**(facts | lists))


def _is_text(value: object) -> bool:
    """What a card says goes to the screen, where codes would be obeyed."""
    return isinstance(value, str) and value.isprintable()


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_names(value: object) -> bool:
    """Of files beside the card, not elsewhere."""
    return _is_texts(value) and all(PurePath(name).name == name not in ("", "..") for name in value)


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_steadiness(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < 1  # type: ignore[operator]


_CHECKS: dict[str, Callable[[object], bool]] = {
    **{field.name: _is_text for field in fields(Card)},
    "size": _is_size,
    "steady": _is_steadiness,
    "held_out_a": _is_texts,
    "held_out_b": _is_texts,
    "commands": _is_texts,
    "figures": _is_texts,
    "pictures": _is_names,
}
