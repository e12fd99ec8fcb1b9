"""How CIC's bins answer what guidance asks of any model with a distribution."""

from __future__ import annotations

from typing import Any

import torch

from autochrome.color.bins import AB_CENTERS, nearest_bin, soft_encode
from autochrome.models.base import DistributionColorizer, log_probabilities
from autochrome.models.registry import create_model

model: Any = create_model("cic.test")


def test_it_has_a_distribution() -> None:
    assert isinstance(model, DistributionColorizer)
    assert model.axes == (slice(0, 313),)


def test_the_nearest_bin_is_the_closest_and_distance_falls_as_a_gaussian() -> None:
    lab = torch.tensor([[50.0, 20.0, -30.0], [70.0, 3.0, 4.0]])
    close = model.log_kernel(lab, width=8.0)
    assert close[0].argmax() == nearest_bin(lab[:1, 1:, None, None]).item()
    assert close.max(1).values.tolist() == [0.0, 0.0]
    far = (torch.tensor([30.0, -30.0]) == AB_CENTERS).all(1).nonzero().item()
    torch.testing.assert_close(close[0, int(far)], torch.tensor(-(10.0**2) / (2 * 8.0**2)))


def test_the_histogram_is_the_mean_of_the_soft_encoding() -> None:
    lab = 30 * torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    weights, bins = soft_encode(lab[:, 1:])
    dense = torch.zeros(2, 313, 4, 5).scatter_add_(1, bins, weights)
    torch.testing.assert_close(model.histogram(lab), dense.mean((0, 2, 3)))
    assert abs(float(model.histogram(lab).sum()) - 1) < 1e-5


def test_every_axis_is_normalized_by_itself() -> None:
    logits = torch.randn(1, 5, 2, 2)
    normal = log_probabilities(logits, (slice(0, 2), slice(2, 5)))
    torch.testing.assert_close(normal[:, :2].exp().sum(1), torch.ones(1, 2, 2))
    torch.testing.assert_close(normal[:, 2:], logits[:, 2:].log_softmax(1))


def test_features_are_the_trunk_s_maps_fine_to_coarse_and_back() -> None:
    maps = model.features(torch.full((1, 1, 64, 96), 40.0))
    assert [tuple(m.shape[2:]) for m in maps] == [
        (32, 48), (16, 24), (8, 12), (4, 6), (2, 3), (4, 6), (8, 12), (16, 24),
    ]  # fmt: skip
