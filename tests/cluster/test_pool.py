"""The map over actors, on a real local Ray, with processes that are really killed."""

import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
from numpy.typing import NDArray

from cluster import ClusterError, WorkerLostError
from cluster.actor import (
    Event,
    ItemCopied,
    ItemRetried,
    Lost,
    WorkerLost,
    WorkerReleased,
    WorkerStarted,
    WorkerStatus,
)
from cluster.pace import Patience
from cluster.pool import map_unordered
from cluster.session import Session

# The actors cannot import this file; send its classes along.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

pytestmark = pytest.mark.usefixtures("ray_session")
GENEROUS = 300.0
"""Seconds: only a hang takes so long, also on a busy machine."""
LIMIT = 600.0
PATIENCE = Patience(first=LIMIT, least=LIMIT, factor=0)


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


SHARED = np.arange(1000)
OFFSET = int(SHARED.sum())


def test_every_result_comes_once_with_its_position() -> None:
    results = list(map_unordered(Adder, range(30), shared=SHARED, workers=2, cpus_per_worker=1))
    assert sorted(results) == [(i, i + OFFSET) for i in range(30)]


def test_nothing_to_do_is_no_error() -> None:
    assert list(map_unordered(Adder, [], shared=SHARED, workers=1, cpus_per_worker=1)) == []


def test_items_are_taken_only_as_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        for item in itertools.count():
            taken += 1
            yield item

    results = map_unordered(Adder, endless(), shared=SHARED, workers=2, cpus_per_worker=1)
    ahead = [taken - done for done, _ in zip(range(20), results, strict=False)]
    results.close()
    assert max(ahead) <= 4


def test_two_items_overlap_in_one_worker() -> None:
    results = map_unordered(Meeting, range(4), shared=None, workers=1, cpus_per_worker=1)
    assert sorted(results) == [(i, i) for i in range(4)]


def test_a_busy_worker_is_heard_before_its_item_is_done() -> None:
    heard: list[Event] = []
    results = map_unordered(
        Halfway, [7], shared=None, workers=1, cpus_per_worker=1, on_event=heard.append
    )
    assert list(results) == [(0, 7)]
    assert {e.status for e in heard if isinstance(e, WorkerStatus)} >= {"half of 7"}


def test_more_workers_than_fit_share_what_there_is() -> None:
    results = map_unordered(Adder, range(8), shared=SHARED, workers=5, cpus_per_worker=1)
    assert sorted(results) == [(i, i + OFFSET) for i in range(8)]


