"""Files of one JSON object a line: a run's log, its metrics, what its guard has seen."""

import json
import os
from pathlib import Path
from typing import Any

from cyclegan.atomic import write_atomically

Line = dict[str, Any]


def read_lines(path: Path) -> list[Line]:
    """All whole lines, in the file's order; none where there is no file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    return [line for text in content.splitlines() if (line := _parse(text)) is not None]


def _parse(text: bytes) -> Line | None:
    """A line that a crash has cut off is none."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("step"), int) else None


def latest_course(lines: list[Line]) -> list[Line]:
    """The lines of the way that led here: without steps that were taken back, and taken again."""
    course: list[Line] = []
    for line in reversed(lines):
        if not course or line["step"] < course[-1]["step"]:
            course.append(line)
    return course[::-1]


def append_line(path: Path, line: Line) -> None:
    """Add a line.

    Raises:
        OSError: no room, no permission.
    """
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def cut_lines(path: Path, *, step: int) -> None:
    """Forget the lines of `step` and later ones.

    Raises:
        OSError: no room, no permission; the file stays as it was.
    """
    lines = read_lines(path)
    kept = [json.dumps(line) + "\n" for line in lines if line["step"] < step]
    if len(kept) < len(lines):
        write_atomically(path, lambda part: part.write_text("".join(kept)))


class Follower:
    """Reads what is added to such a file, a little at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def new_lines(self) -> list[Line]:
        """The whole lines that were added since the last call; a file that shrank is read anew.

        Costs a system call where there is nothing new.
        """
        try:
            size = os.stat(self._path).st_size
        except FileNotFoundError:
            return []
        if size < self._position:
            self._position = 0
        if size == self._position:
            return []
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._position += len(whole)
        return [line for text in whole.splitlines() if (line := _parse(text)) is not None]
