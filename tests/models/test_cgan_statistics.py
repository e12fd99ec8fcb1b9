"""Batch norm with the batch's own statistics (Cao 2017, section 3.3)."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from autochrome.models.cgan.statistics import batch_statistics, require_different_photos


def network() -> nn.Sequential:
    """Dropout shows that nothing but batch norm changes its mode."""
    made = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.BatchNorm2d(4))
    made(torch.randn(8, 1, 8, 8))  # running statistics other than those it begins with
    return made.eval()


def test_it_is_what_training_gives_without_its_traces() -> None:
    net = network()
    x = torch.randn(3, 1, 8, 8)
    before = copy.deepcopy(net.state_dict())
    with batch_statistics(net):
        found = net(x)
    training = copy.deepcopy(net).train()
    training[2].eval()  # the dropout
    torch.testing.assert_close(found, training(x))
    assert (found - net(x)).abs().max() > 0.01
    after = net.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert before.keys() == after.keys()


def test_it_is_the_mean_and_variance_of_the_batch() -> None:
    norm = nn.BatchNorm2d(2).eval()
    x = torch.randn(4, 2, 5, 5) * 3 + 7
    with batch_statistics(norm):
        found = norm(x)
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(found, (x - mean) / (variance + 1e-5).sqrt())


@pytest.mark.parametrize("training", [False, True])
def test_modes_come_back_even_after_an_error(training: bool) -> None:
    net = network().train(training)
    with pytest.raises(KeyError), batch_statistics(net):
        raise KeyError
    for layer in net:
        assert layer.training is training
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.track_running_stats


def test_different_photos_are_taken() -> None:
    require_different_photos(torch.randn(4, 1, 8, 8))


def test_identical_photos_are_refused() -> None:
    luma = torch.randn(4, 1, 8, 8)
    luma[3] = luma[1]
    with pytest.raises(ValueError, match=r"of 4 only 3 are.*statistics='running'"):
        require_different_photos(luma)


def test_one_photo_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 2 photos.*statistics='running'"):
        require_different_photos(torch.randn(1, 1, 8, 8))
