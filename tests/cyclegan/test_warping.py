"""Frames moved along a flow, and which of their pixels can be followed."""

import torch
from torch import Tensor

from cyclegan.warping import is_visible, places, sampled

HEIGHT, WIDTH = 12, 20


def still() -> Tensor:
    return torch.zeros(HEIGHT, WIDTH, 2)


def uniform(right: float, down: float) -> Tensor:
    return still() + torch.tensor([right, down])


def test_whole_pixels_are_exact_and_others_lie_between() -> None:
    frame = torch.rand(HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(sampled(frame, *places(still())), frame)
    moved = sampled(frame, *places(uniform(-3, 2)))
    assert torch.equal(moved[:-2, 3:], frame[2:, :-3])
    ramp = torch.arange(WIDTH).float().expand(HEIGHT, WIDTH).unsqueeze(-1)
    between = sampled(ramp, *places(uniform(0.25, 0.5)))
    assert torch.allclose(between[:, :-1], ramp[:, :-1] + 0.25)
    assert torch.equal(sampled(ramp, *places(uniform(99, 0)))[..., 0], torch.full((12, 20), 19.0))


def test_a_steady_pan_is_followed_but_where_it_comes_from_beyond_the_frame() -> None:
    visible = is_visible(uniform(-4, 0), uniform(4, 0))
    assert not visible[:, :4].any()
    assert visible[:, 4:].all()


def test_what_does_not_come_back_is_occluded() -> None:
    """|w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5: 4 to the left and from 4.951 on to the right."""
    assert is_visible(uniform(-4, 0), uniform(4.94, 0))[:, 4:].all()
    assert not is_visible(uniform(-4, 0), uniform(4.96, 0)).any()


def test_a_boundary_of_motion_is_left_out() -> None:
    """|grad|^2 > 0.01 |w|^2 + 0.002: of nothing moving, a step of 0.05 is one, of 0.04 none."""
    for step, boundary in ((0.04, False), (0.05, True)):
        flow = still()
        flow[:, 10:, 0] = step
        visible = is_visible(flow, -flow)
        assert bool(visible[:, 9].any()) is not boundary
        assert visible[:, :9].all()
        assert visible[:, 11:-1].all()
