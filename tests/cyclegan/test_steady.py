"""Films whose translation leans on the frame before, along what moves."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cyclegan import steady
from cyclegan.config import FastConfig
from cyclegan.motion import moved
from cyclegan.networks import Generator, build_generator, init_weights
from cyclegan.steady import Link, Row, links, steadied
from cyclegan.traced import traced
from cyclegan.translator import Translator
from cyclegan.warming import warm_up

Frames = NDArray[np.uint8]
STRENGTH = 0.7


def generator() -> Generator:
    network = build_generator(FastConfig(blocks=1, filters=4))
    init_weights(network, std=0.15, seed=3)
    return network


def numbers(*shape: int, seed: int) -> Tensor:
    return 100 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def a_film(count: int, *, noise: float = 2.0, side: int = 32) -> Frames:
    """A camera that stands still, with the noise of its sensor."""
    rng = np.random.default_rng(5)
    scene = torch.from_numpy(rng.uniform(60, 190, (1, 3, 4, 4)))
    smooth = F.interpolate(scene, (side, side), mode="bilinear")
    still = smooth.permute(0, 2, 3, 1).numpy()
    noisy = still + rng.normal(0, noise, (count, side, side, 3))
    return noisy.round().clip(0, 255).astype(np.uint8)


def test_where_nothing_moves_a_change_leans_on_those_before() -> None:
    seen = numbers(1, 3, 8, 8, seed=1).expand(4, -1, -1, -1)
    changes = numbers(4, 3, 8, 8, seed=2)
    _, made = steadied(None, seen, changes, strength=STRENGTH)
    expected = changes[0]
    for change, found in zip(changes, made, strict=True):
        expected = STRENGTH * expected + (1 - STRENGTH) * change
        torch.testing.assert_close(found, expected)


def test_what_moves_has_its_own_change_alone_and_so_has_a_cut() -> None:
    seen = numbers(1, 3, 16, 32, seed=1).repeat(3, 1, 1, 1)
    seen[1, :, :, 16:] += 90  # something passes on the right
    seen[2] += 180
    changes = numbers(3, 3, 16, 32, seed=2)
    _, made = steadied(None, seen, changes, strength=STRENGTH)
    torch.testing.assert_close(made[1, ..., 16:], changes[1, ..., 16:], rtol=0, atol=0.1)
    left = torch.lerp(changes[1], changes[0], STRENGTH)[..., :11]
    torch.testing.assert_close(made[1, ..., :11], left)
    torch.testing.assert_close(made[2], changes[2], rtol=0, atol=0.1)


def test_noise_is_not_taken_for_movement() -> None:
    noise = 3 * torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    seen, changes = 100 + noise, torch.stack([torch.zeros(3, 16, 16), torch.ones(3, 16, 16)])
    _, made = steadied(None, seen, changes, strength=STRENGTH)
    assert float(made[1].mean()) == pytest.approx(1 - STRENGTH, abs=0.2)


def test_frames_of_another_size_begin_anew() -> None:
    before, _ = steadied(
        None, numbers(1, 3, 8, 8, seed=1), numbers(1, 3, 8, 8, seed=2), strength=0.9
    )
    changes = numbers(1, 3, 8, 12, seed=3)
    _, made = steadied(before, numbers(1, 3, 8, 12, seed=1), changes, strength=0.9)
    assert torch.equal(made, changes)


@pytest.mark.parametrize("size", [0, 16])
def test_a_row_is_the_same_however_it_is_cut_and_whichever_thread_is_first(size: int) -> None:
    film = a_film(12)
    translator = Translator(generator(), device="cpu", precision="fp32", size=size, steady=STRENGTH)
    whole = translator(film, link=next(links()))
    with ThreadPoolExecutor(4) as lanes:
        parts = [film[:1], film[1:4], film[4:5], film[5:12]]
        asked = [
            lanes.submit(translator, part, link=link)
            for part, link in reversed(list(zip(parts, links(), strict=False)))
        ]
        found = [future.result(timeout=600) for future in reversed(asked)]
    assert np.array_equal(np.concatenate(found), whole)
    one_by_one = Translator(
        generator(), device="cpu", precision="fp32", size=size, batch=4, steady=STRENGTH
    )
    assert np.abs(one_by_one(film, link=next(links())).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("size", [0, 16])
@pytest.mark.parametrize("levels", [1, 257])
def test_a_still_film_flickers_less(size: int, levels: int) -> None:
    """Of 8 bits, and of 16."""
    film: NDArray[Any] = a_film(16)
    if levels > 1:
        film = film.astype(np.uint16) * np.uint16(levels)
    translator = Translator(generator(), device="cpu", precision="fp32", size=size, steady=STRENGTH)

    def flicker(made: NDArray[Any]) -> float:
        change = made.astype(float) - film
        return float(np.abs(np.diff(change, axis=0))[4:].mean())

    alone, together = translator(film), translator(film, link=next(links()))
    assert together.dtype == film.dtype
    assert np.array_equal(alone[0], together[0])
    assert flicker(together) < 0.6 * flicker(alone)
    drift = together[4:].mean(axis=0) - alone[4:].mean(axis=0)
    assert np.abs(drift).mean() < 0.3 * np.abs(together.astype(float) - alone).mean() + levels


def test_without_strength_a_row_is_frames_by_themselves() -> None:
    film = a_film(4)
    translator = Translator(generator(), device="cpu", precision="fp32", size=16)
    assert np.array_equal(translator(film, link=next(links())), translator(film))


def test_what_goes_wrong_is_told_to_those_who_wait() -> None:
    first, second = itertools.islice(links(), 2)
    translator = Translator(generator(), device="cpu", steady=STRENGTH)

    def fail(*_: object) -> Tensor:
        raise RuntimeError("no such kernel")

    broken = Translator(generator(), device="cpu", steady=STRENGTH)
    broken._forward = fail
    film = a_film(2)
    with ThreadPoolExecutor(2) as lanes:
        later = lanes.submit(partial(translator, film[1:], link=second))
        earlier = lanes.submit(partial(broken, film[:1], link=first))
        for asked in (earlier, later):
            with pytest.raises(RuntimeError, match="no such kernel"):
                asked.result(timeout=600)


def test_lanes_that_take_turns_do_not_wait_for_each_other_for_ever() -> None:
    """One that has its turn and waits for the frame before must let that one have it."""
    film = a_film(6)
    plain = Translator(generator(), device="cpu", precision="fp32", steady=STRENGTH)
    expected = plain(film, link=next(links()))
    taking_turns = Translator(generator(), device="cpu", precision="fp32", steady=STRENGTH)
    taking_turns._turns.one_at_a_time()
    with ThreadPoolExecutor(6) as lanes:
        row = list(itertools.islice(links(), 6))
        asked = [
            lanes.submit(taking_turns, film[n : n + 1], link=row[n]) for n in (5, 4, 3, 2, 1, 0)
        ]
        found = [future.result(timeout=600) for future in reversed(asked)]
    assert np.array_equal(np.concatenate(found), expected)


def test_a_batch_that_is_tried_again_leaves_the_same() -> None:
    seen, changes = numbers(4, 3, 8, 8, seed=1), numbers(4, 3, 8, 8, seed=2)
    link: Link = next(links())
    with Row(link, frames=4, strength=STRENGTH) as row:
        whole = row.steadied(0, seen, changes)
        halves = [row.steadied(0, seen[:2], changes[:2]), row.steadied(2, seen[2:], changes[2:])]
    assert torch.equal(torch.cat(halves), whole)
    left, last = link.after.change.result(timeout=0), link.after.seen.result(timeout=0)
    assert left is not None
    assert last is not None
    assert torch.equal(left, whole[3])
    assert torch.equal(last, seen[3])


def test_no_frames_leave_what_those_before_left() -> None:
    first, second, third = itertools.islice(links(), 3)
    film = a_film(2)
    translator = Translator(generator(), device="cpu", precision="fp32", steady=STRENGTH)
    translator(film[:1], link=first)
    translator(film[:0], link=second)
    whole = translator(film, link=next(links()))
    assert np.array_equal(translator(film[1:], link=third), whole[1:])


def test_no_frames_pass_on_what_has_gone_wrong() -> None:
    first, second, third = itertools.islice(links(), 3)
    first.after.fail(RuntimeError("no such kernel"))
    none = Row(second, frames=0, strength=STRENGTH)
    with pytest.raises(RuntimeError, match="no such kernel"), none:
        pass
    for told in (third.before.seen, third.before.change):
        assert str(told.exception(timeout=0)) == "no such kernel"


@pytest.mark.parametrize("steady", [-0.1, 1.0, float("nan")])
def test_a_strength_out_of_range_is_refused(steady: float) -> None:
    with pytest.raises(ValueError, match="steady must be from 0 to less than 1"):
        Translator(generator(), device="cpu", steady=steady)


def a_pan(count: int, *, step: float, noise: float, contrast: float = 25) -> Tensor:
    """What a generator sees while the camera turns by `step` pixels a frame: (N, 3, 64, 96).

    `contrast` is about the deviation of its levels, of 8 bits.
    """
    random = torch.Generator().manual_seed(4)
    coarse = torch.randn(1, 3, 17, 57, generator=random)
    whole = 120 + contrast * F.interpolate(coarse, (68, 228), mode="bicubic", align_corners=False)
    shifts = torch.arange(count) * step
    frames = torch.cat([moved(whole, _right(whole, shift))[..., 2:66, 2:98] for shift in shifts])
    return (frames + noise * torch.randn(frames.shape, generator=random)).clamp(0, 255)


def _right(like: Tensor, shift: float | Tensor) -> Tensor:
    motions = torch.zeros(1, 2, *like.shape[2:])
    motions[:, 0] = shift
    return motions


def warping_error(changes: Tensor, *, step: float) -> float:
    """Mean squared difference to the frame before, moved as the camera was."""
    before = moved(changes[:-1], _right(changes, step).expand(len(changes) - 1, -1, -1, -1))
    return float((changes[1:] - before)[5:, :, 6:-6, 6:-10].square().mean())


@pytest.mark.parametrize("step", [0.4, 1.5, 5.0])
@pytest.mark.parametrize(("contrast", "share"), [(25, 0.6), (40, 0.5)])
def test_a_pan_flickers_less_than_if_only_what_stands_still_leant(
    contrast: float, share: float, step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands still leans where a step changes little, and a pale picture changes less."""
    seen = a_pan(16, step=step, noise=2, contrast=contrast)
    changes = 10 * torch.randn(seen.shape, generator=torch.Generator().manual_seed(8))
    _, made = steadied(None, seen, changes, strength=0.8)
    monkeypatch.setattr("cyclegan.steady.motion", lambda then, _: torch.zeros_like(then[:, :2]))
    monkeypatch.setattr("cyclegan.steady._find_course", steady._course)  # as yet unrecorded
    _, standing = steadied(None, seen, changes, strength=0.8)
    plain = warping_error(changes, step=step)
    assert warping_error(made, step=step) < 0.035 * plain
    assert warping_error(made, step=step) < share * warping_error(standing, step=step)


