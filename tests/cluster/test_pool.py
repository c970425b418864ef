"""The map over actors, on a real local Ray."""

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from cluster import ClusterError, crew
from cluster.actor import Event, WorkerReleased, WorkerStatus
from cluster.pace import Patience
from cluster.pool import map_unordered
from cluster.session import Session
from tests.cluster.pool_workers import (
    GENEROUS,
    OFFSET,
    SHARED,
    Adder,
    Diary,
    Failing,
    Halfway,
    Meeting,
    Unset,
    Waiting,
)

pytestmark = pytest.mark.usefixtures("ray_session")


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


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0])
def test_stopping_while_workers_are_on_their_way_costs_no_cpus(
    ray_session: Session, seconds: float
) -> None:
    def stopped() -> Iterator[int]:
        time.sleep(seconds)
        raise EOFError("stopped")
        yield 0

    with pytest.raises(EOFError):
        list(map_unordered(Adder, stopped(), shared=SHARED, workers=3, cpus_per_worker=1))
    again = map_unordered(
        Adder, range(3), shared=SHARED, workers=1, cpus_per_worker=ray_session.cpus
    )
    assert sorted(again) == [(i, i + OFFSET) for i in range(3)]


def test_workers_that_there_is_no_room_for_are_not_waited_for(ray_session: Session) -> None:
    results = map_unordered(
        Adder, itertools.count(), shared=SHARED, workers=6, cpus_per_worker=ray_session.cpus / 2
    )
    for _ in range(20):
        next(results)
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < crew._ARRIVAL_SECONDS


def test_workers_let_go_that_there_is_no_room_for_are_not_asked_for_any_longer(
    ray_session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a cluster that shrinks by itself would not shrink before the last item is done."""
    monkeypatch.setattr(crew, "_EXPECTED_SECONDS", 1.0)
    (tmp_path / "diary").touch()
    before = asked_for()
    counts: list[int] = []

    def look() -> None:
        """Let the item end when all have been asked for, and all but its late copy's let go."""
        deadline = time.monotonic() + GENEROUS / 5
        wanted = [range(4, 7), range(2)]
        while wanted and time.monotonic() < deadline:
            counts.append(asked_for() - before)
            if counts[-1] in wanted[0]:
                del wanted[0]
            time.sleep(0.05)
        (tmp_path / "go").touch()

    looking = threading.Thread(target=look)
    looking.start()
    cpus = ray_session.cpus
    list(map_unordered(Waiting, [0], shared=tmp_path / "diary", workers=6, cpus_per_worker=cpus))
    looking.join()
    assert max(counts) >= 4
    assert counts[-1] <= 1


def asked_for() -> int:
    """Actors that Ray has not found a place for."""
    known: dict[str, dict[str, str]] = ray._private.state.actors()
    return sum(actor["State"] == "PENDING_CREATION" for actor in known.values())


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
