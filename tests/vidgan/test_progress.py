"""What the bar shows: never twice, never backwards."""

import re

import pytest

from cluster.actor import Place, WorkerLost, WorkerStarted, WorkerStatus
from vidgan.progress import Bar, Tally

ONE, TWO = Place(pid=1, node="a"), Place(pid=2, node="a")


def test_frames_under_way_count_until_their_chunk_is_done() -> None:
    tally = Tally()
    tally.hear(ONE, {(0, 0): 10, (0, 1): 3})
    tally.hear(TWO, {(0, 2): 5})
    assert tally.frames == 18
    assert tally.chunks == 3
    tally.done((0, 0), 16)
    assert tally.chunks == 3
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
    bar.start(10, chunks=1)
    bar.hear(WorkerStarted(ONE))
    bar.hear(WorkerStatus(ONE, {(0, 0): 3}))
    bar.hear(WorkerLost(ONE, "killed by the system"))
    bar.done((0, 0), 10)
    bar.stop()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "killed by the system" in printed.err
    assert "chunk 1 of 1" in printed.err
    assert "10/10" in printed.err


def test_what_was_done_before_is_no_speed_and_counts_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bar = Bar()
    bar.start(30, chunks=3)
    for _ in range(2):  # as when work is begun again without a film that failed
        bar.reused((0, 0), 10)
        bar.reused((0, 1), 10)
    bar.done((0, 2), 10)
    bar.reused((0, 2), 10)
    bar.stop()
    printed = capsys.readouterr().err
    assert "30/30" in printed
    assert "chunk 3 of 3" in printed
    assert not re.search(r"[4-9]\d/30", printed)


def test_a_short_look_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar.looking(1000)
    bar.looked(1000)
    bar.stop()
    assert capsys.readouterr().err == ""
