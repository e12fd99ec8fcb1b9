"""A small classifier of sRGB pictures into the 200 classes of the 64 px photos, trained from nothing.

It judges what colorizers paint, so it shares no layer and no weight with any of them, and it was trained on
true color photos alone, as the VGG-16 of CIC's test was: crops and mirror images, never a gray one.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autochrome.evaluation.classifier.classes import CLASS_NAMES
from autochrome.evaluation.classifier.judge import Judge, load_strictly, read_tensors, resized
from autochrome.models.weights import resolve_weights

WEIGHTS = "classifier.safetensors"
SHA256 = "98566a3d2732de178ee0e8be5af10437e7836165cf4046466524fc8c334260bc"
"""The bundled weights and their digest."""

MEAN, STD = (0.48, 0.45, 0.40), (0.28, 0.27, 0.28)
"""Of the photos' sRGB values in [0, 1], channel by channel: the network's own scale."""


@dataclass(frozen=True)
class ClassifierSettings:
    """A residual network of four stages, each of half the resolution of the one before."""

    classes: int = len(CLASS_NAMES)
    widths: tuple[int, ...] = (40, 80, 160, 320)
    """Channels of each stage."""
    blocks: tuple[int, ...] = (1, 2, 2, 1)
    """Residual blocks of each stage."""
    size: int = 64
    """Side of the pictures it judges, in pixels."""


class Classifier(nn.Module):
    """Stem of stride 2, stages of residual blocks, and one layer over the mean of the last maps."""

    mean: Float[Tensor, "3 1 1"]
    std: Float[Tensor, "3 1 1"]

    def __init__(self, settings: ClassifierSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or ClassifierSettings()
        widths = self.settings.widths
        self.stem = _ConvNorm(3, widths[0], kernel=5, stride=2)
        stages, before = [], widths[0]
        for number, (width, blocks) in enumerate(zip(widths, self.settings.blocks, strict=True)):
            first = ResidualBlock(before, width, stride=1 if number == 0 else 2)
            stages.append(nn.Sequential(first, *(ResidualBlock(width, width) for _ in range(1, blocks))))
            before = width
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(before, self.settings.classes)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b classes"]:
        """Logits of the classes.

        Args:
            rgb: sRGB in [0, 1], sides of 64 px; others from 32 px up are taken, and judged worse.
        """
        scaled = ((rgb - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        maps = self.stages(torch.relu(self.stem(scaled)))
        return self.head(maps.mean((2, 3)))


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; the shortcut of a block that halves the maps is their mean."""

    def __init__(self, before: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        self.first = _ConvNorm(before, width, kernel=3, stride=stride)
        self.second = _ConvNorm(width, width, kernel=3)
        shortcut: list[nn.Module] = [] if stride == 1 else [nn.AvgPool2d(stride, ceil_mode=True)]
        if before != width:
            shortcut.append(_ConvNorm(before, width, kernel=1))
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b width h2 w2"]:
        """Maps of the block, at the resolution that its stride leaves."""
        return torch.relu(self.shortcut(maps) + self.second(torch.relu(self.first(maps))))


class _ConvNorm(nn.Sequential):
    def __init__(self, before: int, width: int, *, kernel: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(before, width, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(width)
        )


def load_classifier(weights: str | PathLike[str] = WEIGHTS, *, device: str | torch.device = "cpu") -> Judge:
    """The bundled classifier as a judge of pictures of any size.

    A picture is squashed to a square of 64 px, as the photos were that it was trained on: they were whole
    pictures, their sides squashed to one length.

    Args:
        weights: its file; another one is taken as ``resolve_weights`` does.
        device: where to judge.

    Raises:
        WeightsError: the weights are missing or damaged, or another network's.
    """
    file = resolve_weights(weights, sha256=SHA256 if weights == WEIGHTS else None)
    network = Classifier()
    load_strictly(
        network, read_tensors(file), source=file.source, kind="the bundled classifier", device=device
    )
    size = network.settings.size
    return Judge(
        name="Autochrome's classifier of 200 classes",
        weights=file.source,
        sha256=file.sha256,
        classes=tuple(CLASS_NAMES),
        network=network,
        view=lambda rgb: resized(rgb, size, size),
    )
