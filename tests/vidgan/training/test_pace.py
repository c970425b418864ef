"""Looking at a training happens where it should, and never costs more than its share."""

import itertools
import time
from collections.abc import Callable

import torch

from cyclegan.step import StepImages, StepLosses, StepResult
from cyclegan.training import Progress
from vidgan.training.pace import Course, Pace

NOTHING = torch.zeros(())
RESULT = StepResult(
    losses=StepLosses(**dict.fromkeys(StepLosses.__slots__, NOTHING)),
    images=StepImages(**dict.fromkeys(StepImages.__slots__, NOTHING)),
    scores=None,
    skipped=False,
)


def progress(step: int, *, steps: int = 100, per_step: int = 2, seconds: float = 1.0) -> Progress:
    return Progress(
        step=step,
        steps=steps,
        images=step * per_step,
        lr_scale=1.0,
        seconds=seconds,
        waiting=0.0,
        skipped=0,
        result=RESULT,
    )


def due(pace: Pace, *, steps: int = 20) -> list[int]:
    found = []
    for step in range(1, steps + 1):
        if pace.is_due(progress(step, steps=steps)):
            found.append(step)
            with pace.spending():
                pass
    return found


def looks_of(seconds: float) -> Callable[[], float]:
    """A clock that goes on by so much each time it is looked at."""
    return itertools.count(step=seconds).__next__


def test_it_is_time_each_so_many_images_and_at_the_end() -> None:
    assert due(Pace(every=10, images_per_step=2, credit=1)) == [5, 10, 15, 20]
    assert due(Pace(every=7, images_per_step=2, credit=1), steps=11) == [4, 7, 11]
    assert due(Pace(every=1, images_per_step=2, credit=1), steps=3) == [1, 2, 3]
    assert due(Pace(every=0, images_per_step=2, credit=1)) == []


def test_what_costs_too_much_waits_but_the_end_never_does() -> None:
    """Steps of a second, looks of a bit over 50 ms, a hundredth for them: five steps each."""
    pace = Pace(every=2, images_per_step=2, credit=0, share=0.01, clock=looks_of(0.0501))
    assert due(pace) == [1, 6, 11, 16, 20]


def test_a_credit_comes_first_and_a_debt_waits() -> None:
    spent = Pace(every=2, images_per_step=2, credit=0.5, share=0, clock=looks_of(0.2))
    assert due(spent) == [1, 2, 3, 20]
    indebted = Pace(every=2, images_per_step=2, credit=-0.045, share=0.01, clock=looks_of(1.0))
    assert due(indebted, steps=8) == [5, 8]


def test_a_look_is_timed_by_a_real_clock() -> None:
    pace = Pace(every=2, images_per_step=2, credit=0, share=0.01)
    with pace.spending():
        time.sleep(0.055)
    assert due(pace, steps=8)[0] >= 6


def test_a_course_restarts_first_and_when_sent_back() -> None:
    course = Course()
    assert [course.restarts(progress(step)) for step in (7, 8, 9, 8, 9, 10, 1)] == [
        *(True, False, False),
        *(True, False, False),
        True,
    ]
