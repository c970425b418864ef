"""What /proc says of a process and of those that it has started. Linux alone."""

import os
from collections.abc import Iterator
from pathlib import Path


def tree(root: int) -> Iterator[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            children.setdefault(_parent(int(entry)), []).append(int(entry))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])


def field(pid: int, file: str, name: str) -> int:
    """A number from a file of lines such as "Pss:   12 kB"; 0 where the process has ended."""
    lines = read(pid, file).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def read(pid: int, file: str) -> str:
    """A file of a process, or nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/{file}").read_text(errors="replace")
    except OSError:
        return ""


def _parent(pid: int) -> int:
    # The name in parentheses may hold blanks, and parentheses too.
    after_name = read(pid, "stat").rpartition(")")[2].split()
    return int(after_name[1]) if after_name else 0
