"""Names for types that are shared by several packages; shapes of tensors are checked in the test run.

Ranges depend on the color space (see `autochrome.color.spaces`); `RGB` is always sRGB in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

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

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""


def silent(label: str, done: int, total: int) -> None:
    """Report no progress."""
