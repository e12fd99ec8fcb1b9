from __future__ import annotations

import pytest
import torch
from torch import nn

from autochrome.engine.optimiser import make_optimiser
from autochrome.engine.recipe import OptimiserRecipe


def stepped(name: str, gradient: float, **values: object) -> tuple[float, float]:
    """Weight and bias, both 1, after a step along a gradient."""
    module = nn.Linear(1, 1)
    optimiser = make_optimiser(module, OptimiserRecipe(name, **values))  # type: ignore[arg-type]
    for parameter in module.parameters():
        parameter.data.fill_(1.0)
        parameter.grad = torch.full_like(parameter, gradient)
    optimiser.step()
    return module.weight.item(), module.bias.item()


def test_adamw_decays_weights_but_neither_biases_nor_norms() -> None:
    assert stepped("adamw", 0.0, lr=0.1, weight_decay=0.5) == pytest.approx((1 - 0.1 * 0.5, 1.0))


def test_adam_adds_the_decay_to_the_gradient_of_all() -> None:
    """Adam's first step is lr along the sign of the gradient, which here is the decay alone."""
    assert stepped("adam", 0.0, lr=0.1, weight_decay=0.5) == pytest.approx((0.9, 0.9), abs=1e-5)


def test_sgd_goes_along_the_gradient() -> None:
    assert stepped("sgd", 2.0, lr=0.1, weight_decay=0.0) == pytest.approx((0.8, 0.8))


def test_rmsprop_divides_by_the_root_mean_square() -> None:
    """From an empty mean the first step is lr g / sqrt((1 - alpha) g^2), whatever the gradient's size."""
    expected = 1 - 0.1 / (1 - 0.91) ** 0.5
    for gradient in (2.0, 5.0):
        found = stepped("rmsprop", gradient, lr=0.1, betas=(0.5, 0.91), weight_decay=0.0)
        assert found == pytest.approx((expected, expected), abs=1e-5)


def test_frozen_parameters_are_left_out() -> None:
    module = nn.Linear(1, 1)
    module.bias.requires_grad_(False)
    groups = make_optimiser(module, OptimiserRecipe()).param_groups
    assert [p for group in groups for p in group["params"]] == [module.weight]
