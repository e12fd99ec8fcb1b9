"""A small cic.compact, and releases whose other systems borrow the trunk from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from autochrome.models import registry
from autochrome.models.cic.compact import CompactCIC
from autochrome.models.cic.model import LossSettings
from autochrome.models.registry import create_model, model_spec
from autochrome.models.shared_trunk import LENDER
from autochrome.models.weights import save_weights
from autochrome.nn.pretrained import TINY, PretrainedTrunk


def tiny_cic() -> CompactCIC:
    """A cic.compact over the trunk that pixcolor.test has."""
    return CompactCIC(model_spec(LENDER), PretrainedTrunk(TINY), LossSettings())


def lend(path: Path, monkeypatch: pytest.MonkeyPatch, *, seed: int = 0) -> CompactCIC:
    """Put a cic.compact with ``trunk="test"`` and random weights in the place of the shipped one.

    Args:
        path: file of its weights.
        monkeypatch: takes it away after the test.
        seed: decides the weights.

    Returns:
        The model, its weights as they are in the file: in half precision.
    """
    torch.manual_seed(seed)
    model = create_model(LENDER, pretrained=False, trunk="test")
    with_statistics(model, seed)
    save_weights(model, path)
    spec, factory = registry._MODELS[LENDER]
    monkeypatch.setitem(registry._MODELS, LENDER, (replace(spec, weights=str(path), sha256=None), factory))
    lender = create_model(LENDER)
    assert isinstance(lender, CompactCIC)
    return lender


def with_statistics(module: nn.Module, seed: int = 0) -> None:
    """Give the batch norms statistics, gains and biases unlike those of initialization."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(std=0.1, generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
            nn.init.uniform_(part.weight, 0.5, 1.5, generator=generator)
            nn.init.normal_(part.bias, std=0.1, generator=generator)
