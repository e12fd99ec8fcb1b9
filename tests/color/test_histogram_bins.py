"""Bins along an axis and windowed histograms: Larsson, Maire and Shakhnarovich 2016, section 3.1."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import torch

from autochrome.color.histogram_bins import (
    AxisBins,
    gaussian_quantile_bins,
    uniform_bins,
    windowed_histogram,
)


def test_uniform_bins_are_the_floor_of_k_times_the_value() -> None:
    bins = uniform_bins(32)
    values = torch.tensor([0.0, 1 / 32, 0.03124, 0.5, 0.99, 1.0])
    assert bins.encode(values).tolist() == [0, 1, 0, 16, 31, 31]
    assert bins.count == 32
    torch.testing.assert_close(bins.centers, (torch.arange(32) + 0.5) / 32)
    torch.testing.assert_close(bins.edges, torch.arange(33) / 32)


@pytest.mark.parametrize(
    ("count", "last_edge", "inner_width", "last_center"), [(32, 46.57, 1.96, 53.85), (16, 38.35, 3.93, 46.57)]
)
def test_gaussian_quantiles_have_the_published_figures(
    count: int, last_edge: float, inner_width: float, last_center: float
) -> None:
    """Figures computed from sigma = 25 and K of section 3.1: 25 Phi^-1(j / K)."""
    bins = gaussian_quantile_bins(count)
    assert len(bins.inner_edges) == count - 1
    assert bins.inner_edges[-1].item() == pytest.approx(last_edge, abs=0.005)
    assert bins.inner_edges[0].item() == pytest.approx(-last_edge, abs=0.005)
    assert bins.inner_edges[count // 2].item() == pytest.approx(inner_width, abs=0.005)
    assert bins.centers[-1].item() == pytest.approx(last_center, abs=0.005)


def test_gaussian_quantiles_against_scipy(rng: np.random.Generator) -> None:
    """idx = floor(K Phi(a / 25)), as the authors' layer has it."""
    a = rng.uniform(-120, 120, (4, 5, 6))
    expected = np.floor(32 * scipy.stats.norm.cdf(a / 25)).astype(int)
    assert torch.equal(gaussian_quantile_bins(32).encode(torch.from_numpy(a)), torch.from_numpy(expected))


@pytest.mark.parametrize(
    "bins", [uniform_bins(7), gaussian_quantile_bins(32), gaussian_quantile_bins(16, 5.0)]
)
def test_a_center_and_an_edge_are_of_their_own_bin(bins: AxisBins) -> None:
    assert torch.equal(bins.encode(bins.centers), torch.arange(bins.count))
    assert torch.equal(bins.encode(bins.inner_edges), torch.arange(1, bins.count))
    assert bins.edges.diff().min() > 0
    torch.testing.assert_close(bins.edges[1:-1], bins.inner_edges)


def test_a_window_of_1_is_one_hot(rng: np.random.Generator) -> None:
    bins = torch.from_numpy(rng.integers(0, 5, (2, 4, 3)))
    found = windowed_histogram(bins, 5, 1)
    assert torch.equal(found.argmax(1), bins)
    assert found.sum() == bins.numel()
    assert found.shape == (2, 5, 4, 3)


def test_a_window_is_the_mean_of_the_one_hot_places_in_it(rng: np.random.Generator) -> None:
    """Against scipy, whose constant border divided by the share of the window inside is a cut window."""
    bins = rng.integers(0, 4, (6, 9))
    found = windowed_histogram(torch.from_numpy(bins)[None], 4, 3)[0].numpy()
    inside = scipy.ndimage.uniform_filter(np.ones((6, 9)), 3, mode="constant")
    for k in range(4):
        share = scipy.ndimage.uniform_filter((bins == k).astype(float), 3, mode="constant")
        np.testing.assert_allclose(found[k], share / inside, atol=1e-6)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)
