"""Folding of batch norms into the convolutions before them, for faster inference."""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_Module = TypeVar("_Module", bound=nn.Module)


def fold_norms(module: _Module) -> _Module:
    """Return a copy in which every batch norm that follows a convolution in an `nn.Sequential` is part of it.

    The results are the same up to rounding. The copy is for inference alone; its state dict has other keys
    than the module's. Its filters are in ``torch.channels_last``, which is faster on CPUs and GPUs.

    Args:
        module: in evaluation mode; it is left as it is.

    Raises:
        ValueError: it is in training mode, in which a norm depends on the batch.
    """
    if module.training:
        raise ValueError("norms are folded for inference: call eval() first")
    folded = deepcopy(module)
    for part in list(folded.modules()):
        if isinstance(part, nn.Sequential):
            _fold_pairs(part)
    return folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fold_pairs(chain: nn.Sequential) -> None:
    for index in range(len(chain) - 1):
        conv, norm = chain[index], chain[index + 1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            chain[index], chain[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
