"""KID and FID against closed forms and against sums written out; intervals that hold the truth."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cyclegan.metrics import (
    Estimate,
    bootstrap_counts,
    estimate,
    fid,
    gap_closed,
    gap_closed_estimate,
    kid,
    kid_estimate,
    kid_resampled,
)

Floats = NDArray[np.float64]


def normal(count: int, width: int, *, seed: int, mean: float = 0.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, 1, (count, width)))


def kid_written_out(x: Floats, y: Floats) -> float:
    """Pair by pair, with nothing but the definition."""

    def kernel(u: Floats, v: Floats) -> float:
        return (sum(float(s) * float(t) for s, t in zip(u, v, strict=True)) / len(u) + 1) ** 3

    def within(z: Floats) -> float:
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if i != j]
        return sum(kernel(z[i], z[j]) for i, j in pairs) / len(pairs)

    between = sum(kernel(u, v) for u in x for v in y) / (len(x) * len(y))
    return within(x) + within(y) - 2 * between


def kid_of_shift(m: float, width: int) -> float:
    """The true KID of N(0, 1) and N(m, 1) in `width` independent dimensions.

    (u.v / D + 1)^3 expands into the products of raw moments; what is left is three squared
    distances: of the means, of the second and of the third moments.
    """
    third = m**6 + 6 * m**4 / width + m**2 * (3 / width + 6 / width**2)
    return 3 * m**2 + 3 * m**4 + third


def fid_by_eigenvalues(x: Floats, y: Floats) -> float:
    """With full covariance matrices, and the trace of the root from the product's eigenvalues."""
    first, second = (np.cov(z, rowvar=False) for z in (x, y))
    roots = np.sqrt(np.clip(np.linalg.eigvals(first @ second).real, 0, None))
    shift = x.mean(0) - y.mean(0)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * roots.sum())


def with_covariance(covariance: Floats, mean: Floats, *, count: int, seed: int) -> Tensor:
    """Samples whose own mean and covariance are exactly these."""
    raw = np.random.default_rng(seed).normal(size=(count, len(mean)))
    centred = raw - raw.mean(0)
    white = centred @ np.linalg.inv(np.linalg.cholesky(np.cov(centred, rowvar=False))).T
    return torch.from_numpy(white @ np.linalg.cholesky(covariance).T + mean)


def test_kid_is_the_sum_over_pairs() -> None:
    x, y = normal(7, 5, seed=1), normal(9, 5, seed=2, mean=0.3)
    assert kid(x, y) == pytest.approx(kid_written_out(x.numpy(), y.numpy()), rel=1e-12)
    assert kid(x.float(), y.float()) == pytest.approx(kid(x, y), rel=1e-5)


def test_kid_of_many_draws_averages_to_the_truth() -> None:
    """Unbiased, also where the truth is zero; pairs of a picture with itself would add to it."""
    for shift, tolerance in ((0.5, 0.02), (0.0, 0.004)):
        draws = [
            kid(normal(50, 16, seed=2 * draw), normal(40, 16, seed=2 * draw + 1, mean=shift))
            for draw in range(400)
        ]
        error = float(np.std(draws)) / len(draws) ** 0.5
        assert error < tolerance
        assert abs(float(np.mean(draws)) - kid_of_shift(shift, 16)) < 3 * error


def test_a_resample_is_the_sum_over_pairs_of_different_pictures() -> None:
    x, y = normal(4, 3, seed=3), normal(3, 3, seed=4, mean=1)
    x_draw, y_draw = [0, 0, 2, 3], [1, 1, 0]
    counts = [torch.zeros(1, len(z), dtype=torch.float64) for z in (x, y)]
    for row, draw in zip(counts, (x_draw, y_draw), strict=True):
        for picture in draw:
            row[0, picture] += 1

    def kernel(u: Tensor, v: Tensor) -> float:
        return float((u @ v / 3 + 1) ** 3)

    def within(z: Tensor, draw: list[int]) -> float:
        pairs = [kernel(z[i], z[j]) for i in draw for j in draw if i != j]
        return sum(pairs) / len(pairs)

    between = [kernel(x[i], y[j]) for i in x_draw for j in y_draw]
    expected = within(x, x_draw) + within(y, y_draw) - 2 * sum(between) / len(between)
    assert float(kid_resampled(x, y, *counts)) == pytest.approx(expected, rel=1e-12)


def test_bootstrap_draws_as_many_pictures_as_there_are_and_is_repeatable() -> None:
    counts = bootstrap_counts(20, seed=5, resamples=500)
    assert counts.shape == (500, 20)
    assert bool((counts.sum(1) == 20).all())
    assert counts.mean() == 1
    assert float((counts == 0).double().mean()) == pytest.approx((1 - 1 / 20) ** 20, abs=0.02)
    assert torch.equal(counts, bootstrap_counts(20, seed=5, resamples=500))
    assert not torch.equal(counts, bootstrap_counts(20, seed=6, resamples=500))


