"""What the papers compare against that needs no training."""

from __future__ import annotations

from typing import Any

from autochrome.models.base import Colorizer, ModelSpec, Samples
from autochrome.types import Luma


class Gray(Colorizer):
    """Leaves every photo gray: the baseline "Gray" of the papers' tables."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec

    def sample(self, luma: Luma, *, n: int = 1, **unused: Any) -> Samples:
        """Return ``n`` times the neutral chroma, at the luma's resolution."""
        b, _, h, w = luma.shape
        return Samples(luma.new_zeros(b, n, 2, h, w), self.spec.space)
