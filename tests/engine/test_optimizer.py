from __future__ import annotations

import pytest
import torch
from torch import nn

from autochrome.engine.optimizer import LR_SCALE, make_optimizer
from autochrome.engine.recipe import OptimizerRecipe
from autochrome.errors import RecipeError


def stepped(name: str, gradient: float, **values: object) -> tuple[float, float]:
    """Weight and bias, both 1, after a step along a gradient."""
    module = nn.Linear(1, 1)
    optimizer = make_optimizer(module, OptimizerRecipe(name, **values))  # type: ignore[arg-type]
    for parameter in module.parameters():
        parameter.data.fill_(1.0)
        parameter.grad = torch.full_like(parameter, gradient)
    optimizer.step()
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
    groups = make_optimizer(module, OptimizerRecipe()).param_groups
    assert [p for group in groups for p in group["params"]] == [module.weight]


# Rates of parts

NAMES = ("adam", "adamw", "rmsprop", "sgd")


class Parts(nn.Module):
    """A pretrained part, of which one is nested, and a new one."""

    def __init__(self) -> None:
        super().__init__()
        self.old = nn.ModuleDict({"near": nn.Linear(1, 1), "far": nn.Linear(1, 1)})
        self.older = nn.Linear(1, 1)
        self.new = nn.Linear(1, 1)


def scales(name: str, lr_scales: dict[str, float]) -> dict[str, float]:
    """The factor of each parameter, by its name."""
    module = Parts()
    groups = make_optimizer(module, OptimizerRecipe(name, lr_scales=lr_scales)).param_groups  # type: ignore[arg-type]
    by_parameter = {id(p): group[LR_SCALE] for group in groups for p in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(by_parameter)
    return {key: by_parameter[id(p)] for key, p in module.named_parameters()}


@pytest.mark.parametrize("name", NAMES)
def test_a_part_has_its_rate_and_the_longest_name_wins(name: str) -> None:
    found = scales(name, {"old": 0.25, "old.far": 0.0})
    assert found == {
        **dict.fromkeys(("old.near.weight", "old.near.bias"), 0.25),
        **dict.fromkeys(("old.far.weight", "old.far.bias"), 0.0),
        **dict.fromkeys(("older.weight", "older.bias", "new.weight", "new.bias"), 1.0),
    }


@pytest.mark.parametrize("name", NAMES)
def test_without_rates_of_parts_all_have_the_full_one(name: str) -> None:
    assert set(scales(name, {}).values()) == {1.0}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [0.25, 4.0])
def test_the_group_of_the_full_rate_is_the_first(name: str, scale: float) -> None:
    """The log shows the rate of the first."""
    recipe = OptimizerRecipe(name, lr_scales={"old": scale})  # type: ignore[arg-type]
    groups = make_optimizer(Parts(), recipe).param_groups
    assert [group[LR_SCALE] for group in groups] == ([1, 1, scale, scale] if name == "adamw" else [1, scale])


def test_adamw_decays_the_matrices_of_every_part_and_no_vector() -> None:
    groups = make_optimizer(Parts(), OptimizerRecipe(weight_decay=0.5, lr_scales={"old": 0.25})).param_groups
    found = {(group[LR_SCALE], p.ndim): group["weight_decay"] for group in groups for p in group["params"]}
    assert found == {(1.0, 2): 0.5, (1.0, 1): 0.0, (0.25, 2): 0.5, (0.25, 1): 0.0}


@pytest.mark.parametrize("part", ["young", "ol", "old.near.weight.", "old.near.weight"])
@pytest.mark.parametrize("name", NAMES)
def test_a_part_that_the_model_does_not_have_is_an_error(name: str, part: str) -> None:
    with pytest.raises(RecipeError, match=rf"lr_scales.*{part}.*new\.weight, old\.far, old\.near"):
        scales(name, {"old": 0.5, part: 0.5})


def test_a_negative_rate_is_an_error() -> None:
    with pytest.raises(RecipeError, match="lr_scales of old"):
        OptimizerRecipe(lr_scales={"old": -0.5})
    OptimizerRecipe(lr_scales={"old": 0.0})
