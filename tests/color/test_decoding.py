"""From distributions to colours: Zhang, Isola and Efros 2016, section 3.3, and its figure 4."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import torch
from torch import Tensor

from autochrome.color.bins import AB_CENTERS
from autochrome.color.decoding import FIGURE_4_TEMPERATURES, annealed_mean, entropy, expectation, mode


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
    """Section 3.1: the mean of a set of plausible colours may be none of them."""
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
