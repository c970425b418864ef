"""Seconds by stage: nothing counts twice in the driver, and waiting for one another is no work."""

import time
from collections.abc import Iterator

import pytest

from vidgan.timing import Clock, StageSeconds, Stopwatch

NAP = 0.03


def naps(number: int) -> Iterator[int]:
    for item in range(number):
        time.sleep(NAP)
        yield item


def test_a_stage_interrupts_the_one_around_it() -> None:
    began, clock = time.perf_counter(), Clock()
    with clock.stage("waiting"):
        time.sleep(NAP)
        assert list(clock.each("demux", naps(2))) == [0, 1]
        time.sleep(NAP)
    with pytest.raises(OSError, match="full"), clock.stage("ledger"):
        raise OSError("full")
    time.sleep(NAP)  # nobody's
    booked = clock.seconds()
    elapsed = time.perf_counter() - began
    assert booked.waiting >= 2 * NAP
    assert booked.demux >= 2 * NAP
    assert booked.waiting + booked.demux + booked.ledger <= elapsed - NAP
    assert booked.start == 0


def test_what_was_waited_for_so_far_can_turn_out_to_be_the_start() -> None:
    began, clock = time.perf_counter(), Clock()
    with clock.stage("waiting"):
        time.sleep(2 * NAP)
        clock.move("waiting", "start")
        moved = time.perf_counter()
        time.sleep(NAP)
    booked = clock.seconds()
    elapsed = time.perf_counter() - began
    assert 2 * NAP <= booked.start <= moved - began
    assert NAP <= booked.waiting <= elapsed - booked.start


def test_a_stopwatch_counts_what_makes_items_not_what_is_done_with_them() -> None:
    began, watch = time.perf_counter(), Stopwatch()
    for _ in watch.each(naps(3)):
        time.sleep(2 * NAP)
    elapsed = time.perf_counter() - began
    assert 3 * NAP <= watch.seconds <= elapsed - 6 * NAP


def test_a_source_is_closed_with_what_counts_it() -> None:
    closed = []

    def source() -> Iterator[int]:
        try:
            yield from range(9)
        finally:
            closed.append(True)

    for counted in (Stopwatch().each(source()), Clock().each("demux", source())):
        assert next(counted) == 0
        counted.close()  # type: ignore[attr-defined]
    assert closed == [True, True]


def test_seconds_add_up_by_stage() -> None:
    both = StageSeconds(decode=1, join=2) + StageSeconds(decode=0.5, waiting=4)
    assert both == StageSeconds(decode=1.5, join=2, waiting=4)
