"""Names for the tensors that travel between the parts; shapes are checked in the test run.

Ranges depend on the color space (see `autochrome.color.spaces`); `RGB` is always sRGB in [0, 1].
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

RGB = Float[Tensor, "b 3 h w"]
"""A batch of sRGB images, gamma-encoded, in [0, 1]."""

Luma = Float[Tensor, "b 1 h w"]
"""The lightness plane of a color space: what a black-and-white photograph tells."""

Chroma = Float[Tensor, "b 2 h w"]
"""The two color planes of a color space: what a model predicts."""

ChromaLogits = Float[Tensor, "b q h w"]
"""Unnormalized log probabilities over the q color bins of a model, at every place."""