def test_workers_are_closed_when_all_is_done(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    list(map_unordered(Diary, range(3), shared=diary, workers=1, cpus_per_worker=1))
    lines = diary.read_text().splitlines()
    assert lines[0] == "setup"
    assert lines[-1] == "close"
    assert sorted(lines[1:-1]) == ["process 0", "process 1", "process 2"]


def test_a_killed_worker_changes_nothing_in_the_results() -> None:
    events: list[Event] = []
    results = {}
    stream = map_unordered(
        Adder, range(60), shared=SHARED, workers=2, cpus_per_worker=1, on_event=events.append
    )
    victim = None
    for position, value in stream:
        assert position not in results
        results[position] = value
        if len(results) == 5:
            victim = next(e.place.pid for e in events if isinstance(e, WorkerStarted))
            os.kill(victim, signal.SIGKILL)
    assert results == {i: i + OFFSET for i in range(60)}
    lost = [event.place for event in events if isinstance(event, WorkerLost)]
    assert [place.pid for place in lost if place is not None] == [victim]
    retried = [event for event in events if isinstance(event, ItemRetried)]
    assert 1 <= len(retried) <= 2  # what it had in flight
    assert all("killed" in event.reason for event in retried)


def test_an_item_that_kills_its_workers_is_lost_alone(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    results = dict(
        map_unordered(
            Suicidal, range(12), shared=diary, workers=2, cpus_per_worker=1, max_attempts=3
        )
    )
    lost = results.pop(2)
    assert isinstance(lost, Lost)
    assert lost.attempts == 3
    assert "killed" in lost.reason
    assert diary.read_text().splitlines().count("process 2") == 3
    assert results == {i: i for i in range(12) if i != 2}  # its neighbours are not dragged along


class Clock:
    """What the driver takes for the time while it listens; a test puts it forward."""

    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("cluster.listening.time", clock)
    return clock


@pytest.mark.parametrize("hang", [Hanging, Stopped])
def test_a_worker_that_does_not_move_is_replaced(
    hang: type[Hanging], clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose code hangs, and one whose process is stopped, so that it cannot even answer."""
    monkeypatch.setattr("cluster.crew._ROOM_SECONDS", 0.0)
    diary = tmp_path / "diary"
    diary.touch()
    events: list[Event] = []

    def let_time_pass() -> int:
        """In the driver's thread, while it listens: it asks for room there."""
        hangs = "process 2" in diary.read_text().splitlines()
        if hangs and not any(isinstance(event, WorkerLost) for event in events):
            clock.ahead += LIMIT + 1
        return 1

    results = map_unordered(
        hang,
        range(6),
        shared=diary,
        workers=1,
        cpus_per_worker=1,
        max_attempts=2,
        room=let_time_pass,
        patience=PATIENCE,
        on_event=events.append,
    )
    assert dict(results) == {i: i for i in range(6)}
    (lost,) = (event for event in events if isinstance(event, WorkerLost))
    assert lost.reason == "it did not move for 600 s"
    assert lost.place is not None
    assert not _is_running(lost.place.pid)


def _is_running(pid: int) -> bool:
    """Wait for an end that was ordered."""
    deadline = time.monotonic() + GENEROUS
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True


def test_a_worker_that_moves_slowly_is_left_alone(clock: Clock, tmp_path: Path) -> None:
    """It takes much longer than it may take to give a sign."""
    events: list[Event] = []

    def hear(event: Event) -> None:
        events.append(event)
        if isinstance(event, WorkerStatus):
            clock.ahead += LIMIT / 2

    results = map_unordered(
        Slow,
        [0],
        shared=tmp_path / "diary",
        workers=1,
        cpus_per_worker=1,
        patience=PATIENCE,
        on_event=hear,
    )
    assert list(results) == [(0, 0)]
    assert clock.ahead > 2 * LIMIT
    assert not [event for event in events if isinstance(event, WorkerLost)]


def test_what_a_busy_driver_does_not_hear_is_no_stall(clock: Clock, tmp_path: Path) -> None:
    """Whoever takes the results, and whoever makes the items, may be away for longer."""
    events: list[Event] = []

    def items() -> Iterator[int]:
        for item in range(6):
            if item == 4:
                clock.ahead += 2 * LIMIT
            yield item

    results = map_unordered(
        Diary,
        items(),
        shared=tmp_path / "diary",
        workers=2,
        cpus_per_worker=1,
        max_attempts=1,
        patience=PATIENCE,
        on_event=events.append,
    )
    found = []
    for position, item in results:
        found.append((position, item))
        if len(found) == 2:
            clock.ahead += 2 * LIMIT
    assert sorted(found) == [(i, i) for i in range(6)]
    assert not [event for event in events if isinstance(event, WorkerLost)]


def test_the_last_item_of_a_slow_worker_is_done_by_an_idle_one(tmp_path: Path) -> None:
    events: list[Event] = []
    began = time.monotonic()
    results = map_unordered(
        SlowForOne,
        range(12),
        shared=tmp_path / "diary",
        workers=2,
        cpus_per_worker=1,
        on_event=events.append,
    )
    assert sorted(results) == [(i, i) for i in range(12)]
    assert time.monotonic() - began < GENEROUS  # the slow worker would take ten times as long
    assert [event for event in events if isinstance(event, ItemCopied)]
    assert not [event for event in events if isinstance(event, WorkerLost)]


def test_idle_workers_are_let_go_before_the_end(tmp_path: Path) -> None:
    """Four workers, one item, which is done once two of them have gone."""
    released: list[Event] = []

    def hear(event: Event) -> None:
        released.extend([event] if isinstance(event, WorkerReleased) else [])
        if len(released) == 2:
            (tmp_path / "go").touch()

    results = map_unordered(
        Waiting, [0], shared=tmp_path / "diary", workers=4, cpus_per_worker=0.5, on_event=hear
    )
    assert list(results) == [(0, 0)]


def test_an_ordinary_error_arrives_as_itself_and_at_once(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    began = time.monotonic()
    with pytest.raises(LookupError, match=r"^'?item 1 has no frames'?$") as caught:
        list(map_unordered(Failing, range(4), shared=diary, workers=2, cpus_per_worker=1))
    assert type(caught.value) is LookupError
    assert time.monotonic() - began < GENEROUS
    assert diary.read_text().splitlines().count("process 1") == 1


def test_a_setup_that_fails_is_reported_once_and_tidied(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with pytest.raises(FileNotFoundError, match=r"weights\.pth is gone"):
        list(map_unordered(Unset, range(4), shared=diary, workers=1, cpus_per_worker=1))
    assert diary.read_text().splitlines() == ["setup", "close"]


def test_workers_that_die_while_starting_are_not_replaced_for_ever(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with pytest.raises(WorkerLostError, match="died while starting, 3 times in a row"):
        list(map_unordered(Stillborn, range(4), shared=diary, workers=1, cpus_per_worker=1))
    assert diary.read_text().splitlines() == ["setup"] * 3


def test_an_error_in_the_items_reaches_the_caller() -> None:
    def broken() -> Iterator[int]:
        yield 0
        raise EOFError("the film ends in the middle")

    with pytest.raises(EOFError, match="ends in the middle"):
        list(map_unordered(Adder, broken(), shared=SHARED, workers=1, cpus_per_worker=1))


def test_a_consumer_that_stops_early_gets_its_cpus_back(ray_session: Session) -> None:
    results = map_unordered(
        Adder, itertools.count(), shared=SHARED, workers=2, cpus_per_worker=ray_session.cpus / 2
    )
    next(results)
    results.close()
    again = map_unordered(
        Adder, range(3), shared=SHARED, workers=1, cpus_per_worker=ray_session.cpus
    )
    assert sorted(again) == [(i, i + OFFSET) for i in range(3)]


def test_a_worker_that_no_machine_can_hold_is_an_error(ray_session: Session) -> None:
    with pytest.raises(ClusterError, match=r"each needs 3 CPUs and 0 GPUs .* has 2 CPUs"):
        list(
            map_unordered(
                Adder,
                range(3),
                shared=SHARED,
                workers=1,
                cpus_per_worker=ray_session.cpus + 1,
                patience=Patience(place=1),
            )
        )


def test_numbers_out_of_range_are_refused_before_work() -> None:
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        map_unordered(Adder, [1], shared=SHARED, workers=0, cpus_per_worker=1)
