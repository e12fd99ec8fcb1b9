"""The generator of section 3.2 and figure 4: stride 1 throughout, with noise and condition in many layers.

| stage | input                               | operation               | norm, activation |
|-------|-------------------------------------|-------------------------|------------------|
| z     | U(-1, 1), 100 numbers               | dense to a 64x64 plane  | BN, ReLU         |
| 1     | Y, noise (2)                        | 7x7 to 128              | BN, ReLU         |
| 2     | Y, 128 (129), with noise 130        | 5x5 to 64               | BN, ReLU         |
| 3     | Y, 64 (65), with noise 66           | 5x5 to 64               | BN, ReLU         |
| 4     | Y, 64 (65)                          | 5x5 to 64               | BN, ReLU         |
| 5     | Y, 64 (65)                          | 5x5 to 32               | BN, ReLU         |
| 6     | Y, 32 (33)                          | 5x5 to 2 (RGB: 3)       | tanh             |

Noise in layers 1 to 3 and the condition in all of them are the paper's; ``noise="single"`` and
``condition="single"`` give both to layer 1 alone, which figures 7 and 8 compare with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.upsampling import upsample_bilinear

Layers = Literal["multi", "single"]
ImageSpace = Literal["yuv", "rgb"]

NOISY_LAYERS = 3
"""Section 3.2: "the first half of the generator layers (the first three layers in our case)"."""


def require_choice(name: str, value: str, choices: object) -> None:
    """Refuse what a ``Literal`` does not name.

    Raises:
        ValueError: the message names the choices.
    """
    known = get_args(choices)
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")


def initialize(module: nn.Module) -> None:
    """The released weights' distributions.

    Convolutions: a normal of standard deviation .02, cut at two of them. Linear layers: the same, not cut.
    Biases 0. Batch norm begins as the identity, as torch has it.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04)
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.02)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


def batch_norm(width: int, *, running: bool = True) -> nn.BatchNorm2d:
    """Epsilon 1e-5 and gain and bias; a decay of .9 is torch's momentum of .1."""
    return nn.BatchNorm2d(width, eps=1e-5, momentum=0.1, track_running_stats=running)


class NoisePlane(nn.Module):
    """A vector of noise as one plane: dense, BN, ReLU. The one layer that knows the training photos' size."""

    def __init__(self, noise_size: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.dense = nn.Linear(noise_size, side * side)
        self.norm = batch_norm(1)

    def forward(self, z: Float[Tensor, "m z"], size: tuple[int, int]) -> Float[Tensor, "m 1 h w"]:
        """The plane, 0 or more, at height and width ``size``: bilinear where they are not its own."""
        plane = F.relu(self.norm(self.dense(z).unflatten(1, (1, self.side, self.side))))
        return upsample_bilinear(plane, size)


class PaperGenerator(nn.Module):
    """Colors from luma and noise, at the luma's resolution.

    Args:
        noise: layers that the noise enters: 1 to 3 ("multi") or the first ("single"). It is one plane.
        condition: layers that the luma enters: all ("multi") or the first ("single").
        space: "yuv" gives U and V, "rgb" gives R, G and B.
        widths: of layers 1 to 5.
        noise_size: |z|.
        plane: side of the noise plane, the photos' in training.

    Raises:
        ValueError: a choice is unknown.
    """

    def __init__(
        self,
        noise: str = "multi",
        condition: str = "multi",
        space: str = "yuv",
        *,
        widths: Sequence[int] = (128, 64, 64, 64, 32),
        noise_size: int = 100,
        plane: int = 64,
    ) -> None:
        super().__init__()
        require_choice("noise", noise, Layers)
        require_choice("condition", condition, Layers)
        require_choice("space", space, ImageSpace)
        self.noise_size = noise_size
        self.noisy_layers = NOISY_LAYERS if noise == "multi" else 1
        self.conditioned_layers = len(widths) + 1 if condition == "multi" else 1
        self.plane = NoisePlane(noise_size, plane)
        outputs = [*widths, 2 if space == "yuv" else 3]
        self.convolutions = nn.ModuleList()
        width_in = 0
        for layer, width in enumerate(outputs):
            extra = (layer < self.conditioned_layers) + (layer < self.noisy_layers)
            kernel = 7 if layer == 0 else 5
            self.convolutions.append(nn.Conv2d(width_in + extra, width, kernel, padding=kernel // 2))
            width_in = width
        self.norms = nn.ModuleList([batch_norm(width) for width in widths])
        initialize(self)

    def encode(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
        """The condition of some photos: the luma itself, in [-1, 1]."""
        return luma

    def draw_noise(self, n: int, generator: torch.Generator | None = None) -> Float[Tensor, "n z"]:
        """``n`` vectors of U(-1, 1), on the CPU."""
        return torch.rand(n, self.noise_size, generator=generator) * 2 - 1

    def forward(
        self, condition: Float[Tensor, "b 1 h w"], z: Float[Tensor, "b z"]
    ) -> Float[Tensor, "b c h w"]:
        """U and V, or R, G and B, in [-1, 1]."""
        plane = self.plane(z, (condition.shape[2], condition.shape[3]))
        x = condition
        for layer, convolution in enumerate(self.convolutions):
            planes = [condition] if layer < self.conditioned_layers else []
            planes += [x] if layer else []
            planes += [plane] if layer < self.noisy_layers else []
            x = convolution(torch.cat(planes, 1))
            if layer < len(self.norms):
                x = F.relu(self.norms[layer](x))
        return torch.tanh(x.float())
