"""How long to wait for a worker that does not move."""

from cluster.pace import Pace, Patience


def test_the_limit_comes_from_the_slowest_item_and_the_largest_that_is_under_way() -> None:
    patience = Patience(first=600, least=60, factor=5)
    assert patience.for_items([1.0], None) == 600
    assert patience.for_items([1.0, 2.0], 0.5) == 60
    assert patience.for_items([10.0, 40.0], 2.0) == 5 * 2.0 * 40.0


def test_a_pace_keeps_the_slowest_and_a_mean_of_late() -> None:
    pace = Pace()
    for seconds, cost in ((4.0, 2.0), (10.0, 2.0), (2.0, 2.0)):
        pace.note(seconds, cost)
    assert pace.slowest == 5.0
    assert pace.mean == 7 / 3  # 2, then 2 + 3/3, then 3 - 2/3
