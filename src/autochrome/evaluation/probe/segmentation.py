"""Semantic segmentation: a trunk with a 1x1 head on its hypercolumns, trained end to end (LRAC, table 6).

A hypercolumn holds the values of all layers at a pixel, bilinearly upsampled and scaled to unit second
moment. A 1x1 convolution and bilinear upsampling are linear and commute: each layer's part of the head runs
at the layer's own resolution, and only the maps of the few classes are upsampled.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Float16, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.spaces import ColorSpace
from autochrome.data.photos import as_rgb, shrunk
from autochrome.errors import DataError
from autochrome.evaluation.probe.finetune import mirrored
from autochrome.evaluation.probe.fitting import FitSettings, fit
from autochrome.evaluation.probe.scores import confusion, intersection_over_union
from autochrome.evaluation.probe.trunks import (
    NORM_PHOTOS,
    LayerGroup,
    balancing,
    batches,
    map_shapes,
    subsample,
    update_norms,
)
from autochrome.evaluation.probe.voc import VOID, VOCFolder
from autochrome.models.base import Colorizer
from autochrome.types import Progress, silent

HELD_OUT = 5
"""Number of parts of the training photos, of which one at a time is held out."""
VALIDATIONS = 10
"""Number of validations on the held-out part during a run."""
_VALIDATION_NORM_PHOTOS = 128
"""Photos to re-estimate the batch norms on before a validation, where time matters."""


@dataclass(frozen=True)
class Canvases:
    """Photos of any aspect ratio at the top left of equal squares; the rest is black and labeled void."""

    luma: Float16[Tensor, "n 1 s s"]
    labels: UInt8[Tensor, "n s s"]
    extents: list[tuple[int, int]]
    """Height and width that each photo fills."""
    classes: int
    """One more than the largest label of all the label maps, at their full size."""

    def part(self, numbers: Int[Tensor, " m"]) -> Canvases:
        """Some of the photos."""
        extents = [self.extents[number] for number in numbers.tolist()]
        return replace(self, luma=self.luma[numbers], labels=self.labels[numbers], extents=extents)


def read_canvases(
    folder: VOCFolder, names: Sequence[str], space: ColorSpace, size: int, progress: Progress = silent
) -> Canvases:
    """Read photos, the longer side scaled to ``size``, and their label maps at the same scale.

    Raises:
        DataError: one cannot be read, or photo and label map differ in shape.
    """
    luma = torch.full((len(names), 1, size, size), space.luma_range[0], dtype=torch.float16)
    labels = torch.full((len(names), size, size), VOID, dtype=torch.uint8)
    extents, largest = [], 0
    for index, name in enumerate(names):
        rgb, truth = as_rgb(folder.photo(name)), torch.from_numpy(folder.labels(name).copy())
        if rgb.shape[2:] != truth.shape:
            sizes = " and ".join(f"{w} x {h}" for h, w in (rgb.shape[2:], truth.shape))
            raise DataError(f"photo and label map of {name} differ in size: {sizes}")
        h, w = (max(1, round(side * size / max(truth.shape))) for side in truth.shape)
        luma[index, :, :h, :w] = space.split(shrunk(rgb, h, w))[0][0]
        labels[index, :h, :w] = F.interpolate(truth[None, None], (h, w), mode="nearest-exact")[0, 0]
        extents.append((h, w))
        largest = max([largest, *truth[truth != VOID].unique().tolist()])
        progress("reading photos", index + 1, len(names))
    return Canvases(luma, labels, extents, largest + 1)


class SegmentationNet(nn.Module):
    """A trunk and a 1x1 head on the hypercolumns of some of its layers."""

    def __init__(
        self, trunk: Colorizer, group: LayerGroup, classes: int, scales: Sequence[float], size: int
    ) -> None:
        super().__init__()
        shapes = map_shapes(trunk, size)
        self.trunk = trunk
        self.layers = group.layers
        self.scales = [scales[layer] for layer in group.layers]
        self.heads = nn.ModuleList(
            nn.Conv2d(shapes[layer][0], classes, 1, bias=False) for layer in group.layers
        )
        self.bias = nn.Parameter(torch.zeros(classes))
        for head in self.heads:
            nn.init.zeros_(head.weight)  # type: ignore[arg-type]

    def forward(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b k h w"]:
        """Return the logits of the classes at every pixel."""
        maps = self.trunk.features(luma)
        total = self.bias[:, None, None]
        for head, layer, scale in zip(self.heads, self.layers, self.scales, strict=True):
            share = head(maps[layer] * scale)
            total = total + F.interpolate(share, luma.shape[2:], mode="bilinear", align_corners=False)
        return total


@dataclass(frozen=True)
class Segmenter:
    """Fine-tuning of a trunk for segmentation."""

    group: LayerGroup
    classes: int
    settings: FitSettings
    folds: int = 1
    """Number of the ``HELD_OUT`` parts that are held out in turn to choose the number of steps."""

    def fit(
        self, trunk: Colorizer, canvases: Canvases, progress: Progress = silent
    ) -> tuple[SegmentationNet, int]:
        """Choose the number of steps by cross-validation, then train on all photos for as many.

        Returns:
            The network, and the number of steps.
        """
        curves = [self._curve(trunk, canvases, fold, progress) for fold in range(self.folds)]
        steps = best_steps(curves)
        network = self._network(trunk, canvases)
        self._train(network, canvases, steps, f"training for {steps} steps", progress)
        update_norms(network, subsample(canvases.luma, NORM_PHOTOS))
        return network, steps

    def _network(self, trunk: Colorizer, canvases: Canvases) -> SegmentationNet:
        scales = balancing(trunk, subsample(canvases.luma, 64))
        network = SegmentationNet(
            copy.deepcopy(trunk), self.group, self.classes, scales, canvases.luma.shape[-1]
        )
        return network.to(next(trunk.parameters()).device)

    def _curve(self, trunk: Colorizer, canvases: Canvases, fold: int, progress: Progress) -> dict[int, float]:
        """Return the mean IU on a held-out part by the number of steps."""
        train, held_out = fold_parts(len(canvases.luma), fold, self.settings.seed)
        network = self._network(trunk, canvases.part(train))
        every = max(1, self.settings.steps // VALIDATIONS)
        curve: dict[int, float] = {}

        def validate(step: int) -> None:
            if step % every == 0 or step == self.settings.steps:
                update_norms(network, subsample(canvases.luma[train], _VALIDATION_NORM_PHOTOS))
                with torch.inference_mode():
                    each = [network(x).argmax(1).cpu() for x in batches(canvases.luma[held_out], network, 16)]
                table = confusion(torch.cat(each), canvases.labels[held_out], self.classes)
                curve[step] = float(intersection_over_union(table).nanmean())

        what = f"choosing the steps, part {fold + 1} of {self.folds}"
        self._train(network, canvases.part(train), self.settings.steps, what, progress, validate)
        return curve

    def _train(
        self,
        network: SegmentationNet,
        canvases: Canvases,
        steps: int,
        what: str,
        progress: Progress,
        validate: Callable[[int], None] = lambda step: None,
    ) -> None:
        device = next(network.parameters()).device

        def loss(numbers: Int[Tensor, " b"]) -> Tensor:
            luma, labels = mirrored(canvases.luma[numbers].float(), canvases.labels[numbers])
            logits = network(luma.to(device))
            known = (labels != VOID).sum().clamp(min=1)  # a batch of void pixels only has loss 0
            total = F.cross_entropy(logits, labels.long().to(device), ignore_index=VOID, reduction="sum")
            return total / known

        def after(step: int) -> None:
            progress(what, step, steps)
            validate(step)

        # The warm-up is as long as in a full run, so that a shorter run is the beginning of a full one.
        warmup = self.settings.warmup * self.settings.steps / steps
        fit(
            network, loss, len(canvases.luma), replace(self.settings, steps=steps, warmup=warmup), after=after
        )


def fold_parts(photos: int, fold: int, seed: int) -> tuple[Int[Tensor, " m"], Int[Tensor, " n"]]:
    """Return the numbers of the photos to train on, and of the held-out fifth."""
    order = torch.randperm(photos, generator=torch.Generator().manual_seed(seed))
    held_out = torch.arange(photos) % HELD_OUT == fold
    return order[~held_out], order[held_out]


def best_steps(curves: Sequence[dict[int, float]]) -> int:
    """Return the number of steps at which the mean of the curves is highest; the smallest of equals."""
    means = {step: sum(curve[step] for curve in curves) / len(curves) for step in curves[0]}
    return max(means, key=lambda step: (means[step], -step))


def full_size_confusions(
    network: SegmentationNet,
    folder: VOCFolder,
    names: Sequence[str],
    canvases: Canvases,
    classes: int,
    progress: Progress = silent,
) -> Float[Tensor, "n k k"]:
    """Return the confusion matrix of each photo at the size of its label map, upsampling the logits."""
    tables = []
    with torch.inference_mode():
        for index, batch in enumerate(batches(canvases.luma, network, 1)):
            truth = torch.from_numpy(folder.labels(names[index]).copy())
            h, w = canvases.extents[index]
            logits = network(batch)[:, :, :h, :w]
            logits = F.interpolate(logits, truth.shape, mode="bilinear", align_corners=False)
            tables.append(confusion(logits.argmax(1)[0].cpu(), truth, classes))
            progress("scoring", index + 1, len(names))
    return torch.stack(tables)
