"""The map over actors, on a real local Ray, with processes that are really killed or stopped."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import WorkerLostError
from cluster.actor import (
    Event,
    ItemCopied,
    ItemRetried,
    Lost,
    WorkerLost,
    WorkerStarted,
    WorkerStatus,
)
from cluster.pace import Patience
from cluster.pool import map_unordered
from tests.cluster.pool_workers import (
    GENEROUS,
    OFFSET,
    SHARED,
    Adder,
    Diary,
    Hanging,
    Slow,
    SlowForOne,
    Stillborn,
    Stopped,
    Suicidal,
)

pytestmark = pytest.mark.usefixtures("ray_session")
LIMIT = 600.0
PATIENCE = Patience(first=LIMIT, least=LIMIT, factor=0)


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


def test_workers_that_die_while_starting_are_not_replaced_for_ever(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with pytest.raises(WorkerLostError, match="died while starting, 3 times in a row"):
        list(map_unordered(Stillborn, range(4), shared=diary, workers=1, cpus_per_worker=1))
    assert diary.read_text().splitlines() == ["setup"] * 3
