"""A stage in a thread of its own: order, bounds, errors and a clean end."""

import threading
import time
from collections.abc import Iterator

import pytest

from vidgan.stages import prefetch


def test_items_come_in_order() -> None:
    with prefetch(range(100), depth=3) as items:
        assert list(items) == list(range(100))


def test_no_more_than_depth_items_are_taken_ahead() -> None:
    taken = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with prefetch(numbers(), depth=3) as items:
        assert next(items) == 0
        time.sleep(0.3)
        assert len(taken) <= 1 + 3 + 1  # given, queued, and one in the thread's hands


def test_an_error_reaches_the_consumer_after_what_came_before() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("decoder")

    with prefetch(failing(), depth=2) as items:
        assert next(items) == 1
        with pytest.raises(KeyError, match="decoder"):
            next(items)


def test_the_thread_ends_with_the_block_and_closes_its_source() -> None:
    closed = threading.Event()
    before = threading.active_count()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    def consume() -> None:
        with prefetch(endless(), depth=2) as items:
            next(items)
            raise RuntimeError("consumer")

    with pytest.raises(RuntimeError, match="consumer"):
        consume()
    assert closed.is_set()
    assert threading.active_count() == before
