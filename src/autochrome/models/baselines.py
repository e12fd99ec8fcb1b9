"""What the papers compare against that needs no training."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor

from autochrome.models.base import Colorizer, ModelSpec, Samples


class Gray(Colorizer):
    """Leaves every photo gray: the baseline "Gray" of the papers' tables."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec

    def sample(self, luma: Float[Tensor, "b 1 h w"], *, n: int = 1, **unused: Any) -> Samples:
        """Return ``n`` times the neutral chroma, at the luma's resolution."""
        b, _, h, w = luma.shape
        return Samples(luma.new_zeros(b, n, 2, h, w), self.spec.space)