def test_nine_intervals_in_ten_and_more_hold_the_truth() -> None:
    """Of small sets, as held-out pictures are; 95 in 100 is what they aim at."""
    truth = kid_of_shift(0.5, 16)
    held, above = 0, 0
    for draw in range(100):
        x, y = normal(60, 16, seed=2 * draw), normal(60, 16, seed=2 * draw + 1, mean=0.5)
        found = kid_estimate(x, y, seed=draw, resamples=300)
        assert found.low < found.value < found.high
        held += found.low <= truth <= found.high
        above += found.low > truth
    assert 90 <= held < 100
    assert above <= 6


def test_the_share_of_the_gap_between_untouched_and_perfect() -> None:
    a, b = normal(100, 8, seed=1), normal(100, 8, seed=2, mean=1)
    before = kid_estimate(a, b)

    def share(translated: Tensor) -> float:
        found = gap_closed(before, kid(translated, b))
        assert found is not None
        return found

    assert share(a) == 0
    assert share(normal(100, 8, seed=3, mean=1)) == pytest.approx(1, abs=0.05)
    assert 0.2 < share(normal(100, 8, seed=3, mean=0.5)) < 0.9
    assert share(normal(100, 8, seed=3, mean=-1)) < -1


def test_the_interval_of_the_gap_closed_pairs_what_was_drawn_together() -> None:
    """Nothing done is 0 in every resample; a real change has an interval around its figure."""
    a, b = normal(60, 8, seed=1), normal(50, 8, seed=2, mean=1)
    counts = bootstrap_counts(60, seed=0), bootstrap_counts(50, seed=1)
    before_resampled = kid_resampled(a, b, *counts)
    before = estimate(kid(a, b), before_resampled)
    idle = gap_closed_estimate(before, kid(a, b), before_resampled, before_resampled)
    assert idle == Estimate(value=0, low=0, high=0)
    half = a + 0.5
    found = gap_closed_estimate(
        before, kid(half, b), before_resampled, kid_resampled(half, b, *counts)
    )
    assert found is not None
    assert 0.3 < found.low < found.value < found.high < 1


def test_there_is_no_gap_to_close_between_alike_domains() -> None:
    before = kid_estimate(normal(60, 8, seed=1), normal(60, 8, seed=2))
    assert before.low <= 0
    assert gap_closed(before, 0.01) is None
    assert gap_closed_estimate(before, 0.01, torch.ones(10), torch.ones(10)) is None


SPREADS: dict[str, tuple[Floats, Floats, float]] = {
    "same": (np.eye(3), np.eye(3), 0.0),
    "wider": (np.eye(3), 9 * np.eye(3), 12.0),
    "axes of their own": (np.diag([1.0, 4.0, 9.0]), np.diag([4.0, 1.0, 16.0]), 3.0),
}


@pytest.mark.parametrize("spread", SPREADS)
def test_fid_of_gaussians_is_the_closed_form(spread: str) -> None:
    """Of covariances that commute: the squared shift, and that of the roots of the variances."""
    first, second, expected = SPREADS[spread]
    shift = np.array([3.0, 0.0, 4.0])
    x = with_covariance(first, np.zeros(3), count=50, seed=1)
    y = with_covariance(second, shift, count=40, seed=2)
    assert fid(x, y) == pytest.approx(25 + expected, rel=1e-9)
    assert fid(y, x) == pytest.approx(fid(x, y), rel=1e-9)


@pytest.mark.parametrize(("x_count", "y_count"), [(300, 200), (300, 12), (9, 12)])
def test_fid_agrees_with_full_covariance_matrices(x_count: int, y_count: int) -> None:
    """Also where pictures are fewer than features, and covariances singular."""
    mixing = np.random.default_rng(0).normal(size=(20, 20))
    x = normal(x_count, 20, seed=1)
    y = torch.from_numpy(normal(y_count, 20, seed=2, mean=0.2).numpy() @ mixing)
    assert fid(x, y) == pytest.approx(fid_by_eigenvalues(x.numpy(), y.numpy()), rel=1e-6)
    assert fid(x, x) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("measure", [kid, fid])
def test_sets_that_cannot_be_compared(measure: Callable[[Tensor, Tensor], float]) -> None:
    with pytest.raises(ValueError, match=r"\(M, D\) and \(N, D\)"):
        measure(normal(5, 3, seed=0), normal(5, 4, seed=0))
    with pytest.raises(ValueError, match="at least 2 pictures"):
        measure(normal(5, 3, seed=0), normal(1, 3, seed=0))
