"""A worker that takes a fixed time for each frame and no CPU; its answers are there before.

It runs in the actors of bench/scale.py. Of what passes through it nothing is unpickled, and this
imports neither torch nor vidgan: 32 of them start on two cores.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A task as it would travel, and what is written on it."""

    job: int
    index: int
    """Of the chunk, in its film."""
    frames: int
    task: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How stand-ins behave."""

    seconds: float
    """For each frame."""
    answers: Mapping[int, bytes]
    """By the chunk's index; the clips are all alike."""
    together: int
    """Stand-ins that wait for each other before they begin."""
    folder: Path
    """Where they see how many they are."""


class StandIn:
    """Sleeps as long as a generator would take, for one chunk after the other."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._turn = threading.Lock()
        self._frames = 0

    def setup(self) -> None:
        """Wait until all are there, so that none has a start."""
        (self._script.folder / f"{time.time_ns()}-{id(self)}").touch()
        while sum(1 for _ in self._script.folder.iterdir()) < self._script.together:
            time.sleep(0.1)

    def process(self, parcel: Parcel) -> tuple[int, bytes]:
        """The job, and the answer; the next one is here already when it ends."""
        with self._turn:
            time.sleep(parcel.frames * self._script.seconds)
            self._frames += parcel.frames
        return parcel.job, self._script.answers[parcel.index]

    def status(self) -> int:
        """Frames so far."""
        return self._frames

    def close(self) -> None:
        """Nothing to close."""
