"""One real local Ray for all tests of the pool, and subprocesses whose leftovers are found."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.session import Session, session

Python = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def ray_session() -> Iterator[Session]:
    with session(num_cpus=2) as running:
        yield running


@pytest.fixture
def mark() -> str:
    """The value of an environment variable by which all descendants of a process are found."""
    return uuid.uuid4().hex


@pytest.fixture
def python(mark: str) -> Python:
    """Start a Python script in a process group of its own, with the `mark` in its environment."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}

    def start(script: str, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-W", "default", "-c", script, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**inherited, **environment, "TEST_MARK": mark},
            start_new_session=True,
        )

    return start


@pytest.fixture
def leftovers(mark: str) -> Callable[[], list[str]]:
    """Command lines of the processes still running that carry the `mark`."""

    def find() -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"TEST_MARK={mark}".encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:  # it ended meanwhile, or is not ours
                continue
        return found

    return find
