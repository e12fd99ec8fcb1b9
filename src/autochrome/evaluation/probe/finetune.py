"""Fine-tuning: a trunk with a linear head on its pooled features, trained end to end for classification."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float, Float16, Int
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.evaluation.probe.fitting import FitSettings, fit
from autochrome.evaluation.probe.trunks import (
    NORM_PHOTOS,
    LayerGroup,
    batches,
    map_shapes,
    subsample,
    update_norms,
)
from autochrome.models.base import Colorizer
from autochrome.types import Progress, silent


class Classifier(nn.Module):
    """Global average pooling of every layer of a group, a norm, and a linear map to the classes."""

    def __init__(self, trunk: Colorizer, group: LayerGroup, classes: int, size: int) -> None:
        super().__init__()
        shapes = map_shapes(trunk, size)
        width = sum(shapes[layer][0] for layer in group.layers)
        self.trunk = trunk
        self.layers = group.layers
        self.norm = nn.BatchNorm1d(width, affine=False)
        self.head = nn.Linear(width, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, luma: Float[Tensor, "b 1 s s"]) -> Float[Tensor, "b k"]:
        """Return the logits of the classes."""
        maps = self.trunk.features(luma)
        return self.head(self.norm(torch.cat([maps[layer].mean((2, 3)) for layer in self.layers], 1)))


def finetune(
    trunk: Colorizer,
    group: LayerGroup,
    train: tuple[Float16[Tensor, "n 1 s s"], Int[Tensor, " n"]],
    test: Float16[Tensor, "m 1 s s"],
    classes: int,
    settings: FitSettings,
    progress: Progress = silent,
) -> Float[Tensor, "m k"]:
    """Train a copy of the trunk with a head that starts at zero; photos are mirrored at random.

    Returns:
        Logits of the test photos.
    """
    luma, labels = train
    device = next(trunk.parameters()).device
    network = Classifier(copy.deepcopy(trunk), group, classes, luma.shape[-1]).to(device)

    def loss(numbers: Int[Tensor, " b"]) -> Tensor:
        batch = mirrored(luma[numbers].float())[0].to(device)
        return F.cross_entropy(network(batch), labels[numbers].to(device))

    fit(network, loss, len(luma), settings, after=lambda step: progress("steps", step, settings.steps))
    update_norms(network, subsample(luma, NORM_PHOTOS))
    with torch.inference_mode():
        return torch.cat([network(batch).cpu() for batch in batches(test, network)])


def mirrored(*planes: Tensor) -> list[Tensor]:
    """Return planes "b ... w" of the same photos, each photo mirrored with probability 1/2."""
    chosen = torch.rand(len(planes[0])) < 0.5
    return [torch.where(chosen.view(-1, *[1] * (plane.ndim - 1)), plane.flip(-1), plane) for plane in planes]