@pytest.mark.parametrize("shape", [(1, 3, 1, 7), (2, 3, 33, 18), (1, 3, 144, 161)])
def test_a_course_that_is_recorded_is_the_very_same(shape: tuple[int, ...]) -> None:
    random = torch.Generator().manual_seed(9)
    first = torch.rand(shape, generator=random) * 255
    frames = [first + step + torch.randn(shape, generator=random) for step in range(3)]
    graph = traced(steady._course, frames[0], frames[0])
    for then, now in itertools.pairwise(frames):
        for found, expected in zip(graph(then, now), steady._course(then, now), strict=True):
            assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("lighter", "strength", "dragged"), [(60, 0.8, 0.5), (60, 0.94, 1), (30, 0.94, 6)]
)
def test_a_change_goes_with_what_it_was_made_to_and_nothing_is_dragged_behind(
    lighter: float, strength: float, dragged: float
) -> None:
    """A square moves over the ground; it alone is changed. What is no lighter than that by much
    drags some percent.
    """
    ground = a_pan(1, step=0, noise=0)[0]
    thing = a_pan(1, step=0, noise=0)[0].flip(1, 2) + lighter
    seen, truth = ground.repeat(10, 1, 1, 1), torch.zeros(10, 3, 64, 96)
    for number in range(10):
        at = slice(8 + 5 * number, 30 + 5 * number)
        seen[number, :, 20:42, at] = thing[:, 20:42, 8:30]
        truth[number, :, 20:42, at] = 100
    _, made = steadied(None, seen, truth, strength=strength)
    left = 8 + 5 * 9
    assert made[9, :, 26:36, left + 6 : left + 16].mean() > 95
    behind = made[9, :, 22:40, : left - 3]
    assert behind.abs().mean() < dragged
    assert behind.abs().max() < max(25, 12 * dragged)
    assert made[9, :, :14].abs().max() < 1


def test_motion_is_found_before_the_frame_before_is_done() -> None:
    """Or threads would find it one after the other."""
    first, second = itertools.islice(links(), 2)
    seen, changes = numbers(2, 3, 16, 16, seed=1), numbers(2, 3, 16, 16, seed=2)
    waits: list[str] = []

    @contextmanager
    def away() -> Iterator[None]:
        waits.append("seen" if not first.after.change.done() and not waits else "change")
        if len(waits) == 2:
            first.after.leave(changes[0])
        yield

    first.after.show(seen[0])
    with Row(second, frames=1, strength=STRENGTH, away=away) as row:
        found = row.steadied(0, seen[1:], changes[1:])
    assert waits == ["seen", "change"]
    _, whole = steadied(None, seen, changes, strength=STRENGTH)
    assert torch.equal(found, whole[1:])


@pytest.mark.parametrize("strength", [0.0, 0.01, 0.5, 0.85, 0.9, 0.94])
def test_frames_enough_to_forget_what_was_before(strength: float) -> None:
    assert strength ** warm_up(strength) <= (1 / 25 if strength else 1)
    assert strength ** max(0, warm_up(strength) - 1) >= 1 / 25


def test_there_is_an_end_to_them() -> None:
    assert warm_up(0.999) == 60
