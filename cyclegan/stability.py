"""Whether a translated film is as steady as the film it was made from.

The warping error is that of Lai et al. 2018 ("Learning Blind Video Temporal Consistency"): the
frame before is moved to where the *input's* optical flow says that things are now, and compared
with the frame there is. Pixels that cannot be followed are left out, by the rules of Ruder et al.
2016 ("Artistic Style Transfer for Videos", after Sundaram et al. 2010).

Shapes: H x W pixels, channels last. Colours are float32 in [0, 1] but where levels are named.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cyclegan.flow import Flow
from cyclegan.metrics import RESAMPLES, Estimate, block_counts, estimate
from cyclegan.warping import is_visible, places, sampled

Levels = NDArray[np.uint8 | np.uint16]
Figure = Callable[[Callable[[str], Tensor]], Tensor]
"""What becomes of the means of columns, by their names; of resamples all at once."""

LONG_SIDE = 640
"""Pixels: larger frames are scaled down to it, so that figures of all films compare."""

CUT = 0.2
"""Two frames of which a smaller share can be followed are a cut, and no step of the film."""

BLOCK_SECONDS = 1.0
"""Errors of frames so near to each other are alike: resamples draw them together."""

FEWEST_BLOCKS = 4
"""Of a short film the blocks are shorter, so that there are as many."""

WORST = 5
"""Moments that are named."""

_LUMA = torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)
"""BT.709's weights, of levels as they are stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was measured between a frame and the one before it."""

    seconds: float
    """When the later frame is shown."""
    visible: float
    """The share of pixels that can be followed, which alone are compared."""
    error_in: float
    """Mean squared difference of the input and its warped frame before."""
    error_out: float
    """The same of the output."""
    variance_in: float
    """Of colours over the later frame: the mean of the three channels'."""
    variance_out: float
    added: float
    """By how much the output is brighter on average than the input, in levels of 255."""
    added_before: float
    """The same of the frame before."""
    follows: bool
    """Whether the step before this one ends where this one begins: no gap, no cut."""

    @property
    def brightness_step(self) -> float:
        """The change of `added`, without its sign."""
        return abs(self.added - self.added_before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """How steady an output is beside its input, over all steps of a film."""

    steps: int
    """Pairs of neighbouring frames that were compared."""
    cuts: int
    """Pairs that were left out: scenes that change, or motion that cannot be followed."""
    visible: float
    """The mean share of pixels that were compared."""
    warping_input: Estimate
    warping_output: Estimate
    ratio: Estimate | None
    """`warping_output` / `warping_input`; None where the input stands perfectly still."""
    contrast: Estimate | None
    """The output's standard deviation over the picture, relative to the input's; None where that
    has none."""
    ratio_at_equal_contrast: Estimate | None
    """`ratio` / `contrast`^2: what greying a picture does not lower."""
    brightness_steps: Estimate
    """Mean change, from frame to frame, of what the output adds to the input's mean luma."""
    flicker: Estimate | None
    """Mean distance of that from the middle of its neighbours; None without three frames in a
    row."""
    worst: tuple[Step, ...]
    """Where the output's error is most above the input's, a second apart at least, worst first."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Two frames of a time as they are judged, and what is known of each alone."""

    before: Tensor
    after: Tensor
    seen: NDArray[np.uint8]
    """`before`, as the flow takes it."""
    added: float
    variances: tuple[float, float]


class FilmJudge:
    """Compares the steps of a film with those of its translation, frame by frame.

    Held in memory are two frames and a few numbers for each step.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._last: _Frame | None = None
        self._was_step = False
        self._steps: list[Step] = []
        self._cuts = 0

    @torch.inference_mode()
    def see(self, seconds: float, before: Levels, after: Levels, *, follows: bool = True) -> None:
        """The next frame: of the input and of the output, (H, W, 3) full-range RGB each.

        Uint8 in [0, 255] or uint16 in [0, 65535]; `seconds` is when it is shown. It is compared
        with the one seen last, unless it does not follow that one.

        Raises:
            ValueError: sizes that differ.
        """
        if before.shape != after.shape:
            raise ValueError(f"expected two frames of one size, not {before.shape}, {after.shape}")
        frame = _judged(before, after)
        last, self._last = self._last, frame
        step = self._step(seconds, last, frame) if last is not None and follows else None
        self._was_step = step is not None
        if step is not None:
            self._steps.append(step)

    def score(self, *, seed: int = 0, resamples: int = RESAMPLES) -> Stability:
        """What has come of all frames so far; same frames, same `seed`, same figures.

        Raises:
            ValueError: no two frames in a row were seen that can be compared.
        """
        if not self._steps:
            raise ValueError("no two frames in a row that can be compared")
        return _score(self._steps, cuts=self._cuts, seed=seed, resamples=resamples)

    def _step(self, seconds: float, last: _Frame, frame: _Frame) -> Step | None:
        """None at a cut."""
        flows = self._flow(last.seen, frame.seen)
        backward = torch.from_numpy(flows.backward)
        x, y = places(backward)
        moved = torch.cat([last.before, last.after, torch.from_numpy(flows.forward)], -1)
        before, after, forward = torch.split(sampled(moved, x, y), [3, 3, 2], -1)
        visible = is_visible(backward, forward)
        share = float(visible.double().mean())
        if share < CUT:
            self._cuts += 1
            return None
        return Step(
            seconds=seconds,
            visible=share,
            error_in=_error(frame.before, before, visible),
            error_out=_error(frame.after, after, visible),
            variance_in=frame.variances[0],
            variance_out=frame.variances[1],
            added=frame.added,
            added_before=last.added,
            follows=self._was_step,
        )


def _judged(before: Levels, after: Levels) -> _Frame:
    x, y = _scaled(before), _scaled(after)
    means = [image.mean((0, 1), dtype=torch.float64) @ _LUMA for image in (x, y)]
    spreads = [image.var((0, 1), correction=0).mean() for image in (x, y)]
    return _Frame(
        before=x,
        after=y,
        seen=(x * 255).round().to(torch.uint8).numpy(),
        added=float(means[1] - means[0]) * 255,
        variances=(float(spreads[0]), float(spreads[1])),
    )


def judged_size(width: int, height: int) -> tuple[int, int]:
    """The size at which frames of this size are judged: the long side `LONG_SIDE` at most."""
    long = max(width, height)
    if long <= LONG_SIDE:
        return width, height
    return max(1, round(width * LONG_SIDE / long)), max(1, round(height * LONG_SIDE / long))


def _scaled(levels: Levels) -> Tensor:
    """In [0, 1], at the size at which it is judged."""
    image = torch.from_numpy(levels.astype(np.float32)) / float(np.iinfo(levels.dtype).max)
    height, width = image.shape[:2]
    size = judged_size(width, height)
    if size == (width, height):
        return image
    batch = image.permute(2, 0, 1)[None]
    small = F.interpolate(batch, size[::-1], mode="bilinear", antialias=True, align_corners=False)
    return small[0].permute(1, 2, 0).contiguous()


def _error(frame: Tensor, warped: Tensor, visible: Tensor) -> float:
    return float((frame - warped).square()[visible].mean(dtype=torch.float64))


def _score(steps: Sequence[Step], *, cuts: int, seed: int, resamples: int) -> Stability:
    column = _columns(steps)
    block = _block(steps)

    def resampled(size: int) -> Tensor:
        return block_counts(size, block=block, seed=seed, resamples=resamples)

    counts = resampled(len(steps))

    def drawn_anew(figure: Figure) -> tuple[Tensor, Tensor]:
        """A figure of the columns' means, and the same of each resample's."""
        value = figure(lambda name: column[name].mean())
        return value, figure(lambda name: counts @ column[name] / len(steps))

    def of(figure: Figure) -> Estimate:
        value, drawn = drawn_anew(figure)
        return estimate(float(value), drawn)

    def ratio_of(figure: Figure) -> Estimate | None:
        """Of a ratio to the input, where it has one: in most of the resamples, too."""
        value, drawn = drawn_anew(figure)
        finite = drawn[drawn.isfinite()]
        if not value.isfinite() or 2 * len(finite) < len(drawn):
            return None
        return estimate(float(value), finite)

    flickers = _flickers(steps)
    return Stability(
        steps=len(steps),
        cuts=cuts,
        visible=float(column["visible"].mean()),
        warping_input=of(lambda mean: mean("in")),
        warping_output=of(lambda mean: mean("out")),
        ratio=ratio_of(_ratio),
        contrast=ratio_of(lambda mean: _contrast(mean).sqrt()),
        ratio_at_equal_contrast=ratio_of(lambda mean: _ratio(mean) / _contrast(mean)),
        brightness_steps=of(lambda mean: mean("brightness")),
        flicker=(
            estimate(float(flickers.mean()), resampled(len(flickers)) @ flickers / len(flickers))
            if len(flickers)
            else None
        ),
        worst=_worst(steps),
    )


def _columns(steps: Sequence[Step]) -> dict[str, Tensor]:
    rows = {
        "visible": [step.visible for step in steps],
        "in": [step.error_in for step in steps],
        "out": [step.error_out for step in steps],
        "variance_in": [step.variance_in for step in steps],
        "variance_out": [step.variance_out for step in steps],
        "brightness": [step.brightness_step for step in steps],
    }
    return {name: torch.tensor(row, dtype=torch.float64) for name, row in rows.items()}


def _ratio(mean: Callable[[str], Tensor]) -> Tensor:
    return mean("out") / mean("in")


def _contrast(mean: Callable[[str], Tensor]) -> Tensor:
    """Squared."""
    return mean("variance_out") / mean("variance_in")


def _block(steps: Sequence[Step]) -> int:
    """How many steps `BLOCK_SECONDS` are."""
    times = torch.tensor([step.seconds for step in steps], dtype=torch.float64)
    between = float(torch.diff(times).median()) if len(steps) > 1 else BLOCK_SECONDS
    return max(1, min(round(BLOCK_SECONDS / between), len(steps) // FEWEST_BLOCKS))


def _flickers(steps: Sequence[Step]) -> Tensor:
    """Of each frame with a neighbour on both sides: how far `added` is from their middle."""
    found = [
        abs(step.added - (step.added_before + after.added) / 2)
        for step, after in pairwise(steps)
        if after.follows
    ]
    return torch.tensor(found, dtype=torch.float64)


def _worst(steps: Sequence[Step]) -> tuple[Step, ...]:
    found: list[Step] = []
    for step in sorted(steps, key=lambda step: step.error_in - step.error_out):
        if all(abs(step.seconds - other.seconds) >= 1 for other in found):
            found.append(step)
    return tuple(found[:WORST])
