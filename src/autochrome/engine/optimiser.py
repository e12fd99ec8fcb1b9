"""The recipe's optimiser over a module's parameters."""

from __future__ import annotations

import torch
from torch import nn

from autochrome.engine.recipe import OptimiserRecipe


def make_optimiser(module: nn.Module, recipe: OptimiserRecipe) -> torch.optim.Optimizer:
    """Adam with coupled decay as Caffe has it, AdamW that decays matrices alone, SGD or RMSprop."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    decay = recipe.weight_decay
    if recipe.name == "adam":
        return torch.optim.Adam(parameters, recipe.lr, recipe.betas, weight_decay=decay)
    if recipe.name == "sgd":
        return torch.optim.SGD(parameters, recipe.lr, momentum=recipe.betas[0], weight_decay=decay)
    if recipe.name == "rmsprop":
        return torch.optim.RMSprop(parameters, recipe.lr, alpha=recipe.betas[1], weight_decay=decay)
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2]},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    filled = [group for group in groups if group["params"]]
    return torch.optim.AdamW(filled, recipe.lr, recipe.betas, weight_decay=decay, fused=True)
