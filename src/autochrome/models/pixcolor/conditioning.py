"""The conditioning network: what the colorization network is told of the photo (section 3, table 2)."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from autochrome.nn.compact import conv_norm_relu
from autochrome.nn.resnet import ResNet101Conv4, normalized

FEATURES = 64
"""Maps of the adaptation network, table 2."""


class PaperConditioning(nn.Module):
    """Table 2's conditioning network, a ResNet-101 to conv4 at stride 8, and its adaptation convolutions.

    The table gives the adaptation a kernel and a width alone. Batch normalization and ReLU follow each
    convolution, as everywhere in the network before: the PixelCNN adds these features to the inputs of its
    gates, which have no norm of their own and saturate where the features are large.

    Args:
        multiplier: scales the gradient into the pre-trained network; table 2's if None.
    """

    def __init__(self, multiplier: GradientMultiplier | None = None) -> None:
        super().__init__()
        self.backbone = ResNet101Conv4()
        self.multiplier = multiplier or GradientMultiplier()
        widths = (self.backbone.width, FEATURES, FEATURES, FEATURES)
        self.adaptation = nn.Sequential(*(conv_norm_relu(a, b) for a, b in pairwise(widths)))

    def forward(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 64 h8 w8"]:
        """Features at an eighth of the resolution, from Y in [0, 1]; sides are multiples of 8."""
        return self.adaptation(self.multiplier(self.backbone(normalized(luma))))


class GradientMultiplier(nn.Module):
    """Table 2, "Gradient Multiplier: Engaged at 100,000 steps": the identity, which scales the gradient.

    The paper gives no values. Read as: what is pre-trained is left alone until the new layers behind it have
    learned to use it, and then trained along.

    Args:
        before: what the gradient is multiplied with at first.
        after: the same from training pass ``at`` on, counted from 0.
        at: a pass is one forward pass in training mode, which is a step where gradients are not accumulated.

    Attributes:
        passes: training passes so far. It is part of the state, so that a resumed run goes on counting.

    Raises:
        ValueError: ``at`` is below 0.
    """

    passes: Int[Tensor, ""]

    def __init__(self, before: float = 0.0, after: float = 1.0, at: int = 100_000) -> None:
        super().__init__()
        if at < 0:
            raise ValueError(f"a gradient multiplier is engaged at training pass 0 or later, not {at}")
        self.before, self.after, self.at = before, after, at
        self.register_buffer("passes", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """``x`` itself."""
        if not self.training:
            return x
        # Decided on the device, which need not be waited for.
        scale = torch.where(self.passes >= self.at, self.after, self.before)
        self.passes += 1
        x = x.view_as(x)
        if x.requires_grad:
            # A gradient of 0 rather than none: with several processes every parameter must get one.
            x.register_hook(lambda gradient: gradient * scale.to(gradient.dtype))
        return x
