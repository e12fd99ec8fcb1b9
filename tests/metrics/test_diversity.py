"""Diversity of samples and the best of several, by hand, by numpy and by counting all subsets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab

from autochrome.metrics.diversity import (
    EDGES,
    LEVELS,
    ab_spread,
    expected_best,
    pair_values,
    pairwise_delta_e,
    representative_pairs,
    sample_errors,
    sample_pairs,
    value_histogram,
)


def test_pair_values_are_in_the_order_of_the_pairs() -> None:
    table = torch.rand(5, 5)
    table = table + table.T
    pairs = sample_pairs(5)
    assert pairs == list(combinations(range(5), 2))
    assert pair_values(table).tolist() == [table[i, j].item() for i, j in pairs]
    assert sample_pairs(1) == []


def test_histogram_is_numpys_and_keeps_what_lies_outside() -> None:
    values = torch.rand(1000, dtype=torch.float64) * 0.4 + 0.6
    values[0], values[1] = 1.0, 0.6
    assert value_histogram(values).tolist() == np.histogram(values.numpy(), bins=EDGES)[0].tolist()
    low = value_histogram(torch.tensor([0.1, -1.0, 0.995]))
    assert (low[0], low[-1], low.sum()) == (2, 1, 3)


def test_a_pair_stands_for_each_level() -> None:
    values = torch.tensor([0.97, 0.6, 0.86, 0.992, 0.91, 0.955])
    assert representative_pairs(values).tolist() == [2, 2, 4, 5, 3]
    assert len(LEVELS) == 5
    assert representative_pairs(values, levels=(0.5,)).tolist() == [1]
    with pytest.raises(ValueError, match="no pairs"):
        representative_pairs(torch.empty(0))


def test_ab_spread_by_hand() -> None:
    # a: 0, 2 (variance 2) and b: 0, 4 (variance 8) in one pixel, nothing in the other: (sqrt(10) + 0) / 2.
    ab = torch.zeros(2, 2, 1, 2)
    ab[1, :, 0, 0] = torch.tensor([2.0, 4.0])
    assert ab_spread(ab).item() == pytest.approx(np.sqrt(10) / 2)
    assert ab_spread(ab + 30).item() == pytest.approx(np.sqrt(10) / 2)


def test_ab_spread_is_the_same_for_any_number_of_samples() -> None:
    noise = 3 * torch.randn(16, 2, 60, 60)
    many, few = ab_spread(noise), torch.stack([ab_spread(noise[i : i + 4]) for i in range(0, 16, 4)])
    # The variance is unbiased; its root is low by some 1/(4 * 2 (n - 1)) of itself.
    assert few.mean().item() == pytest.approx(many.item(), rel=0.04)


def test_pairwise_delta_e_is_scikit_images() -> None:
    lab = torch.rand(3, 3, 8, 9, dtype=torch.float64) * 60 + 10
    arrays = lab.permute(0, 2, 3, 1).numpy()
    expected = [deltaE_ciede2000(arrays[i], arrays[j]).mean() for i, j in sample_pairs(3)]
    assert pairwise_delta_e(lab).tolist() == pytest.approx(expected, abs=1e-6)


def test_one_sample_has_no_diversity() -> None:
    with pytest.raises(ValueError, match="two samples"):
        ab_spread(torch.zeros(1, 2, 4, 4))
    with pytest.raises(ValueError, match="two samples"):
        pairwise_delta_e(torch.zeros(1, 3, 4, 4))


def test_the_expected_best_is_the_mean_over_all_subsets() -> None:
    scores = torch.randn(3, 6, dtype=torch.float64)
    for m in range(1, 7):
        subsets = [scores[:, list(chosen)].amax(1) for chosen in combinations(range(6), m)]
        expected = torch.stack(subsets).mean(0)
        assert expected_best(scores)[:, m - 1].tolist() == pytest.approx(expected.tolist())


def test_the_expected_best_with_a_perfect_sample() -> None:
    best = expected_best(torch.tensor([[20.0, float("inf"), 30.0], [1.0, 3.0, 2.0]]))
    assert best[0].isinf().all()
    assert best[1].tolist() == pytest.approx([2, 8 / 3, 3])


def test_the_best_of_several_is_the_least_error_where_lower_is_better() -> None:
    scores = torch.tensor([[12.0, 8.0, 4.0]], dtype=torch.float64)
    # Of the three pairs the least are 8, 4 and 4, the highest 12, 12 and 8.
    assert expected_best(scores, lower=True)[0].tolist() == pytest.approx([8, 16 / 3, 4])
    assert expected_best(scores)[0].tolist() == pytest.approx([8, 32 / 3, 12])


def test_errors_of_samples_are_those_of_each_alone() -> None:
    truth, samples = torch.rand(1, 3, 24, 20), torch.rand(3, 3, 24, 20)
    found = sample_errors(samples, truth)
    lab, lab_truth = (rgb2lab(rgb.permute(0, 2, 3, 1).double().numpy()) for rgb in (samples, truth))
    noise = (samples - truth).square().mean((1, 2, 3)).numpy()
    assert found["psnr"].tolist() == pytest.approx(-10 * np.log10(noise), rel=1e-5)
    delta_e = deltaE_ciede2000(lab, np.broadcast_to(lab_truth, lab.shape)).mean((1, 2))
    assert found["ciede2000"].tolist() == pytest.approx(delta_e, abs=1e-3)
    distance = np.sqrt(((lab - lab_truth)[..., 1:] ** 2).sum(-1))
    reached = [100 * np.mean([(each <= t).mean() for t in range(151)]) for each in distance]
    assert found["auc"].tolist() == pytest.approx(reached, abs=0.02)
