"""The papers' printed figures, computed again."""

from __future__ import annotations

import pytest
from scipy import stats

from autochrome.study.statistics.published import CAO_P, CIC_TABLE_1, PIXCOLOR_FIGURE_6
from tests.study.statistics.recomputed import (
    CIC_LEARCH,
    CIC_P,
    design_effect,
    deviation_for_p,
    intra_picture_correlation,
    judgment_z,
    mean_design_effect,
    p_from_intervals,
    p_range_from_intervals,
    trials_from_interval,
    welch_from_moments,
)

OURS, WITHOUT = CIC_TABLE_1[:2]
PRINTED = (OURS.rate, OURS.error, WITHOUT.rate, WITHOUT.error)


def test_cic_p_is_one_sided_from_95_percent_intervals() -> None:
    assert p_from_intervals(20.4, 1.6, 18.9, 1.5) == pytest.approx(0.0900, abs=5e-5)
    low, high = p_range_from_intervals(*PRINTED)
    assert low < CIC_P < high
    # Which figures round to 20.4 and 18.9 and give the printed .093:
    assert round(p_from_intervals(20.39, 1.6, 18.91, 1.5), 3) == CIC_P
    assert round(p_from_intervals(20.4, 1.62, 18.9, 1.52), 3) == CIC_P


def test_cic_p_is_neither_two_sided_nor_of_standard_errors() -> None:
    assert p_range_from_intervals(*PRINTED, tails=2)[0] == pytest.approx(0.140, abs=5e-4)
    assert p_range_from_intervals(*PRINTED, multiple=1.0)[0] == pytest.approx(0.225, abs=5e-4)


def test_cic_intervals_are_of_some_2400_to_2700_trials() -> None:
    trials = [trials_from_interval(row.rate, row.error) for row in CIC_TABLE_1]
    assert trials == pytest.approx([2437, 2617, 2687, 2415], abs=1)
    assert [trials_from_interval(row.rate, row.error) for row in CIC_LEARCH] == pytest.approx(
        [1515, 1510], abs=1
    )


def test_pixcolor_errors_are_standard_errors_of_pictures() -> None:
    effects = [design_effect(row.rate, row.error, 2500) for row in PIXCOLOR_FIGURE_6]
    assert effects == pytest.approx([1.229, 1.161, 1.218, 1.217, 1.115, 1.196, 1.016], abs=5e-4)
    assert mean_design_effect() == pytest.approx(1.189, abs=5e-4)
    # (1.19 - 1) / (5 - 1): the correlation that a study is planned with.
    assert intra_picture_correlation(mean_design_effect(), 5) == pytest.approx(0.047, abs=5e-4)
    # As 95% intervals they would be a quarter of the votes' own noise: design effects of .3.
    assert design_effect(33.3, 1.04 / 1.96, 2500) < 0.35


def test_cao_p_is_welchs_over_pictures() -> None:
    deviation = deviation_for_p()
    assert deviation == pytest.approx(19.3, abs=0.05)
    found = welch_from_moments(70.0, deviation, 20, 62.6, deviation, 80)
    assert found.p == pytest.approx(CAO_P, abs=1e-9)
    assert (found.t, found.degrees) == pytest.approx((1.533, 29.2), abs=0.1)
    # With equal variances assumed (98 degrees) it is |t| = 1.50, and 19.7 points: the design page's figures.
    pooled = stats.ttest_ind_from_stats(70.0, 19.69, 20, 62.6, 19.69, 80)
    assert float(pooled.statistic) == pytest.approx(1.50, abs=5e-3)
    assert float(pooled.pvalue) == pytest.approx(CAO_P, abs=1e-3)


def test_cao_p_is_not_of_judgments() -> None:
    assert judgment_z() == pytest.approx(5.7, abs=0.05)
    assert 2 * stats.norm.sf(judgment_z()) < 1e-7
    # Nor of pictures that differ by nothing but 80 raters' chance, some 5 points each.
    assert welch_from_moments(70.0, 5.1, 20, 62.6, 5.4, 80).p < 1e-4
