"""A model that draws, without a network: for tests of what is done with its samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from autochrome.models.base import Colorizer, Samples
from autochrome.models.registry import model_spec

CELL = 8


class Drawing(Colorizer):
    """One colour a sample, over the whole grid; refining reddens the bottom half and keeps all else.

    Sample k of a seed is the k-th pair of numbers of the generator. The judge prefers high Cb.
    """

    def __init__(self, *, fails_above: int = 10**9, knows_likelihood: bool = True) -> None:
        super().__init__()
        self.spec = replace(
            model_spec("pixcolor.test"), working_size=64, defaults={"temperature": 0.5, "guidance": 0.125}
        )
        self.fails_above, self.knows_likelihood = fails_above, knows_likelihood
        self.seen: list[Tensor] = []
        self.asked: list[dict[str, Any]] = []

    def sample(self, luma: Tensor, *, generator: torch.Generator | None = None, **asked: Any) -> Samples:
        self.seen.append(luma)
        self.asked.append(asked)
        if min(luma.shape[2:]) > self.fails_above:
            raise torch.OutOfMemoryError("CUDA out of memory")
        n, (height, width) = asked["n"], luma.shape[2:]
        colours = 0.4 + 0.2 * torch.rand(n, 2, generator=generator)
        grid = colours[None, :, :, None, None].expand(1, n, 2, height // CELL, width // CELL)
        known = -colours.sum(1)[None] * 100 if self.knows_likelihood else None
        return Samples(grid, "ycbcr", log_prob=known)

    def continuous(self, chroma: Tensor) -> Tensor:
        return chroma

    def refine_draw(self, luma: Tensor, chroma: Tensor) -> Tensor:
        refined = F.interpolate(chroma, luma.shape[2:])
        refined[:, 1, luma.shape[2] // 2 :] += 0.1
        return refined

    def rank(self, luma: Tensor, chroma: Tensor) -> Tensor:
        assert chroma.shape[3:] == (luma.shape[2] // CELL, luma.shape[3] // CELL)
        return chroma[:, :, 0].mean((2, 3))
