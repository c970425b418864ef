"""`vidgan-report.json` in a folder of results: what became of each input, for programs.

The object holds `version` (vidgan's), `finished` (when the last run ended, UTC), `interrupted`,
`totals` of that run (as `--json`, and numbers of files done, skipped and failed), and `files`: one
entry for each input, those of earlier runs as well. An entry holds `source`, `output` (as seen from
the folder; null where an input has none), `status` (done, skipped, failed), `reason` of a failure,
`frames`, `chunks`, `frames_lost`, `lost_at` (seconds) and `warnings`. What is skipped keeps what
was known of it from when it was done.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from vidgan import __version__
from vidgan.errors import VidganError
from vidgan.places import Place, Remote
from vidgan.report import FileReport, Report
from vidgan.whole_file import write_whole

NAME = "vidgan-report.json"

Entry = dict[str, Any]
"""What JSON holds of one input."""


def write_reports(
    report: Report, folders: Iterable[Place], *, interrupted: bool = False
) -> list[str]:
    """Write the report into each folder; gives back, in words, which could not be written.

    Nothing depends on these files, so that a full disk or a server gone is but worth a warning.
    """
    warnings = []
    for folder in folders:
        path = folder / NAME
        text = json.dumps(_contents(report, folder, interrupted), indent=1) + "\n"
        try:
            write_whole(path, text.encode())
        except (OSError, VidganError) as error:
            reason = getattr(error, "strerror", None) or error
            warnings.append(f"{path}: the report cannot be written ({reason})")
    return warnings


def _contents(report: Report, folder: Place, interrupted: bool) -> Entry:
    files = _earlier(folder / NAME)
    for entry in _entries(report, folder):
        key = _key(entry)
        known = files.get(key, {}) if entry["status"] == "skipped" else {}
        files[key] = entry | {name: known[name] for name in _FACTS if name in known}
    return {
        "version": __version__,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "interrupted": interrupted,
        "totals": _totals(report),
        "files": [files[key] for key in sorted(files)],
    }


_FACTS = ("frames", "chunks", "frames_lost", "lost_at", "warnings")


def _totals(report: Report) -> Entry:
    apart = ("output", "skipped", "failures", "warnings", "lost_at")
    skipped = sum(file.skipped for file in report.files)
    return {
        "done": len(report.files) - skipped,
        "skipped": skipped,
        "failed": len(report.failed),
        **{name: value for name, value in report.to_json().items() if name not in apart},
    }


def _entries(report: Report, folder: Place) -> Iterator[Entry]:
    for file in report.files:
        if (name := _inside(file.output, folder)) is not None:
            yield _entry_of(file, name)
    for failure in report.failed:
        name = None if failure.output is None else _inside(failure.output, folder)
        if failure.output is None or name is not None:
            yield {
                "source": None if failure.source is None else str(failure.source),
                "output": name,
                "status": "failed",
                "reason": str(failure),
            }


def _entry_of(file: FileReport, name: str) -> Entry:
    return {
        "source": str(file.source),
        "output": name,
        "status": "skipped" if file.skipped else "done",
        "frames": file.frames,
        "chunks": file.chunks,
        "frames_lost": file.frames_lost,
        "lost_at": list(file.lost_at),
        "warnings": list(file.warnings),
    }


def _inside(output: Place, folder: Place) -> str | None:
    """The output's name as seen from the folder, if it lies in there."""
    inside: PurePath | None = None
    if isinstance(output, Remote):
        inside = output.inside(folder) if isinstance(folder, Remote) else None
    elif not isinstance(folder, Remote) and output.is_relative_to(folder):
        inside = output.relative_to(folder)
    return None if inside is None else inside.as_posix()


def _earlier(path: Place) -> dict[str, Entry]:
    """Entries that have an output, from the file that is there, if it is one of ours."""
    try:
        files = json.loads(path.read_bytes())["files"]
        named = [entry for entry in files if isinstance(entry["output"], str)]
    except (OSError, VidganError, ValueError, LookupError, TypeError, RecursionError):
        return {}
    return {_key(entry): entry for entry in named}


def _key(entry: Entry) -> str:
    """By which an input is known again: its output, or, where it came to none, its own name."""
    name = entry["output"]
    return f"/{entry['source']} {entry['reason']}" if name is None else str(name)
