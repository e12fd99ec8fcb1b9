"""A tiny PixColor and photos for it, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.models.base import Batch
from autochrome.models.pixcolor.compact import CompactPixColor, CompactPixColorSettings
from autochrome.models.pixcolor.ranker import Ranker
from autochrome.models.registry import create_model
from autochrome.nn.pretrained import TINY, PretrainedTrunk

NEUTRAL = 128 / 255


def tiny(**options: Any) -> CompactPixColor:
    model = create_model("pixcolor.test", **options)
    assert isinstance(model, CompactPixColor)
    return model


def borrowing(**options: Any) -> CompactPixColor:
    """The same over a trunk that is not its own."""
    model = tiny()
    return CompactPixColor(
        model.spec,
        PretrainedTrunk(TINY, frozen=True),
        model.pixelcnn,
        CompactPixColorSettings(**options),
        Ranker(8, (8, 8, 8)),
    )


def photos(count: int = 2, height: int = 32, width: int = 64) -> Batch:
    """Smooth patches of color; their low-resolution chroma has 7 x 14 cells."""
    coarse = 0.2 + 0.6 * torch.rand(count, 2, height // 4, width // 4)
    chroma = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return Batch(torch.rand(count, 1, height, width), chroma)


def cell_means(chroma: Tensor, rows: int, columns: int) -> Tensor:
    """Means over all pixels that a cell touches, cell by cell."""
    height, width = chroma.shape[2:]
    means = torch.empty(*chroma.shape[:2], rows, columns)
    for i in range(rows):
        top, bottom = i * height // rows, -(-(i + 1) * height // rows)
        for j in range(columns):
            left, right = j * width // columns, -(-(j + 1) * width // columns)
            means[:, :, i, j] = chroma[:, :, top:bottom, left:right].mean((2, 3))
    return means


def set_logits(model: CompactPixColor, logits: Callable[[Tensor], Tensor]) -> None:
    """Let the PixelCNN answer with these logits."""
    model.pixelcnn.forward = lambda bins, condition: logits(bins)  # type: ignore[method-assign]


def gray_batch() -> Batch:
    return Batch(torch.rand(2, 1, 16, 16), torch.full((2, 2, 16, 16), NEUTRAL))


def trained_parts(model: nn.Module) -> set[str]:
    """Names of the model's networks that have a parameter to train."""
    return {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}


def training_networks(model: nn.Module) -> set[str]:
    return {name for name, child in model.named_children() if child.training}
