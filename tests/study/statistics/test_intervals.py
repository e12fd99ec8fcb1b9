"""Intervals against scipy, exact bounds and the cases in which the two-way variance is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from autochrome.study.statistics.intervals import (
    Bootstrap,
    difference_bounds,
    expanded_tail,
    percentile_bounds,
    rate_bounds,
    two_way_spread,
    zero_success_bound,
)


def test_resamples_draw_as_many_clusters_as_there_are_and_the_seed_decides() -> None:
    counts = Bootstrap(50, seed=1).counts(7)
    assert counts.shape == (50, 7)
    assert (counts.sum(1) == 7).all()
    assert (counts == 0).any()
    assert (counts == Bootstrap(50, seed=1).counts(7)).all()
    assert (counts != Bootstrap(50, seed=2).counts(7)).any()


def test_bootstrap_of_a_ratio_is_scipys() -> None:
    generator = np.random.default_rng(3)
    votes = generator.integers(1, 9, 60)
    above = generator.binomial(votes, 0.3)
    counts = Bootstrap(20_000).counts(60)
    ours = counts @ above / (counts @ votes)
    theirs = stats.bootstrap(
        (above, votes),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    # Two bootstraps of 20,000 resamples: their standard errors agree to 1.5% (three standard errors).
    assert ours.std() == pytest.approx(theirs.standard_error, rel=0.015)
    low, high = np.quantile(ours, [0.025, 0.975])
    interval = theirs.confidence_interval
    assert (low, high) == pytest.approx((interval.low, interval.high), abs=0.003)


def test_expanded_percentiles_are_students_interval_where_values_are_normal() -> None:
    # Derivation: a normal's quantile of t sqrt(n / (n - 1)), times the bootstrap's error of
    # s sqrt((n - 1) / n) / sqrt(n), is t s / sqrt(n).
    values = stats.norm.ppf((np.arange(12) + 0.5) / 12)
    resampled = Bootstrap(50_000).counts(12) @ values / 12
    low, high = percentile_bounds(resampled, 12)
    interval = stats.ttest_1samp(values, 0).confidence_interval()
    assert (low, high) == pytest.approx((interval.low, interval.high), rel=0.04)
    plain = np.quantile(resampled, 0.975)
    assert plain < 0.88 * interval.high, "without it the bootstrap of 12 values is too narrow"
    # n = 20: t = 2.0930 (19 degrees), times sqrt(20/19) = 2.1474; the normal has .01588 beyond it.
    assert expanded_tail(20) == pytest.approx(0.01588, abs=1e-5)
    assert expanded_tail(100_000) == pytest.approx(0.025, abs=1e-4)


def test_two_way_variance_of_raters_who_vote_once_is_that_of_pictures() -> None:
    success = np.array([1.0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 1])
    picture = np.repeat(np.arange(4), 3)
    variance, degrees = two_way_spread((success - success.mean()) / 12, picture, np.arange(12))
    rates = success.reshape(4, 3).mean(1)
    assert variance == pytest.approx(rates.var(ddof=1) / 4)
    assert degrees == pytest.approx(3)


def test_two_way_variance_adds_up() -> None:
    # Two photos by two raters, one vote each: 1 1 / 1 0. Residuals from 3/4 over 4 votes: 1, 1, 1, -3 (/16).
    # Photos: (4 + 4) 2/1 = 16; raters the same; votes: (1 + 1 + 1 + 9) 4/3 = 16. So 16 + 16 - 16 over 256.
    success = np.array([1.0, 1, 1, 0])
    variance, _ = two_way_spread((success - 0.75) / 4, np.array([0, 0, 1, 1]), np.array([5, 7, 5, 7]))
    assert variance == pytest.approx(16 / 256)


def test_two_way_variance_is_the_true_one() -> None:
    # 30 photos by 20 raters with normal effects of sd .3 and .2 and noise of .5:
    # variance of the mean = .09/30 + .04/20 + .25/600 = .00542.
    generator = np.random.default_rng(0)
    picture, rater = (index.ravel() for index in np.indices((30, 20)))
    effects = 0.3 * generator.standard_normal((4000, 30))[:, picture]
    effects += 0.2 * generator.standard_normal((4000, 20))[:, rater]
    values = effects + 0.5 * generator.standard_normal((4000, 600))
    variances = [two_way_spread((row - row.mean()) / 600, picture, rater)[0] for row in values[:1000]]
    assert values.mean(1).var() == pytest.approx(0.00542, rel=0.08)
    # Expected of the estimate in a full crossing, residuals being from the study's own mean:
    # photos .09/30 + .25/600, raters .04/20 + .25/600, votes (.09 + .04 + .25) / 600; .00520 together.
    assert np.mean(variances) == pytest.approx(0.00520, rel=0.02)


def test_rates_stay_within_bounds_and_agree_with_the_linear_form() -> None:
    photo = np.arange(400)

    def bounds(successes: int) -> tuple[float, float]:
        value = successes / 400
        spread = two_way_spread(((photo < successes) - value) / 400, photo, photo)
        return rate_bounds(value, spread, 400)

    # No success in 400 trials: scipy's exact interval.
    exact = stats.binomtest(0, 400).proportion_ci(method="exact")
    assert bounds(0) == pytest.approx((exact.low, exact.high))
    assert bounds(400) == pytest.approx((1 - exact.high, 1 - exact.low))
    low, high = bounds(4)
    assert 0 < low < 0.01 < high
    assert high - 0.01 > 0.01 - low, "a small rate is less sure upwards"
    half = stats.t.ppf(0.975, 399) * np.sqrt(0.25 / 399)
    assert bounds(200) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-3)


def test_of_one_picture_or_one_rater_nothing_is_known() -> None:
    residuals = (np.array([1.0, 0, 0, 1]) - 0.5) / 4
    for picture, rater in ((np.zeros(4, int), np.arange(4)), (np.arange(4), np.zeros(4, int))):
        spread = two_way_spread(residuals, picture, rater)
        assert rate_bounds(0.5, spread, 4) == (0, 1)
        assert difference_bounds(0.1, spread, 4) == (-1, 1)


def test_systems_that_never_differ_may_differ_on_the_next_picture() -> None:
    spread = two_way_spread(np.zeros(50), np.arange(50), np.arange(50))
    bound = zero_success_bound(50)
    assert difference_bounds(0.0, spread, 50) == pytest.approx((-bound, bound))
