"""How things moved between frames that are small already, found with torch alone.

Coarse to fine, as in Lucas and Kanade 1981 ("An Iterative Image Registration Technique with an
Application to Stereo Vision"): at the coarsest of some levels, each half the size of the one
before, all shifts within reach are tried by the mean difference of windows, and each level from
there on refines what the one before has found by steps of least squares over windows. Each step
also leans on the motion around (Bruhn et al. 2005, "Lucas/Kanade Meets Horn/Schunck"), so that what
has no texture goes with its neighbours. That blurs the outlines of things that move by themselves;
so after its steps each level lets a pixel take the motion of one at some distance instead, where
its window is better explained by that (as patches propagate theirs in Barnes et al. 2009,
"PatchMatch"), and the finest one lets it stand still.

A frame's motion is the same, bit for bit, whatever else is in its batch on a CPU. It suits frames
of some 100 to 300 pixels, as small generators see them. Larger ones than 128 begin with their half,
up to 160 they end at the whole, and from 321 on they have more levels.

Shapes: N frames, h x w pixels; motions are (N, 2, h, w), pixels to the right and down.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)
_ENOUGH = 128
"""Pixels of a short side: motion in larger frames is found at half their size, in a third of the
time."""
_FINE = 160
"""Pixels of a short side: up to it what is found at half is made finer by what neighbours do at the
whole size, for half as much time again."""
_NEAR = 3
"""How far in pixels each way those neighbours are."""
_LEVELS = 3
"""How many there are, if not more to come down to `_COARSE`, or fewer because of `_LEAST_SIDE`."""
_COARSE = 40
"""Pixels of the short side of the coarsest level, at most."""
_LEAST_SIDE = 16
"""Pixels: nothing smaller is the half of anything."""
_REACH = 4
"""Pixels of the coarsest level that are tried each way."""
_FAR = 0.3
"""Levels of 8 bits by which a shift must be better for each pixel that it is longer."""
_STEPS = (1, 2, 2)
"""Of least squares at each level, the finest first, and at all that are coarser."""
_STEP = 1.0
"""Pixels, the longest step."""
_WINDOW = 2
"""Pixels on each side of a window."""
_NEIGHBOURS = ((4,), (6, 3), (4, 2))
"""How far in pixels each way the neighbours are whose motion is tried, at the same levels."""
_LEAN = 20.0
"""Squared levels a pixel: gradients as steep as this move by themselves as much as with others."""
_DAMPED = 0.5
"""The same of standing still, for the sake of frames without any texture."""
_PATCH = 1
"""Pixels on each side of the windows that say which motion explains a place best."""
_OWN = 0.1
"""Levels of 8 bits by which another's motion must be better than a pixel's own."""
_BETTER, _CLEARLY = 1.1, 0.1
"""Standing still must differ more than the motion by this factor, and by so many levels more."""
_AROUND = 4
"""Pixels on each side of the windows that are compared for it."""


def motion(before: Tensor, after: Tensor) -> Tensor:
    """Where each pixel of `after` was in `before`, relative to where it is: (N, 2, h, w).

    Both are float32 (N, 3, h, w) RGB in levels of 8 bits, of any size. Motion of up to a tenth of
    the short side is found (16 pixels of 128, 32 of 144 to 208), more than a quarter is not; at a
    cut what comes back is of no meaning, but finite.
    """
    height, width = after.shape[2:]
    side = min(height, width)
    now, then = (_luma(frames) for frames in (after, before))
    if side <= _ENOUGH:
        now, then = _smoothed(now), _smoothed(then)
        return _unless_still(_found(now, then), now, then)
    half_now, half_then = (_smoothed(_halved(plane)) for plane in (now, then))
    found = _found(half_now, half_then)
    if side > _FINE:
        return _doubled(_unless_still(found, half_now, half_then), height, width)
    now, then = _smoothed(now), _smoothed(then)
    found = _chosen(_doubled(found, height, width), now, then, distance=_NEAR)
    return _unless_still(found, now, then)


def _found(now: Tensor, then: Tensor) -> Tensor:
    """The motion to planes (N, 1, h, w) from those before, (N, 2, h, w)."""
    pyramid = [(now, then)]
    while _has_half(pyramid[-1][0], levels=len(pyramid)):
        pyramid.append((_halved(pyramid[-1][0]), _halved(pyramid[-1][1])))
    found = _searched(*pyramid[-1])
    for level in reversed(range(len(pyramid))):
        fine = pyramid[level]
        if level < len(pyramid) - 1:
            found = _doubled(found, *fine[0].shape[2:])
        place = min(level, len(_STEPS) - 1)
        found = _refined(found, *fine, steps=_STEPS[place])
        for distance in _NEIGHBOURS[place]:
            found = _chosen(found, *fine, distance=distance)
        found = _median(found)
    return found


def _has_half(plane: Tensor, *, levels: int) -> bool:
    side = min(plane.shape[2:])
    return side >= 2 * _LEAST_SIDE and (levels < _LEVELS or side > _COARSE)


def moved(values: Tensor, motions: Tensor) -> Tensor:
    """Values (N, C, h, w) of the frame before at the places that a motion leads to, bilinear.

    Beyond the frame its edge goes on.
    """
    height, width = values.shape[2:]
    # Numbers: while it is being recorded, sizes are tensors, each unlike any other.
    centres, pixel = _units(int(height), int(width), motions.device)
    places = torch.addcmul(centres, motions, pixel).permute(0, 2, 3, 1)
    return F.grid_sample(values, places, padding_mode="border", align_corners=False)


@lru_cache(maxsize=32)  # a film has one size, and a few levels
@torch.inference_mode(mode=False)  # to be kept for calls of any kind
def _units(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where each pixel is, (1, 2, h, w), and how large one is, (1, 2, 1, 1), in the units of
    `grid_sample`: -1 and 1 are the outer edges of the first and the last pixel.
    """
    x = (torch.arange(width, device=device) * 2 + 1) / width - 1
    y = (torch.arange(height, device=device) * 2 + 1) / height - 1
    centres = torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)])[None]
    return centres, torch.tensor([2 / width, 2 / height], device=device).view(1, 2, 1, 1)


