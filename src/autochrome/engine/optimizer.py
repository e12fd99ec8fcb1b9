"""The recipe's optimizer over a module's parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from autochrome.engine.recipe import OptimizerRecipe
from autochrome.errors import RecipeError

LR_SCALE = "lr_scale"
"""Key in a parameter group: the factor of the recipe's learning rate for the group."""


def make_optimizer(module: nn.Module, recipe: OptimizerRecipe) -> torch.optim.Optimizer:
    """Adam with coupled decay as Caffe has it, AdamW that decays matrices alone, SGD or RMSprop.

    Raises:
        RecipeError: ``lr_scales`` names a part that the module does not have.
    """
    groups = _groups(module, recipe)
    decay = recipe.weight_decay
    if recipe.name == "adam":
        return torch.optim.Adam(groups, recipe.lr, recipe.betas, weight_decay=decay)
    if recipe.name == "sgd":
        return torch.optim.SGD(groups, recipe.lr, momentum=recipe.betas[0], weight_decay=decay)
    if recipe.name == "rmsprop":
        return torch.optim.RMSprop(groups, recipe.lr, alpha=recipe.betas[1], weight_decay=decay)
    return torch.optim.AdamW(groups, recipe.lr, recipe.betas, weight_decay=decay, fused=True)


def _groups(module: nn.Module, recipe: OptimizerRecipe) -> list[dict[str, Any]]:
    """Group parameters by the factor of their learning rate, factor 1 first, and for AdamW by decay, too."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    used = set()
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        parts = [part for part in recipe.lr_scales if name.startswith(part + ".")]
        used.update(parts)
        scale = recipe.lr_scales[max(parts, key=len)] if parts else 1.0
        undecayed = recipe.name == "adamw" and parameter.ndim < 2
        groups.setdefault((scale, undecayed), []).append(parameter)
    if unknown := set(recipe.lr_scales) - used:
        raise RecipeError(
            f"optimizer.lr_scales: the model has no {min(unknown)}; its parts are "
            f"{', '.join(sorted({'.'.join(name.split('.')[:2]) for name, _ in module.named_parameters()}))}"
        )
    ordered = sorted(groups.items(), key=lambda item: (item[0][0] != 1.0, item[0]))
    return [
        {"params": parameters, LR_SCALE: scale, **({"weight_decay": 0.0} if undecayed else {})}
        for (scale, undecayed), parameters in ordered
    ]
