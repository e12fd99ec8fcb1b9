"""From distributions to colors.

Zhang, Isola and Efros 2016, section 3.3, and its figure 4; Larsson, Maire and Shakhnarovich 2016, 3.2.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import torch
from torch import Tensor

from autochrome.color.bins import AB_CENTERS
from autochrome.color.decoding import (
    FIGURE_4_TEMPERATURES,
    annealed_mean,
    chromatic_fading,
    circular_expectation,
    entropy,
    expectation,
    hue_of,
    median,
    mode,
    sample,
)
from autochrome.color.histogram_bins import gaussian_quantile_bins, uniform_bins


@pytest.fixture
def logits(rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.normal(0, 2, (2, 313, 3, 4))).float()


def test_figure_4_lists_the_temperatures_from_mean_to_mode():
    assert FIGURE_4_TEMPERATURES == (1, 1 / 2, 1 / 4, 1 / 6, 1 / 8, 1 / 12, 0)


@pytest.mark.parametrize("temperature", FIGURE_4_TEMPERATURES[:-1])
def test_equation_8_against_numpy(temperature: float, logits: Tensor):
    """H(Z) = E[f_T(log Z)], f_T(z) = exp(z / T) / sum_q exp(z_q / T), with Z = softmax(logits) as printed."""
    z = scipy.special.log_softmax(logits.double().numpy(), axis=1)
    sharpened = np.exp(z / temperature)
    sharpened /= sharpened.sum(1, keepdims=True)
    expected = np.einsum("bqhw,qc->bchw", sharpened, AB_CENTERS.double().numpy())
    found = annealed_mean(logits, AB_CENTERS, temperature)
    assert found.shape == (2, 2, 3, 4)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=2e-3)


def test_temperature_1_is_the_mean_of_the_distribution(logits: Tensor):
    """ "Setting T = 1 leaves the distribution unchanged." """
    mean = expectation(torch.softmax(logits, dim=1), AB_CENTERS)
    torch.testing.assert_close(annealed_mean(logits, AB_CENTERS, 1.0), mean)


def test_temperature_0_is_the_mode(logits: Tensor):
    """ "Setting T -> 0 results in a 1-hot encoding at the distribution mode": in the limit as at 0 itself."""
    expected = AB_CENTERS[logits.argmax(1)].permute(0, 3, 1, 2)
    assert torch.equal(mode(logits, AB_CENTERS), expected)
    assert torch.equal(annealed_mean(logits, AB_CENTERS, 0.0), expected)
    torch.testing.assert_close(annealed_mean(logits, AB_CENTERS, 1e-5), expected, rtol=0, atol=1e-3)


def test_lower_temperatures_peak_the_distribution_more(logits: Tensor):
    """ "Lowering the temperature T produces a more strongly peaked distribution", at every place."""
    doubts = torch.stack([entropy(logits / t) for t in FIGURE_4_TEMPERATURES[:-1]])
    assert (doubts.diff(dim=0) < 0).all()
    far = [
        (annealed_mean(logits, AB_CENTERS, t) - mode(logits, AB_CENTERS)).norm()
        for t in FIGURE_4_TEMPERATURES
    ]
    assert far == sorted(far, reverse=True)
    assert far[0] > far[-1] == 0


@pytest.mark.parametrize("temperature", FIGURE_4_TEMPERATURES)
def test_a_constant_added_to_the_logits_changes_nothing(temperature: float, logits: Tensor):
    """Logits serve for log Z, because they differ by a constant at each place."""
    shift = torch.randn(2, 1, 3, 4) * 10
    ours = annealed_mean(logits + shift, AB_CENTERS, temperature)
    torch.testing.assert_close(ours, annealed_mean(logits, AB_CENTERS, temperature), rtol=0, atol=2e-3)


def test_the_answer_depends_on_its_own_place_alone(logits: Tensor):
    """ "The mapping H operates on each pixel independently." """
    whole = annealed_mean(logits, AB_CENTERS, 1 / 6)
    place = annealed_mean(logits[1:, :, 2:, 3:], AB_CENTERS, 1 / 6)
    torch.testing.assert_close(whole[1:, :, 2:, 3:], place)


def test_the_mean_lies_between_two_equal_peaks_and_the_mode_on_one():
    """Section 3.1: the mean of a set of plausible colors may be none of them."""
    logits = torch.full((1, 313, 1, 1), -50.0)
    logits[0, [0, 312]] = 0.0
    middle = (AB_CENTERS[0] + AB_CENTERS[312]) / 2
    torch.testing.assert_close(annealed_mean(logits, AB_CENTERS, 1.0).flatten(), middle)
    assert annealed_mean(logits, AB_CENTERS, 0.0).flatten().tolist() in AB_CENTERS[[0, 312]].tolist()


def test_a_negative_temperature_is_refused(logits: Tensor):
    with pytest.raises(ValueError, match="temperature"):
        annealed_mean(logits, AB_CENTERS, -0.1)


def test_entropy_is_0_when_certain_and_ln_q_when_uniform():
    uniform = torch.zeros(1, 313, 1, 1)
    assert entropy(uniform).item() == pytest.approx(math.log(313), rel=1e-5)
    certain = torch.full((1, 313, 1, 1), -math.inf)
    certain[0, 7] = 0.0
    assert entropy(certain).item() == 0.0


def test_entropy_against_scipy(logits: Tensor):
    p = scipy.special.softmax(logits.double().numpy(), axis=1)
    expected = scipy.special.entr(p).sum(1, keepdims=True)
    np.testing.assert_allclose(entropy(logits).numpy(), expected, rtol=1e-5)


# Larsson 2016, section 3.2 -------------------------------------------------------------------------


def histogram(*shares: float) -> Tensor:
    """One place's distribution, "1 q 1 1"."""
    return torch.tensor(shares, dtype=torch.float32)[None, :, None, None]


