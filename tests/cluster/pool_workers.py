"""Workers for tests of the pool: what they do to their items, and to the processes they are in."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import ray
from numpy.typing import NDArray

# The actors cannot import this file; send its classes along.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

GENEROUS = 300.0
"""Seconds: only a hang takes so long, also on a busy machine."""
SHARED = np.arange(1000)
OFFSET = int(SHARED.sum())


class Adder:
    """Adds the sum of the shared array, and dawdles a little."""

    def __init__(self, shared: NDArray[np.int64]) -> None:
        self.shared = shared

    def setup(self) -> None:
        self.offset = int(self.shared.sum())

    def process(self, item: int) -> int:
        time.sleep(0.02)
        return item + self.offset

    def status(self) -> object:
        return None

    def close(self) -> None:
        del self.offset


class Diary:
    """Writes what happens to it into a file, a line each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, line: str) -> None:
        with self.path.open("a") as file:
            file.write(line + "\n")

    def is_new(self, item: int) -> bool:
        """Nobody has begun it yet."""
        return f"process {item}" not in self.path.read_text().splitlines()

    def setup(self) -> None:
        self.write("setup")

    def process(self, item: int) -> int:
        self.write(f"process {item}")
        return item

    def status(self) -> object:
        return None

    def close(self) -> None:
        self.write("close")


class Suicidal(Diary):
    """Item 2 kills the process it is in."""

    def process(self, item: int) -> int:
        super().process(item)
        time.sleep(0.05)
        if item == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return item


class Hanging(Diary):
    """Item 2 hangs, the first time."""

    def process(self, item: int) -> int:
        if item == 2 and self.is_new(item):
            super().process(item)
            self.hang()
        return super().process(item)

    def hang(self) -> None:
        time.sleep(10 * GENEROUS)


class Stopped(Hanging):
    """Item 2 stops the process, the first time."""

    def hang(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)


class Slow(Diary):
    """Takes long, but says each time it is asked that it has moved."""

    steps = 0

    def process(self, item: int) -> int:
        while self.steps < 5:
            time.sleep(0.05)
        return item

    def status(self) -> object:
        self.steps += 1
        return self.steps


class Waiting(Diary):
    """An item is done once there is a file `go` beside the diary."""

    def process(self, item: int) -> int:
        deadline = time.monotonic() + GENEROUS
        while not self.path.with_name("go").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return item


class SlowForOne(Diary):
    """The worker that gets item 0 first takes for ever over every item, the other is quick."""

    slow = False

    def process(self, item: int) -> int:
        self.slow = self.slow or (item == 0 and self.is_new(item))
        super().process(item)
        time.sleep(10 * GENEROUS if self.slow else 0.1)
        return item


class Failing(Diary):
    """Item 1 cannot be done; any other takes for ever."""

    def process(self, item: int) -> int:
        super().process(item)
        if item == 1:
            raise LookupError("item 1 has no frames")
        time.sleep(10 * GENEROUS)
        return item


class Unset(Diary):
    """Its setup fails half-way."""

    def setup(self) -> None:
        super().setup()
        raise FileNotFoundError("weights.pth is gone")


class Stillborn(Diary):
    """Its setup takes the process down."""

    def setup(self) -> None:
        super().setup()
        os.kill(os.getpid(), signal.SIGKILL)


class Meeting:
    """An item is done only while another is in process."""

    def __init__(self, shared: None) -> None:
        self.barrier = threading.Barrier(2)

    def setup(self) -> None:
        pass

    def process(self, item: int) -> int:
        self.barrier.wait(timeout=GENEROUS)
        return item

    def status(self) -> object:
        return None

    def close(self) -> None:
        pass


class Halfway(Meeting):
    """Its item is done once its status has been asked for again: the first answer is out then."""

    def __init__(self, shared: None) -> None:
        self.times = self.item = 0
        self.asked_again = threading.Event()

    def process(self, item: int) -> int:
        self.item = item
        assert self.asked_again.wait(timeout=GENEROUS)
        return item

    def status(self) -> object:
        self.times += self.item == 7  # it may be asked before the item is there
        if self.times == 2:
            self.asked_again.set()
        return f"half of {self.item}"
