"""VGG-16 with its fully connected layers: the judge of CIC's test, with weights that the user provides.

Simonyan and Zisserman 2014, Very Deep Convolutional Networks for Large-Scale Image Recognition,
arXiv:1409.1556.
    configuration D of table 1        VGG16Settings
    sections 2.1, 2.3                 VGG16
    section 3.2, a single scale       vgg16_view (the smaller side 256, its central 224 x 224)

No weights are shipped. State dicts of torchvision and of timm can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autochrome.errors import WeightsError
from autochrome.evaluation.classifier.judge import Judge, central_square, imagenet_classes
from autochrome.io.whole_file import file_sha256
from autochrome.models.weights import mismatches, read_tensors, require_finite, resolve_weights
from autochrome.nn.resnet import normalized
from autochrome.nn.vgg import in_torchvision_names
from autochrome.types import RGB

_PICKLES = frozenset({".pth", ".pt"})


@dataclass(frozen=True)
class VGG16Settings:
    """The paper's sizes; tests use others."""

    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    """Channels of each block of convolutions."""
    convolutions: tuple[int, ...] = (2, 2, 3, 3, 3)
    """Number in each block; a max pool of 2 x 2 follows each block."""
    grid: int = 7
    """Side of the last maps; pictures are 2 ** blocks times as large."""
    hidden: int = 4096
    classes: int = 1000

    @property
    def size(self) -> int:
        """Side of the square input in pixels: 224."""
        return self.grid * 2 ** len(self.widths)

    @property
    def shorter_side(self) -> int:
        """To which pictures are resized before cropping, in pixels: 256."""
        return self.size * 8 // 7


class VGG16(nn.Module):
    """Thirteen convolutions and three fully connected layers, under torchvision's names."""

    def __init__(self, settings: VGG16Settings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or VGG16Settings()
        layers: list[nn.Module] = []
        before = 3
        for width, convolutions in zip(settings.widths, settings.convolutions, strict=True):
            for _ in range(convolutions):
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(before * settings.grid**2, settings.hidden),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(settings.hidden, settings.hidden),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(settings.hidden, settings.classes),
        )

    def forward(self, views: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b classes"]:
        """Return the logits of the classes for square pictures as ``vgg16_view`` makes them."""
        return self.classifier(self.features(views).flatten(1))


def vgg16_view(rgb: RGB, settings: VGG16Settings | None = None) -> Float[Tensor, "b 3 size size"]:
    """Return the central square of sRGB pictures in [0, 1], normalized as torchvision's VGG-16 takes it."""
    settings = settings or VGG16Settings()
    return normalized(central_square(rgb, settings.shorter_side, settings.size))


def load_vgg16(weights: str | PathLike[str], *, settings: VGG16Settings | None = None) -> Judge:
    """Return a VGG-16 with the user's weights as a judge of pictures.

    Args:
        weights: state dict of torchvision's or timm's ``vgg16`` (without batch normalization): what
            ``resolve_weights`` takes, or a .pth or .pt file, of which only tensors are read.
        settings: of a network of other sizes. Its outputs have names if there are 1000.

    Raises:
        WeightsError: the weights are missing, damaged or another network's; the message lists the tensors
            that are missing, unexpected or of another shape.
    """
    settings = settings or VGG16Settings()
    state, source, digest = _read_state(weights)
    state = in_torchvision_names(state)
    with torch.device("meta"):  # 138 million parameters need not be drawn to be replaced
        network = VGG16(settings)
    if problems := mismatches(network.state_dict(), state):
        expected = "VGG-16 (give the state dict of torchvision's or timm's vgg16, not of vgg16_bn)"
        raise WeightsError("\n  ".join([f"{source} does not fit {expected}:", *problems]))
    network.load_state_dict(state, assign=True)
    network.float().eval().requires_grad_(False)
    classes = tuple(imagenet_classes())
    return Judge(
        name="VGG-16",
        weights=source,
        sha256=digest,
        classes=classes if settings.classes == len(classes) else (),
        network=network,
        view=lambda rgb: vgg16_view(rgb, settings),
    )


def _read_state(weights: str | PathLike[str]) -> tuple[dict[str, Tensor], str, str]:
    """Return tensors by name, their source, and the file's digest."""
    path = Path(weights).expanduser()
    if path.suffix not in _PICKLES:
        file = resolve_weights(weights)
        return read_tensors(file.path, file.source), file.source, file.sha256
    source = fspath(weights)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, for the bytes may be anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(f"{source} cannot be read as a state dict of tensors alone ({reason})") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{source} is not a state dict of tensors; save the state dict alone")
    require_finite(state, source)
    return dict(state), source, file_sha256(path)
