"""What the bar shows: never twice, never backwards."""

import pytest

from cluster.actor import Place, WorkerLost, WorkerStarted, WorkerStatus
from vidgan.progress import Bar, Tally

ONE, TWO = Place(pid=1, node="a"), Place(pid=2, node="a")


def test_frames_under_way_count_until_their_chunk_is_done() -> None:
    tally = Tally()
    tally.hear(ONE, {(0, 0): 10, (0, 1): 3})
    tally.hear(TWO, {(0, 2): 5})
    assert tally.frames == 18
    assert tally.newest_chunk == 3
    tally.done((0, 0), 16)
    assert tally.frames == 24  # 16 safe, 3 and 5 under way; the worker's word on (0, 0) is old


def test_a_lost_worker_does_not_turn_the_bar_back() -> None:
    tally = Tally()
    tally.hear(ONE, {(0, 0): 10})
    assert tally.frames == 10
    tally.lose(ONE)
    assert tally.frames == 10
    tally.hear(TWO, {(0, 0): 2})
    assert tally.frames == 10
    tally.done((0, 0), 16)
    assert tally.frames == 16


def test_the_bar_keeps_off_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar.start(10)
    bar.hear(WorkerStarted(ONE))
    bar.hear(WorkerStatus(ONE, {(0, 0): 3}))
    bar.hear(WorkerLost(ONE, "killed by the system"))
    bar.done((0, 0), 10)
    bar.stop()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "killed by the system" in printed.err
    assert "10/10" in printed.err
