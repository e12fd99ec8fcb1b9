"""What is known of a trunk before its maps are used."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from autochrome.errors import ProbeError
from autochrome.evaluation.probe.trunks import (
    balancing,
    make_trunk,
    map_shapes,
    parse_layers,
    subsample,
    update_norms,
)
from autochrome.models.base import Colorizer


@pytest.fixture
def luma(generator: torch.Generator) -> torch.Tensor:
    return torch.rand(10, 1, 32, 32, generator=generator) * 100


def first_filter(model: Colorizer) -> torch.Tensor:
    return next(model.parameters()).detach().flatten()


def test_a_random_trunk_is_a_function_of_its_seed_alone() -> None:
    state = torch.get_rng_state()
    one, other, again = (first_filter(make_trunk("cic.test", random=True, seed=s)) for s in (1, 2, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_the_trained_trunk_has_the_shipped_weights() -> None:
    trained = make_trunk("cic.compact")
    assert trained.spec.sha256
    assert make_trunk("cic.compact", random=True).spec.weights == trained.spec.weights
    assert not torch.equal(first_filter(trained), first_filter(make_trunk("cic.compact", random=True)))


def test_models_without_features_are_refused() -> None:
    with pytest.raises(ProbeError, match=r"gray.baseline does not expose features; try --model cic or"):
        make_trunk("gray.baseline")


def test_shapes_of_the_maps_and_of_the_luma() -> None:
    model = make_trunk("cic.test", random=True)
    shapes = map_shapes(model, 64)
    assert shapes[:5] == [(8, 32, 32), (8, 16, 16), (16, 8, 8), (16, 4, 4), (16, 2, 2)]
    with pytest.raises(ProbeError, match="multiple of 32, such as 64"):
        map_shapes(model, 60)


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("each", ["0", "1", "2"]),
        ("all", ["all"]),
        ("2, 0+1,2", ["2", "0+1"]),
        ("each,all", ["0", "1", "2", "all"]),
    ],
)
def test_layers_by_name(text: str, groups: list[str]) -> None:
    parsed = parse_layers(text, 3)
    assert [group.name for group in parsed] == groups
    assert parsed[-1].layers == {"2": (2,), "all": (0, 1, 2), "0+1": (0, 1)}[groups[-1]]


@pytest.mark.parametrize("text", ["3", "-1", "", "0+3", "top", "1,,2"])
def test_unknown_layers_are_told(text: str) -> None:
    with pytest.raises(ProbeError, match="the trunk has 0 to 2"):
        parse_layers(text, 3)


def test_norms_of_a_random_trunk_take_the_photos_statistics(luma: torch.Tensor) -> None:
    model = make_trunk("cic.test", random=True)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    untouched = model.features(luma)[-1]
    update_norms(model, luma, model.features)
    convolution = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    answers = convolution(luma / 50 - 1)  # as the network centers L*
    assert norms[0].running_mean is not None and norms[0].running_var is not None
    torch.testing.assert_close(norms[0].running_mean, answers.mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norms[0].running_var, answers.var((0, 2, 3)), atol=1e-5, rtol=1e-4)
    assert all(norm.momentum == 0.1 and not norm.training for norm in norms)
    assert model.features(luma)[-1].var() > 10 * untouched.var()


def test_balancing_brings_every_layer_to_unit_second_moment(luma: torch.Tensor) -> None:
    model = make_trunk("cic.test", random=True)
    update_norms(model, luma, model.features)
    scales = balancing(model, luma)
    moments = [(m * s).square().mean().item() for m, s in zip(model.features(luma), scales, strict=True)]
    assert moments == pytest.approx([1.0] * len(moments), rel=1e-4)


def test_settling_leaves_a_network_that_answers_its_batch_as_in_training(luma: torch.Tensor) -> None:
    """One batch: its statistics are the batch's, but for the variance, which is the unbiased one."""
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5))
    update_norms(network, luma)
    expected = nn.functional.batch_norm(network[0](luma), None, None, training=True)
    torch.testing.assert_close(network(luma), expected, atol=1e-3, rtol=1e-3)
    assert not network.training


def test_some_photos_are_of_the_whole_set() -> None:
    luma = torch.arange(10).half()[:, None, None, None].expand(10, 1, 2, 2)
    assert subsample(luma, 3)[:, 0, 0, 0].tolist() == [0, 3, 6, 9]
    assert len(subsample(luma, 64)) == 10
