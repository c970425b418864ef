"""A run's scores, the best of each direction and the last, and a table of them for its page."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidgan.training.lines import Line

Entry = dict[str, Any]
"""What a judgement of one direction came to: figures by name, with its step and images."""
Table = dict[str, Any]

_DIRECTIONS = {"a2b": "A to B", "b2a": "B to A"}


def read_best(place: Path) -> dict[str, Entry]:
    """What is kept in RUN/best, by direction; nothing where that cannot be read."""
    try:
        content = json.loads((place / "metrics.json").read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: entry for name, entry in content.items() if isinstance(entry, dict)}


def score_table(run: Path, lines: Sequence[Line], reason: str) -> Table | None:
    """Heads and rows of text; None before anything was judged. `reason`: why nothing is."""
    if not lines:
        return {"note": f"Not measured: {reason}.", "heads": [], "rows": []} if reason else None
    last, best = lines[-1], read_best(run / "best")
    columns: list[tuple[str, Mapping[str, Any]]] = []
    for name, label in _DIRECTIONS.items():
        if name in last:
            columns.append((f"{label}: last", last | last[name]))
        if name in best:
            columns.append((f"{label}: best", best[name]))
    return {
        "note": f"Features: {last.get('features', 'unknown')}. The best are kept in best/.",
        "heads": ["", *(head for head, _ in columns)],
        "rows": [
            [label, *(_text(figures.get(key), write) for _, figures in columns)]
            for label, key, write in _ROWS
        ],
    }


def _text(value: object, write: Callable[[float], str]) -> str:
    return write(value) if isinstance(value, int | float) else "-"


_ROWS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("after images", "images", lambda value: f"{value:,}"),
    ("KID", "kid", lambda value: f"{value:.4f}"),
    ("KID before", "kid_before", lambda value: f"{value:.4f}"),
    ("gap closed", "gap_closed", lambda value: f"{value:.0%}"),
    ("FID", "fid", lambda value: f"{value:.1f}"),
    ("FID before", "fid_before", lambda value: f"{value:.1f}"),
    ("LPIPS to input", "lpips", lambda value: f"{value:.3f}"),
    ("edges kept", "edges", lambda value: f"{value:.3f}"),
)
