"""What of a film is held out, and which frames are worth having."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vidgan.training.sieve import HELD_OUT, Sieve, held_out_stretches

Pixels = NDArray[np.uint8]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("seconds", [5.0, 60.0, 600.0, 7200.0])
def test_a_twentieth_is_held_out_in_stretches_that_do_not_touch(seconds: float) -> None:
    for number in range(50):
        stretches = held_out_stretches(f"{number}.mp4", seconds)
        assert sum(s.end - s.start for s in stretches) == pytest.approx(HELD_OUT)
        borders = [place for s in stretches for place in (s.start - s.margin, s.end + s.margin)]
        assert borders == sorted(borders)
        assert borders[0] >= 0
        assert borders[-1] <= 1 + 1e-9


def test_stretches_are_long_and_spread_over_a_long_film() -> None:
    hour = held_out_stretches("a.mp4", 3600.0)
    assert len(hour) == 10
    assert {round((s.end - s.start) * 3600) for s in hour} == {18}
    assert [int(s.start * 10) for s in hour] == list(range(10))
    assert all(s.margin * 3600 == pytest.approx(1) for s in hour)
    [minute] = held_out_stretches("a.mp4", 60.0)
    assert (minute.end - minute.start) * 60 == pytest.approx(3)


def test_the_rule_is_fixed_and_goes_by_the_name() -> None:
    assert held_out_stretches("a.mp4", 600.0) == held_out_stretches("a.mp4", 600.0)
    starts = {held_out_stretches(f"{number}.mp4", 30.0)[0].start for number in range(20)}
    assert len(starts) == 20
    assert max(starts) > 0.6
    assert min(starts) < 0.3


def test_what_is_near_a_stretch_is_on_neither_side() -> None:
    [stretch] = held_out_stretches("a.mp4", 100.0)
    places = np.arange(0, 1, 0.0005)
    held = [place for place in places if stretch.holds(place)]
    near = [place for place in places if stretch.is_near(place)]
    assert len(held) == pytest.approx(100, abs=1)
    assert len(near) == pytest.approx(40, abs=2)  # a second on either side
    assert min(near) < min(held)
    assert max(near) > max(held)
    assert not set(near) & set(held)


def scene(seed: int) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
    return coarse.repeat(20, 0).repeat(20, 1)


def noisy(picture: Pixels, levels: int) -> Pixels:
    noise = RNG.integers(-levels, levels + 1, picture.shape)
    return np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)


def test_new_scenes_pass_and_the_same_again_does_not() -> None:
    sieve = Sieve()
    frames = [scene(0), noisy(scene(0), 6), scene(1), scene(0), noisy(scene(0), 2)]
    assert [sieve.passes(frame) for frame in frames] == [True, False, True, True, False]
    assert (sieve.repeated, sieve.blank) == (2, 0)


def test_slow_change_passes_once_it_has_come_to_something() -> None:
    """Each frame nearly the one before: what counts is the last that passed."""
    sieve = Sieve()
    dark = scene(3) // 2
    passed = [sieve.passes(dark + np.uint8(step)) for step in range(20)]
    assert passed == [step % 2 == 0 for step in range(20)]


@pytest.mark.parametrize("level", [0, 16, 128, 255])
def test_blank_frames_do_not_pass_and_dark_ones_do(level: int) -> None:
    sieve = Sieve()
    flat = np.full((180, 320, 3), level, np.uint8)
    assert not sieve.passes(flat)
    assert not sieve.passes(noisy(flat, 8))
    assert sieve.blank == 2
    night = flat // 16
    night[60:90, 100:140] = 90  # a lit window
    assert sieve.passes(night)


def test_one_colour_is_blank_and_two_of_one_brightness_are_not() -> None:
    sieve = Sieve()
    green = np.full((180, 320, 3), (0, 130, 0), np.uint8)
    assert not sieve.passes(green)
    green[:, 160:] = (173, 50, 0)
    assert sieve.passes(green)