def window_mean(planes: Tensor, radius: int) -> Tensor:
    """Of (N, C, h, w), over windows of 2 * radius + 1 pixels a side, of three at least.

    Edges go on beyond the frame.

    Shifted planes are added up: on a CPU a tenth of the time of `avg_pool2d`.
    """
    height, width = planes.shape[2:]
    side = 2 * radius + 1
    wide = F.pad(planes, (radius, radius, radius, radius), mode="replicate")
    rows = wide.narrow(3, 0, width) + wide.narrow(3, 1, width)
    for column in range(2, side):
        rows += wide.narrow(3, column, width)
    sums = rows.narrow(2, 0, height) + rows.narrow(2, 1, height)
    for row in range(2, side):
        sums += rows.narrow(2, row, height)
    return sums.mul_(1 / (side * side))


def _luma(frames: Tensor) -> Tensor:
    red, green, blue = _LUMA
    return frames[:, 0:1] * red + frames[:, 1:2] * green + frames[:, 2:3] * blue


def _smoothed(plane: Tensor) -> Tensor:
    """By [1 2 1] each way: less noise, and gradients that differences between pixels can follow."""
    wide = F.pad(plane, (1, 1, 1, 1), mode="replicate")
    rows = wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]
    return (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16


def _halved(plane: Tensor) -> Tensor:
    return F.avg_pool2d(plane, 2, ceil_mode=True, count_include_pad=False)


def _doubled(motions: Tensor, height: int, width: int) -> Tensor:
    """For the next finer level, of an odd size perhaps."""
    large = F.interpolate(motions, scale_factor=2, mode="bilinear", align_corners=False)
    return large[:, :, :height, :width] * 2


def _searched(now: Tensor, then: Tensor) -> Tensor:
    """Whole pixels: the shifts at which windows differ least, short ones first."""
    height, width = now.shape[2:]
    reach = torch.arange(-_REACH, _REACH + 1, device=now.device)
    down, across = (each.flatten() for each in torch.meshgrid(reach, reach, indexing="ij"))
    wide = F.pad(then, (_REACH, _REACH, _REACH, _REACH), mode="replicate")
    shifted = wide.unfold(2, height, 1).unfold(3, width, 1)  # (N, 1, down, across, h, w)
    cost = window_mean((shifted - now[:, :, None, None]).abs_().flatten(1, 3), _WINDOW)
    cost += _FAR * torch.hypot(down.float(), across.float())[:, None, None]
    best = cost.min(1).indices  # the same as `argmin`, in a seventh of the time
    return torch.stack([across[best], down[best]], 1).float()


def _median(motions: Tensor) -> Tensor:
    """Of each pixel and its eight neighbours, each component by itself: outliers go.

    Pairs are sorted until the fifth of nine is known (Smith 1996, "Implementing Median Filters in
    XC4000E FPGAs").
    """
    height, width = motions.shape[2:]
    wide = F.pad(motions, (1, 1, 1, 1), mode="replicate")
    nine = [wide[:, :, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    for less, more in _SORTED:
        low, high = nine[less], nine[more]
        nine[less], nine[more] = torch.minimum(low, high), torch.maximum(low, high)
    return nine[4]


_ROWS = ((1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8))
_SORTED = (*_ROWS, (0, 3), (5, 8), (4, 7), (3, 6), (1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2))


def _refined(motions: Tensor, now: Tensor, then: Tensor, *, steps: int) -> Tensor:
    """Least squares of (difference + gradient * step) over windows, leaning on the motion around.

    The gradient is that of `now`, which is not needed anew at each step (inverse compositional).
    """
    across, down = _gradient(now)
    squares = window_mean(torch.cat([across * across, down * down, across * down], 1), _WINDOW)
    xx, yy = squares[:, 0:1] + (_LEAN + _DAMPED), squares[:, 1:2] + (_LEAN + _DAMPED)
    xy = squares[:, 2:3]
    scale = 1 / (xx * yy - xy * xy)
    for _ in range(steps):
        difference = now - moved(then, motions)
        pull = window_mean(torch.cat([across * difference, down * difference], 1), _WINDOW)
        pull += _LEAN * (window_mean(motions, _WINDOW) - motions)
        x, y = pull[:, 0:1], pull[:, 1:2]
        step = torch.cat([yy * x - xy * y, xx * y - xy * x], 1) * scale
        motions = motions + step.clamp_(-_STEP, _STEP)
    return motions


def _gradient(plane: Tensor) -> tuple[Tensor, Tensor]:
    wide = F.pad(plane, (1, 1, 1, 1), mode="replicate")
    across = (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) / 2
    down = (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) / 2
    return across, down


def _chosen(motions: Tensor, now: Tensor, then: Tensor, *, distance: int) -> Tensor:
    """Each pixel's own motion or that of one of four neighbours at a distance: the one by which the
    window around it differs least from the frame before.
    """
    height, width = now.shape[2:]
    d = distance
    wide = F.pad(motions, (d, d, d, d), mode="replicate")
    places = ((d, d), (0, d), (2 * d, d), (d, 0), (d, 2 * d))
    tried = [wide.narrow(2, y, height).narrow(3, x, width) for y, x in places]
    repeated = then[:, None].expand(-1, len(places), -1, -1, -1).flatten(0, 1)
    there = moved(repeated, torch.stack(tried, 1).flatten(0, 1))
    there = there.view(-1, len(places), height, width)
    costs = window_mean((there - now).abs_(), _PATCH)
    best, least = motions, costs.narrow(1, 0, 1) - _OWN
    for number, other in enumerate(tried[1:], start=1):
        cost = costs.narrow(1, number, 1)
        # By 0 or 1, which is exact: on a CPU `where` takes thrice the time, and so does `gather`.
        best = torch.lerp(best, other, (cost < least).to(best.dtype))
        least = torch.minimum(least, cost)
    return best


def _unless_still(motions: Tensor, now: Tensor, then: Tensor) -> Tensor:
    """None where the frame before, as it stands, is as near as it is when moved."""
    both = torch.cat([then, moved(then, motions)], 1) - now
    misses = window_mean(both.abs_(), _AROUND)
    still, after = misses[:, 0:1], misses[:, 1:2]
    return motions * (still > after * _BETTER + _CLEARLY)
