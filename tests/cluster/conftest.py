"""One real local Ray for all tests of the pool, and subprocesses whose leftovers are found."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.session import Session, session
from patient import PATIENT

Python = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def ray_session() -> Iterator[Session]:
    with session(num_cpus=2) as running:
        yield running


@pytest.fixture
def mark() -> str:
    """The value of an environment variable by which all descendants of a process are found."""
    return uuid.uuid4().hex


@pytest.fixture(scope="session")
def launch() -> Python:
    """Start a Python script in a process group of its own, without settings of Ray's."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}

    def start(script: str, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-W", "default", "-c", script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**inherited, **PATIENT, **environment},
            start_new_session=True,
        )

    return start


@pytest.fixture
def python(launch: Python, mark: str, marked_pids: Callable[[], set[int]]) -> Iterator[Python]:
    """`launch` with the `mark` in the environment; nothing of that outlives a test that fails."""
    yield functools.partial(launch, TEST_MARK=mark)
    while left := marked_pids():
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


@pytest.fixture
def marked_pids(mark: str) -> Callable[[], set[int]]:
    """The processes still running that carry the `mark`."""

    def find() -> set[int]:
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended meanwhile, or is not ours
                if f"TEST_MARK={mark}".encode() in (process / "environ").read_bytes():
                    found.add(int(process.name))
        return found

    return find


@pytest.fixture
def leftovers(marked_pids: Callable[[], set[int]]) -> Callable[[], list[str]]:
    """Command lines of the processes still running that carry the `mark`."""

    def find() -> list[str]:
        found = []
        for pid in marked_pids():
            with contextlib.suppress(OSError):
                found.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
        return found

    return find
