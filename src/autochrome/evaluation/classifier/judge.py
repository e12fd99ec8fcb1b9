"""A classifier that judges pictures: its input, and the meaning of its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from autochrome.data.photos import shrunk
from autochrome.io.whole_file import file_sha256
from autochrome.models.backbones import backbone_file, load_backbone_state
from autochrome.nn.efficientnet import LITE_SIZES, EfficientNetLiteClassifier
from autochrome.types import RGB

ANSWERS = 5
"""Answers per picture: CIC's test counts a class among the first five as recognized."""

EFFICIENTNET_SIZE = 192
"""Side of the squares that EfficientNet-Lite0 sees, in pixels; how it was chosen: docs/evaluation.md."""


@cache
def imagenet_classes() -> Mapping[str, str]:
    """Return the WordNet name of each of ImageNet's 1000 classes by its WordNet id.

    They are in the order of network outputs, which is that of the sorted ids.
    """
    text = (files("autochrome.evaluation.classifier") / "imagenet_classes.txt").read_text(encoding="utf-8")
    pairs = (line.split(" ", 1) for line in text.splitlines())
    return {wordnet_id: name for wordnet_id, name in pairs}


@dataclass(frozen=True)
class Judge:
    """A trained classifier of sRGB pictures."""

    name: str
    """What a report calls it."""
    weights: str
    """Where its weights came from."""
    sha256: str
    """Digest of the weights' file."""
    classes: tuple[str, ...]
    """WordNet id of each of the network's outputs; empty where these are not known."""
    network: nn.Module = field(repr=False)
    """Maps what ``view`` returns to logits "b classes"."""
    view: Callable[[RGB], RGB] = field(repr=False)
    """Turns sRGB pictures in [0, 1] of any size into the network's input, all of one size."""

    @torch.inference_mode()
    def answers(self, views: RGB, count: int = ANSWERS) -> Int[Tensor, "b count"]:
        """Return the ``count`` most probable outputs of each of the ``views``, best first."""
        return self.network(views).topk(count).indices

    def output_of(self, wordnet_id: str | None) -> int | None:
        """Return the number of a class's output; None if the classifier does not have the class."""
        return self.classes.index(wordnet_id) if wordnet_id in self.classes else None

    def class_name(self, output: int) -> str:
        """Return what an output stands for: a name, else its WordNet id, else its number."""
        if not self.classes:
            return f"class {output}"
        return imagenet_classes().get(self.classes[output], self.classes[output])


def load_efficientnet() -> Judge:
    """Return EfficientNet-Lite0, trained on ImageNet, as a judge of pictures of any size.

    Raises:
        WeightsError: its package is not installed.
    """
    source = "efficientnet-lite0"
    file = backbone_file(source, extra="report")
    network = EfficientNetLiteClassifier(LITE_SIZES["lite0"])
    network.load_imagenet(load_backbone_state(source))
    return Judge(
        name="EfficientNet-Lite0",
        weights=file.name,
        sha256=file_sha256(file),
        classes=tuple(imagenet_classes()),
        network=network.eval().requires_grad_(False),
        view=lambda rgb: central_square(rgb, EFFICIENTNET_SIZE, EFFICIENTNET_SIZE),
    )


def central_square(rgb: RGB, shorter_side: int, size: int) -> Float[Tensor, "b 3 size size"]:
    """Resize pictures (antialiased) to a shorter side in pixels, then crop the central square of ``size``.

    Args:
        rgb: sRGB in [0, 1], of any size.
        shorter_side: in pixels, at least ``size``.
        size: side of the square, in pixels.
    """
    scale = shorter_side / min(rgb.shape[2:])
    height, width = (round(side * scale) for side in rgb.shape[2:])
    rgb = shrunk(rgb, height, width)
    top, left = (height - size) // 2, (width - size) // 2
    return rgb[:, :, top : top + size, left : left + size]
