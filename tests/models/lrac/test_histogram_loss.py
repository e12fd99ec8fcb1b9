"""Equation 2 of Larsson, Maire and Shakhnarovich 2016 and its targets."""

from __future__ import annotations

import pytest
import scipy.special
import scipy.stats
import torch
from torch.nn import functional as F

from autochrome.models.lrac.histogram_loss import divergence, targets
from autochrome.models.lrac.settings import LRACSettings


def test_the_paper_s_constants() -> None:
    assert LRACSettings() == LRACSettings(window=1, hue_weight=5.0, fade_extremes=False)


def test_divergence_against_scipy() -> None:
    logits, y = torch.randn(2, 6, 3), torch.softmax(2 * torch.randn(2, 6, 3), 1)
    y[0, :, 0] = torch.tensor([0.0, 0.5, 0.5, 0, 0, 0])  # empty bins count nothing
    f = scipy.special.softmax(logits.double().numpy(), axis=1)
    expected = scipy.stats.entropy(y.double().numpy(), f, axis=1)
    torch.testing.assert_close(divergence(logits, y), torch.from_numpy(expected).float())


def test_of_one_hot_targets_it_is_the_log_loss() -> None:
    """ "This makes y a one-hot vector and Equation (2) the log loss." """
    logits, bins = torch.randn(2, 6, 3, 4), torch.randint(6, (2, 3, 4))
    found = divergence(logits, bins)
    torch.testing.assert_close(found, F.cross_entropy(logits, bins, reduction="none"))
    torch.testing.assert_close(found, divergence(logits, F.one_hot(bins, 6).permute(0, 3, 1, 2).float()))


def test_it_is_0_where_the_prediction_is_the_truth() -> None:
    logits = torch.randn(1, 6, 3)
    torch.testing.assert_close(divergence(logits, logits.softmax(1)), torch.zeros(1, 3))


def test_targets_of_a_list_with_windows_are_those_of_the_map() -> None:
    bins = torch.randint(5, (1, 7, 8))
    dense = targets(bins, 5, 3, dense=True)
    windows = torch.stack([bins[:, y - 1 : y + 2, x - 1 : x + 2] for y, x in ((1, 1), (3, 6), (5, 2))], 1)
    sparse = targets(windows, 5, 3, dense=False)
    torch.testing.assert_close(sparse, dense[:, :, [1, 3, 5], [1, 6, 2]])


def test_an_even_window_is_refused() -> None:
    with pytest.raises(ValueError, match="must be odd"):
        LRACSettings(window=4)
