"""Pooled features."""

from __future__ import annotations

import pytest
import torch

from autochrome.evaluation.probe.features import extract, pooled_side
from autochrome.evaluation.probe.trunks import balancing, make_trunk, parse_layers

SHAPES = [(32, 32, 32), (64, 16, 16), (288, 2, 2)]


@pytest.mark.parametrize(
    ("layers", "dims", "side"),
    [
        ("0", 9000, 17),  # sqrt(9000 / 32) = 16.8
        ("0", 10**6, 32),  # no finer than the map
        ("2", 9000, 2),
        ("2", 100, 1),
        ("0+1", 9000, 10),  # sqrt(9000 / 96) = 9.7
        ("all", 1000, 2),  # sqrt(1000 / 384) = 1.6
    ],
)
def test_the_grid_gives_about_the_wanted_features(layers: str, dims: int, side: int) -> None:
    [group] = parse_layers(layers, 3)
    assert pooled_side(SHAPES, group, dims) == side


def test_features_are_the_balanced_maps_means_over_cells(generator: torch.Generator) -> None:
    model = make_trunk("cic.test", random=True)
    luma = (torch.rand(70, 1, 32, 32, generator=generator) * 100).half()  # more than one batch
    groups = parse_layers("1,4,0+4", 8)
    told: list[int] = []
    found = extract(model, luma, groups, dims=128, progress=lambda _, done, __: told.append(done))
    assert told == [64, 70]
    maps = model.features(luma.float())
    scales = balancing(model, luma)
    assert [f.dtype for f in found] == [torch.float16] * 3
    # Layer 1: 8 channels, sqrt(128 / 8) = 4: 8 x 8 places in cells of 2 x 2.
    expected = (maps[1] * scales[1]).unflatten(2, (4, 2)).unflatten(4, (4, 2)).mean((3, 5)).flatten(1)
    torch.testing.assert_close(found[0].float(), expected, atol=2e-3, rtol=2e-3)
    assert found[1].shape == (70, 16)  # one place is all that layer 4 has
    # A coarser layer is not blown up to the grid of the finer one: 8 x 2 x 2 and 16.
    assert found[2].shape == (70, 8 * 4 + 16)


def test_no_trunk_s_signal_is_too_weak_for_half_precision(generator: torch.Generator) -> None:
    model = make_trunk("cic.test", random=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1e-2)
    luma = (torch.rand(4, 1, 32, 32, generator=generator) * 100).half()
    assert model.features(luma.float())[3].abs().max() < 6e-8  # the smallest half above zero
    [features] = extract(model, luma, parse_layers("3", 8))
    assert features.float().square().mean() > 0.01