def even(count: int, bins: int = 32, start: int = 0) -> Tensor:
    """A distribution that is even over some neighboring bins of a circle."""
    return histogram(*(1.0 / count if (k - start) % bins < count else 0.0 for k in range(bins)))


def test_the_median_is_where_the_interpolated_sum_crosses_one_half() -> None:
    """numpy's linear interpolation of the cumulative sum between the edges, read backwards."""
    probabilities = torch.softmax(3 * torch.randn(2, 32, 3, 4), 1)
    for bins in (uniform_bins(32), gaussian_quantile_bins(32)):
        found = median(probabilities, bins)
        assert found.shape == (2, 1, 3, 4)
        sums = np.concatenate((np.zeros((2, 1, 3, 4)), probabilities.double().cumsum(1).numpy()), 1)
        for b, i, j in np.ndindex(2, 3, 4):
            expected = np.interp(0.5, sums[b, :, i, j], bins.edges.double().numpy())
            assert found[b, 0, i, j].item() == pytest.approx(expected, abs=1e-3 * float(bins.edges[-1]))


def test_medians_by_hand() -> None:
    four = uniform_bins(4)
    assert median(histogram(0, 1, 0, 0), four).item() == pytest.approx(0.375)  # the middle of its bin
    assert median(histogram(0.25, 0.25, 0.25, 0.25), four).item() == pytest.approx(0.5)
    assert median(histogram(0.2, 0.4, 0.4, 0), four).item() == pytest.approx(0.25 + 0.25 * 0.75)
    assert median(histogram(1, 0, 0, 0), four).item() == pytest.approx(0.125)
    assert median(histogram(0, 0, 0, 1), four).item() == pytest.approx(0.875)


def test_the_authors_median_is_a_center() -> None:
    """(count(cdf < .5) + .5) / K, of their code."""
    four = uniform_bins(4)
    assert median(histogram(0.2, 0.4, 0.4, 0), four, interpolate=False).item() == pytest.approx(1.5 / 4)
    assert median(histogram(0.2, 0.2, 0.6, 0), four, interpolate=False).item() == pytest.approx(2.5 / 4)


def test_chroma_0_draws_the_mean_but_not_the_median() -> None:
    """ "C = 0 is a particularly common bin. This mode draws the expectation closer to zero." """
    bins = uniform_bins(10)
    often_gray = histogram(0.4, 0, 0, 0, 0, 0, 0.6, 0, 0, 0)
    assert expectation(often_gray, bins.centers[:, None]).item() == pytest.approx(0.41)
    assert median(often_gray, bins).item() > 0.6


def test_samples_follow_the_distribution(generator: torch.Generator) -> None:
    shares = torch.tensor([0.1, 0.0, 0.6, 0.3])
    values = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    drawn = sample(shares[None, :, None, None].expand(1, 4, 100, 100), values, generator)
    assert drawn.shape == (1, 1, 100, 100)
    found = torch.bincount(drawn.long().flatten(), minlength=4) / 1e4
    assert found[1] == 0
    torch.testing.assert_close(found, shares, rtol=0, atol=0.02)  # four standard deviations: .6 * .4 / 1e4


def test_a_seed_draws_one_answer() -> None:
    probabilities = torch.softmax(torch.randn(2, 5, 6, 7), 1)
    first, second, other = (
        sample(probabilities, torch.eye(5), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_the_circular_expectation_against_scipy() -> None:
    probabilities = torch.softmax(2 * torch.randn(2, 32, 3, 4), 1)
    z = circular_expectation(probabilities)
    theta = 2 * np.pi * (np.arange(32) + 0.5) / 32
    expected = np.einsum("bkhw,k->bhw", probabilities.double().numpy(), np.exp(1j * theta)) / 32
    np.testing.assert_allclose(z[:, 0].numpy(), expected, atol=1e-7)
    hue = hue_of(z)
    assert ((hue >= 0) & (hue < 1)).all()
    np.testing.assert_allclose(hue[:, 0].numpy(), np.angle(expected) / (2 * np.pi) % 1, atol=1e-5)


def test_hue_is_averaged_around_the_circle() -> None:
    """The mean of the first and the last hue is the red between them, and not the cyan of their numbers."""
    ends = torch.zeros(1, 32, 1, 1)
    ends[0, [0, 31]] = 0.5
    hue = hue_of(circular_expectation(ends)).item()
    assert min(hue, 1 - hue) == pytest.approx(0, abs=1e-6)
    assert hue_of(circular_expectation(even(1, start=31))).item() == pytest.approx(31.5 / 32)


def test_a_hue_is_below_1() -> None:
    assert hue_of(torch.complex(torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), -1e-12))).item() == 0


@pytest.mark.parametrize(
    ("hues", "factor"), [(1, 1.0), (5, 1.0), (9, 0.91), (12, 0.82), (16, 0.66), (32, 0.0)]
)
def test_fading_needs_the_division_by_k_and_is_a_minimum(hues: int, factor: float) -> None:
    """Without 1/K nothing would fade before half of the circle; as the printed maximum nothing ever would."""
    z = circular_expectation(even(hues, start=7))
    assert chromatic_fading(z).item() == pytest.approx(factor, abs=0.005)


def test_eta_is_the_length_below_which_chroma_fades() -> None:
    z = circular_expectation(even(16))
    assert chromatic_fading(z, eta=0.01).item() == 1
    assert chromatic_fading(z, eta=0.06).item() == pytest.approx(0.33, abs=0.005)
