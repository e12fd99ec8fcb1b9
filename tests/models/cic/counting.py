"""Counts parameters and multiplications of networks without computing with them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """Shapes without numbers: as much as counting needs."""
    with torch.device("meta"):
        return build().eval()


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def multiply_adds(net: nn.Module, side: int, forward: Callable[[Tensor], object] | None = None) -> int:
    """Multiplications of the convolutions and linear layers for one luma, counted by forward hooks."""
    total = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.ConvTranspose2d):
            total += inputs[0].numel() * layer.out_channels * layer.weight[0, 0].numel()
        elif isinstance(layer, nn.Conv2d):
            total += output.numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            total += output.numel() * layer.in_features

    hooks = [layer.register_forward_hook(count) for layer in net.modules()]
    (forward or net)(torch.empty(1, 1, side, side, device="meta"))
    for hook in hooks:
        hook.remove()
    return total
