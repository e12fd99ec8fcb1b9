"""AuC of the cumulative mass function and histogram intersection, by hand and on natural photos."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from skimage.color import rgb2lab

from autochrome.color.bins import AB_BINS, AB_CENTERS, reference_prior
from autochrome.metrics.distribution import (
    area_under_cmf,
    chroma_histogram,
    cumulative_mass,
    histogram_intersection,
)
from tests.metrics.formulas import auc, pixel_weights

NATURAL = ("astronaut", "coffee", "chelsea")


def pixels(*ab: tuple[float, float]) -> torch.Tensor:
    """A picture one pixel high."""
    return torch.tensor(ab, dtype=torch.float32).T[None, :, None, :]


def bin_at(a: int, b: int) -> int:
    return AB_CENTERS.tolist().index([a, b])


def natural_ab() -> torch.Tensor:
    crops = [rgb2lab(getattr(data, name)()[:256, :256])[..., 1:] for name in NATURAL]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()


def test_auc_of_the_truth_is_100() -> None:
    ab = natural_ab()
    assert auc(ab, ab).item() == 100
    weight = pixel_weights(ab, torch.full((AB_BINS,), 1 / AB_BINS))
    assert auc(ab, ab, weight).item() == pytest.approx(100)


def test_cumulative_mass_counts_errors_up_to_and_including_t() -> None:
    # Errors 0, 3 (exactly on a threshold), 5 = |(3, 4)|, 2.5 and 200 (beyond the last).
    ab = pixels((0, 0), (3, 0), (3, 4), (0, 2.5), (0, 200))
    mass = cumulative_mass(ab, torch.zeros_like(ab))[0]
    assert mass.shape == (151,)
    assert mass[:7].tolist() == [1, 1, 1, 3, 3, 4, 4]
    assert mass[150] == 4


def test_auc_is_the_mean_of_151_values() -> None:
    # One pixel off by 1: acc(0) = 0 and acc(1..150) = 1.
    one = pixels((1, 0))
    assert auc(one, torch.zeros_like(one)).item() == pytest.approx(100 * 150 / 151)
    far = pixels((151, 0))
    assert auc(far, torch.zeros_like(far)).item() == 0


def test_auc_pools_pixels_and_not_photos() -> None:
    wide, narrow = torch.zeros(1, 2, 1, 3), pixels((151, 0))
    mass = cumulative_mass(wide, wide).sum(0) + cumulative_mass(narrow, torch.zeros_like(narrow)).sum(0)
    assert area_under_cmf(mass, torch.tensor(4.0)).item() == pytest.approx(75)


def test_rebalanced_auc_by_hand() -> None:
    # A right pixel in the commonest bin and a wrong one in a bin three times rarer.
    prior = torch.full((AB_BINS,), 0.1)
    prior[bin_at(0, 0)], prior[bin_at(-80, 80)] = 0.3, 0.1
    truth = pixels((1, 1), (-80, 80))
    answer = pixels((1, 1), (80, -80))
    weight = pixel_weights(truth, prior)
    assert (weight[0, 0, 1] / weight[0, 0, 0]).item() == pytest.approx(3)
    assert auc(answer, truth).item() == pytest.approx(50)
    assert auc(answer, truth, weight).item() == pytest.approx(25)


def test_bins_that_the_prior_lacks_weigh_as_the_rarest() -> None:
    prior = torch.zeros(AB_BINS)
    prior[bin_at(0, 0)], prior[bin_at(-80, 80)] = 0.8, 0.2
    weight = pixel_weights(pixels((0, 0), (60, 60)), prior)[0, 0]
    assert weight.isfinite().all()
    assert (weight[1] / weight[0]).item() == pytest.approx(4)


@pytest.mark.parametrize(
    ("name", "expected"),
    # By numpy: 100 * mean([(e <= t).mean() for t in range(151)]), e = hypot of rgb2lab(photo[::2, ::2])'s ab.
    # Zhang et al. report 88.8 over ImageNet; the coffee is far more colorful than most photos.
    [("astronaut", 86.033), ("chelsea", 84.495), ("coffee", 71.171)],
)
def test_gray_on_natural_photos(name: str, expected: float) -> None:
    lab = rgb2lab(getattr(data, name)()[::2, ::2])
    ab = torch.from_numpy(np.ascontiguousarray(lab[..., 1:])).permute(2, 0, 1)[None].float()
    gray = torch.zeros_like(ab)
    assert auc(gray, ab).item() == pytest.approx(expected, abs=0.01)
    uniform = torch.full((AB_BINS,), 1 / AB_BINS)
    assert auc(gray, ab, pixel_weights(ab, uniform)).item() == pytest.approx(expected, abs=0.01)
    assert auc(gray, ab, pixel_weights(ab, reference_prior())).item() < expected - 2


def test_histograms_are_numpys() -> None:
    ab = natural_ab()[:1]
    counts = chroma_histogram(ab, 200)[0]
    for channel in range(2):
        values = ab[0, channel].double().numpy().ravel()
        expected, _ = np.histogram(values, bins=200, range=(-100, 100))
        assert counts[channel].tolist() == expected.tolist()


def test_histograms_keep_what_lies_outside_in_the_end_bins() -> None:
    counts = chroma_histogram(pixels((-150, 100), (0, -0.25)), 400)[0]
    assert counts[0].nonzero().flatten().tolist() == [0, 200]
    assert counts[1].nonzero().flatten().tolist() == [199, 399]


def test_intersection_of_equal_disjoint_and_half_overlapping_histograms() -> None:
    p = torch.tensor([2.0, 2.0, 0.0, 0.0])
    assert histogram_intersection(p, 5 * p).item() == 1
    assert histogram_intersection(p, p.flip(0)).item() == 0
    assert histogram_intersection(p, torch.tensor([0.0, 1.0, 1.0, 0.0])).item() == 0.5
