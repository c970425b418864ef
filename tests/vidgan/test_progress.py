"""What the bar shows: never twice, never backwards."""

from cluster.actor import Place
from vidgan.progress import Tally

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
