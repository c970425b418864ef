"""How far apart two sets of pictures are, from the features that a network sees in them.

KID is the squared maximum mean discrepancy under a cubic kernel (Binkowski et al. 2018,
"Demystifying MMD GANs"), FID the Frechet distance of two Gaussians (Heusel et al. 2017). Shapes:
features are float (pictures, D); M and N pictures, R resamples. All sums are in float64.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure, and the interval that it has when the pictures are drawn anew, 95 times in 100."""

    value: float
    low: float
    high: float


def polynomial_kernel(x: Tensor, y: Tensor) -> Tensor:
    """KID's kernel (x.y / D + 1)^3: float64 (M, N)."""
    return (x.double() @ y.double().T / x.shape[1] + 1) ** 3


def kid(x: Tensor, y: Tensor) -> float:
    """The unbiased estimate of KID; below zero by chance where the two sets are alike.

    Raises:
        ValueError: fewer than two pictures in a set, or features of different lengths.
    """
    every = (torch.ones(1, len(features), dtype=torch.float64) for features in (x, y))
    return float(kid_resampled(x, y, *every))


def kid_resampled(x: Tensor, y: Tensor, x_counts: Tensor, y_counts: Tensor) -> Tensor:
    """KID of R resamples: float64 (R,), from how often each picture was drawn, (R, M) and (R, N).

    A picture that was drawn twice is never compared with itself: that pair would count as
    similarity within the set and bias every resample upwards.

    Raises:
        ValueError: fewer than two pictures in a set, or features of different lengths.
    """
    _require_comparable(x, y)
    x_counts, y_counts = (counts.to(x.device) for counts in (x_counts, y_counts))
    within = _mean_within(x, x_counts) + _mean_within(y, y_counts)
    return (within - 2 * _mean_between(x, y, x_counts, y_counts)).cpu()


def _mean_within(x: Tensor, counts: Tensor) -> Tensor:
    """The mean kernel of all ordered pairs of different pictures."""
    kernel = polynomial_kernel(x, x).fill_diagonal_(0)
    pairs = counts.sum(1) ** 2 - (counts**2).sum(1)
    return ((counts @ kernel) * counts).sum(1) / pairs


def _mean_between(x: Tensor, y: Tensor, x_counts: Tensor, y_counts: Tensor) -> Tensor:
    sums = ((x_counts @ polynomial_kernel(x, y)) * y_counts).sum(1)
    return sums / (x_counts.sum(1) * y_counts.sum(1))


def bootstrap_counts(pictures: int, *, seed: int, resamples: int = RESAMPLES) -> Tensor:
    """How often each picture is drawn, in R draws with replacement: float64 (R, pictures)."""
    random = torch.Generator().manual_seed(seed)
    drawn = torch.randint(pictures, (resamples, pictures), generator=random)
    counts = torch.zeros(resamples, pictures, dtype=torch.float64)
    return counts.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))


def block_counts(size: int, *, block: int, seed: int, resamples: int = RESAMPLES) -> Tensor:
    """How often each of a row of values is drawn, neighbours together: float64 (R, size).

    The circular block bootstrap (Politis and Romano 1992), for values that depend on those near
    them: `block` values in a row are drawn at a time, with replacement, from any place on, until
    there are `size`; the row's start follows its end.
    """
    random = torch.Generator().manual_seed(seed)
    starts = torch.randint(size, (resamples, -(-size // block)), generator=random)
    drawn = (starts[..., None] + torch.arange(block)) % size
    drawn = drawn.flatten(1)[:, :size]
    counts = torch.zeros(resamples, size, dtype=torch.float64)
    return counts.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))


def estimate(value: float, resampled: Tensor) -> Estimate:
    """A figure with its percentile interval out of (R,) resamples."""
    outside = (1 - CONFIDENCE) / 2
    low, high = torch.quantile(resampled, torch.tensor([outside, 1 - outside]).double()).tolist()
    return Estimate(value=value, low=low, high=high)


def mean_estimate(values: Tensor, counts: Tensor) -> Estimate:
    """The mean of a figure of each picture, (M,), over `bootstrap_counts` of them, (R, M)."""
    each = values.double()
    return estimate(float(each.mean()), counts @ each / len(each))


def kid_estimate(x: Tensor, y: Tensor, *, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
    """KID with the interval of a bootstrap over the pictures of both sets."""
    counts = (
        bootstrap_counts(len(features), seed=seed + place, resamples=resamples)
        for place, features in enumerate((x, y))
    )
    return estimate(kid(x, y), kid_resampled(x, y, *counts))


def gap_closed(before: Estimate, after: float) -> float | None:
    """The share of the distance between two domains that a translation closes.

    1 - KID(G(A), B) / KID(A, B): 0 is no nearer, 1 is as near as B is to itself, below 0 is
    farther away. None where A and B themselves cannot be told apart.
    """
    return None if before.low <= 0 else 1 - after / before.value


def gap_closed_estimate(
    before: Estimate, after: float, before_resampled: Tensor, after_resampled: Tensor
) -> Estimate | None:
    """`gap_closed` with its interval; the resamples, (R,) each, are of the same draws."""
    value = gap_closed(before, after)
    if value is None:
        return None
    usable = before_resampled > 0
    return estimate(value, 1 - after_resampled[usable] / before_resampled[usable])


def fid(x: Tensor, y: Tensor) -> float:
    """The Frechet distance of two Gaussians with the sets' means and covariances.

    |m_x - m_y|^2 + tr(S_x) + tr(S_y) - 2 tr((S_x S_y)^(1/2)). With S = R^T R, the last trace is the
    sum of the singular values of R_x R_y^T: no square root of a matrix that may be singular, no
    complex numbers, exact for sets smaller than the number of features. The estimate itself is
    biased upwards, the more the fewer the pictures.

    Raises:
        ValueError: fewer than two pictures in a set, or features of different lengths.
    """
    _require_comparable(x, y)
    shift = x.double().mean(0) - y.double().mean(0)
    x_root, y_root = _covariance_root(x), _covariance_root(y)
    spread = (x_root**2).sum() + (y_root**2).sum()
    common = torch.linalg.svdvals(x_root @ y_root.T).sum()
    return max(0.0, float(shift @ shift + spread - 2 * common))


def _covariance_root(x: Tensor) -> Tensor:
    """An R with R^T R = covariance, of as few rows as there are: (min(M, D), D)."""
    centred = (x.double() - x.double().mean(0)) / math.sqrt(len(x) - 1)
    if centred.shape[0] <= centred.shape[1]:
        return centred
    root: Tensor = torch.linalg.qr(centred, mode="r").R
    return root


def _require_comparable(x: Tensor, y: Tensor) -> None:
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"features must be (M, D) and (N, D), not {x.shape} and {y.shape}")
    if min(len(x), len(y)) < 2:
        raise ValueError(f"at least 2 pictures are needed in each set, not {len(x)} and {len(y)}")
