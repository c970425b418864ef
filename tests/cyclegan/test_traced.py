"""What is called often with tensors of one shape is recorded, and runs without Python."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from cyclegan.traced import Recorded

Counted = tuple[Callable[[Tensor, Tensor], Tensor], list[torch.Size]]


def counted() -> Counted:
    """A function, and the shapes with which Python was in it."""
    calls = []

    def total(one: Tensor, other: Tensor) -> Tensor:
        calls.append(one.shape)
        return (one * 2 + other).flip(0)

    return total, calls


def test_after_many_calls_python_is_in_it_no_more_and_the_answers_are_the_same() -> None:
    function, calls = counted()
    recorded = Recorded(function)
    for number in range(300):
        one, other = torch.full((3,), number), torch.arange(3)
        assert torch.equal(recorded(one, other), (one * 2 + other).flip(0))
    assert len(calls) < 150


def test_shapes_that_come_seldom_are_not_recorded_nor_more_than_a_few() -> None:
    function, calls = counted()
    recorded = Recorded(function)
    for side in range(1, 8):
        for _ in range(20 if side == 1 else 200):
            recorded(torch.ones(side), torch.ones(side))
    often = [calls.count(torch.Size((side,))) for side in range(1, 8)]
    assert often[0] == 20
    assert all(count < 110 for count in often[1:5])
    assert often[5:] == [200, 200]  # a graph is never freed


def test_lanes_that_call_it_at_once_get_their_answers_and_it_is_recorded() -> None:
    function, calls = counted()
    recorded = Recorded(function)
    with ThreadPoolExecutor(4) as lanes:
        answers = list(lanes.map(lambda n: recorded(torch.tensor([n]), torch.ones(1)), range(800)))
    assert [int(answer) for answer in answers] == [2 * n + 1 for n in range(800)]
    before = len(calls)  # while one lane records, the others go on without, at their own pace
    assert recorded(torch.ones(1), torch.ones(1)) == 3
    assert len(calls) == before
