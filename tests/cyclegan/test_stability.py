"""Steadiness: on films whose motion and flicker are known, figures are what they must be."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cyclegan.flow import Dis, Flow, Flows, Pixels
from cyclegan.metrics import block_counts, estimate
from cyclegan.stability import FilmJudge, Stability, judged_size
from cyclegan.warping import is_visible, places, sampled

HEIGHT, WIDTH, FRAMES = 64, 96, 24
SHIFT = (3, 1)
"""Pixels to the right and down, by which the picture moves to the left and up."""


class Known:
    """The flow of a pan, known beforehand."""

    name = "known"

    def __call__(self, first: Pixels, second: Pixels) -> Flows:
        there = np.zeros((*first.shape[:2], 2), np.float32) - np.array(SHIFT, np.float32)
        return Flows(there, -there)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def texture(height: int, width: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Blurred noise, 128 on average, far from 0 and 255."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return np.asarray((soft / soft.std() * 18 + 128).clip(60, 196), np.float32)


def pan(*, grain: float = 0, frames: int = FRAMES) -> list[Pixels]:
    """A window that moves over a picture by `SHIFT` each frame, with noise of its own on each."""
    right, down = SHIFT
    picture = texture(HEIGHT + down * frames, WIDTH + right * frames)
    random = np.random.default_rng(1)
    film = []
    for number in range(frames):
        top, left = down * number, right * number
        window = picture[top : top + HEIGHT, left : left + WIDTH]
        noisy = window + grain * random.normal(size=window.shape)
        film.append(noisy.round().astype(np.uint8))
    return film


def judged(film: list[Pixels], made: list[Pixels], flow: Flow | None = None) -> Stability:
    judge = FilmJudge(flow or Known())
    for number, (before, after) in enumerate(zip(film, made, strict=True)):
        judge.see(number / 24, before, after)
    return judge.score()


@pytest.mark.parametrize("flow", [Known(), Dis()], ids=["known", "DIS"])
def test_a_film_is_exactly_as_steady_as_itself(flow: Flow) -> None:
    found = judged(pan(grain=2), pan(grain=2), flow)
    assert found.steps == FRAMES - 1
    assert found.cuts == 0
    assert found.warping_input == found.warping_output
    for figure in (found.ratio, found.ratio_at_equal_contrast, found.contrast):
        assert figure is not None
        assert (figure.value, figure.low, figure.high) == (1, 1, 1)
    assert found.brightness_steps.value == 0
    assert found.flicker is not None
    assert found.flicker.value == 0


def test_the_warping_error_of_a_pan_is_that_of_its_grain() -> None:
    """Two frames with grain of deviation s differ by 2 s^2, and by the rounding of both."""
    found = judged(pan(grain=2), pan(grain=2))
    expected = 2 * (2**2 + 1 / 12) / 255**2
    assert found.warping_input.value == pytest.approx(expected, rel=0.03)
    inside = (WIDTH - SHIFT[0]) * (HEIGHT - SHIFT[1]) / (WIDTH * HEIGHT)
    assert found.visible == pytest.approx(inside)


def test_a_constant_shift_of_grey_changes_nothing() -> None:
    film = pan(grain=2)
    found = judged(film, [frame + np.uint8(20) for frame in film])
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(1, abs=1e-4)
    assert found.brightness_steps.value == pytest.approx(0, abs=1e-4)


def test_half_the_contrast_has_a_quarter_of_the_error_and_is_seen_through() -> None:
    film = pan(grain=6)
    found = judged(film, [(frame * 0.5 + 64).round().astype(np.uint8) for frame in film])
    assert found.ratio is not None
    assert found.contrast is not None
    assert found.ratio_at_equal_contrast is not None
    assert found.ratio.value == pytest.approx(0.25, rel=0.02)
    assert found.contrast.value == pytest.approx(0.5, rel=0.01)
    assert found.ratio_at_equal_contrast.value == pytest.approx(1, rel=0.02)


def test_flicker_of_known_size_is_measured_as_such() -> None:
    """With b added to a frame, pairs differ by (b - b')^2 more; luma's weights sum to 1."""
    film = pan(grain=2)
    added = np.random.default_rng(5).integers(-12, 13, FRAMES).astype(np.int64)
    made = [(frame + plus).astype(np.uint8) for frame, plus in zip(film, added, strict=True)]
    found = judged(film, made)
    steps = np.diff(added)
    more = found.warping_output.value - found.warping_input.value
    assert more == pytest.approx((steps**2).mean() / 255**2, rel=0.03)
    assert found.brightness_steps.value == pytest.approx(np.abs(steps).mean(), abs=1e-3)
    assert found.flicker is not None
    middle = added[1:-1] - (added[:-2] + added[2:]) / 2
    assert found.flicker.value == pytest.approx(np.abs(middle).mean(), abs=1e-3)
    assert found.worst[0].seconds == (1 + np.abs(steps).argmax()) / 24
    assert found.worst[0].brightness_step == pytest.approx(np.abs(steps).max(), abs=1e-3)


def test_a_slow_change_is_a_step_but_no_flicker() -> None:
    film = pan(grain=2)
    found = judged(film, [frame + np.uint8(number) for number, frame in enumerate(film)])
    assert found.brightness_steps.value == pytest.approx(1, abs=1e-3)
    assert found.flicker is not None
    assert found.flicker.value == pytest.approx(0, abs=1e-3)


def test_what_a_moving_thing_uncovers_is_left_out() -> None:
    """A square moves over a still ground; what was behind it cannot be compared with it."""
    ground, square = texture(128, 192), texture(48, 48, seed=3) + 55
    film = []
    for number in range(3):
        frame = ground.copy()
        frame[40:88, 20 + 8 * number : 68 + 8 * number] = square
        film.append(frame.round().clip(0, 255).astype(np.uint8))
    found = judged(film, film, Dis())
    flows = Dis()(film[0], film[1])
    backward = torch.from_numpy(flows.backward)
    forward = sampled(torch.from_numpy(flows.forward), *places(backward))
    visible = is_visible(backward, forward)
    assert visible[40:88, 20:28].float().mean() < 0.35
    assert visible[8:32].float().mean() > 0.95
    assert visible[48:80, 36:68].float().mean() > 0.95
    moved = sampled(torch.from_numpy(film[0]).float(), *places(backward))
    everywhere = float(((torch.from_numpy(film[1]) - moved) / 255).square().mean())
    assert found.warping_input.value < 0.25 * everywhere


def test_a_cut_is_counted_and_left_out_and_a_gap_is_no_step() -> None:
    """Scenes as unlike as those of films: one fine, one coarse and inverted."""
    fine, coarse = texture(160, 240), texture(20, 30, seed=4)
    scenes = [fine, 255 - cv2.resize(coarse, (240, 160), interpolation=cv2.INTER_NEAREST)]
    frames = [np.roll(scene, n, 1).astype(np.uint8) for scene in scenes for n in range(4)]
    judge = FilmJudge(Dis())
    for number, frame in enumerate(frames):
        judge.see(number / 24, frame, frame, follows=number != 2)
    found = judge.score()
    assert (found.steps, found.cuts) == (5, 1)
    assert found.brightness_steps.value == 0
    assert all(step.seconds != 4 / 24 for step in found.worst)


def test_brightness_over_a_gap_is_neither_a_step_nor_flicker() -> None:
    film = pan()
    judge = FilmJudge(Known())
    for number, frame in enumerate(film):
        late = np.uint8(30 if number >= 12 else 0)
        judge.see(number / 24, frame, frame + late, follows=number != 12)
    found = judge.score()
    assert found.steps == FRAMES - 2
    assert found.brightness_steps.value == pytest.approx(0, abs=1e-4)
    assert found.flicker is not None
    assert found.flicker.value == pytest.approx(0, abs=1e-4)


def test_a_film_that_stands_still_has_no_ratio() -> None:
    film = [pan()[0]] * 4
    found = judged(film, [frame + np.uint8(n) for n, frame in enumerate(film)], Dis())
    assert (found.warping_input.value, found.ratio) == (0, None)
    assert found.warping_output.value == pytest.approx(1 / 255**2, rel=1e-4)


def test_a_film_that_stands_still_but_for_a_moment_has_an_interval_of_numbers() -> None:
    """Resamples without that moment have no ratio."""
    still = pan(grain=2, frames=2)
    film = [still[0]] * 60 + [still[1]] * 2
    found = judged(film, [frame // 2 + 60 for frame in film], Dis())
    assert found.ratio is not None
    assert found.ratio.low <= found.ratio.value <= found.ratio.high < 1
    assert found.ratio_at_equal_contrast is not None
    assert np.isfinite(found.ratio_at_equal_contrast.high)


def test_sixteen_bits_are_judged_like_eight() -> None:
    film = pan(grain=2, frames=6)
    made = [(frame * 0.9 + 10).round().astype(np.uint8) for frame in film]
    deep = [
        [frame.astype(np.uint16) * np.uint16(257) for frame in frames] for frames in (film, made)
    ]
    few, many = judged(film, made), FilmJudge(Known())
    for number, (before, after) in enumerate(zip(*deep, strict=True)):
        many.see(number / 24, before, after)
    assert many.score().warping_output.value == pytest.approx(few.warping_output.value, rel=1e-5)


def test_large_frames_are_judged_at_one_size_and_the_same_each_time() -> None:
    assert judged_size(1280, 720) == (640, 360)
    assert judged_size(404, 720) == (359, 640)
    assert judged_size(640, 272) == (640, 272)
    large = [np.ascontiguousarray(frame.repeat(11, 0).repeat(11, 1)) for frame in pan(frames=3)]
    found = judged(large, large, Dis())
    assert found == judged(large, large, Dis())
    assert found.steps == 2


def test_what_cannot_be_judged() -> None:
    judge = FilmJudge(Known())
    with pytest.raises(ValueError, match="no two frames in a row"):
        judge.score()
    frame = pan(frames=1)[0]
    with pytest.raises(ValueError, match="of one size"):
        judge.see(0, frame, frame[:, :50])


def test_resamples_draw_neighbours_together_and_are_the_seed_s() -> None:
    counts = block_counts(10, block=4, seed=0, resamples=200)
    assert counts.shape == (200, 10)
    assert (counts.sum(1) == 10).all()
    assert torch.equal(counts, block_counts(10, block=4, seed=0, resamples=200))
    assert not torch.equal(counts, block_counts(10, block=4, seed=1, resamples=200))
    one = block_counts(10, block=10, seed=0, resamples=50)
    assert (one == 1).all()
    assert counts.mean(0).sub(1).abs().max() < 0.2


def test_intervals_hold_the_truth_where_neighbours_are_alike() -> None:
    """A row with autocorrelation 0.8, of mean 0: blocks hold it as often as they say, nearly."""
    random, size = np.random.default_rng(0), 240
    held = {1: 0, 24: 0}
    draws = {block: block_counts(size, block=block, seed=0) for block in held}
    for _ in range(100):
        noise = random.normal(size=size + 50)
        row = np.zeros(size + 50)
        for place in range(1, size + 50):
            row[place] = 0.8 * row[place - 1] + noise[place]
        values = torch.from_numpy(row[50:])
        for block, counts in draws.items():
            found = estimate(float(values.mean()), counts @ values / size)
            held[block] += found.low <= 0 <= found.high
    assert held[24] >= 83
    assert held[1] <= 60
