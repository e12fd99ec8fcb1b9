"""Models that draw, without a network: for tests of what is done with their samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from autochrome.models.base import Samples, SamplingColorizer
from autochrome.models.registry import model_spec

CELL = 8


class Drawing(SamplingColorizer):
    """As PixColor: coarse chroma, which is refined, with likelihoods and a judge.

    One color a sample, over the whole grid; refining reddens the bottom half and keeps all else. Sample k of
    a seed is the k-th pair of numbers of the generator. The judge prefers high Cb.
    """

    def __init__(self, *, fails_above: int = 10**9, knows_likelihood: bool = True) -> None:
        super().__init__()
        self.spec = replace(
            model_spec("pixcolor.test"), working_size=64, defaults={"temperature": 0.5, "guidance": 0.125}
        )
        self.fails_above, self.knows_likelihood = fails_above, knows_likelihood
        self.seen: list[Tensor] = []
        self.asked: list[dict[str, Any]] = []

    def draw(self, luma: Tensor, *, generator: torch.Generator | None = None, **asked: Any) -> Samples:
        self.seen.append(luma)
        self.asked.append(asked)
        if min(luma.shape[2:]) > self.fails_above:
            raise torch.OutOfMemoryError("CUDA out of memory")
        n, (height, width) = asked["n"], luma.shape[2:]
        colors = 0.4 + 0.2 * torch.rand(n, 2, generator=generator)
        grid = colors[None, :, :, None, None].expand(1, n, 2, height // CELL, width // CELL)
        known = -colors.sum(1)[None] * 100 if self.knows_likelihood else None
        return Samples(grid, "ycbcr", log_prob=known)

    def finish(self, luma: Tensor, drawn: Tensor, *, refine: bool = True) -> Tensor:
        if not refine:
            return drawn
        refined = F.interpolate(drawn, luma.shape[2:])
        refined[:, 1, luma.shape[2] // 2 :] += 0.1
        return refined

    def rank(self, luma: Tensor, drawn: Tensor) -> Tensor:
        assert drawn.shape[3:] == (luma.shape[2] // CELL, luma.shape[3] // CELL)
        return drawn[:, :, 0].mean((2, 3))


class WholeDrawing(SamplingColorizer):
    """As the conditional GAN: noise alone decides, nothing is refined or ranked, likelihoods are not known.

    Sample k of a seed is the k-th pair of numbers of the generator, times 0.25: U and V of the left half; the
    right half has their opposites.
    """

    def __init__(self, *, stride: int = 1, multiple_of: int = 1, fails_above: int = 10**9) -> None:
        super().__init__()
        self.spec = replace(
            model_spec("cgan.test"), working_size=64, multiple_of=multiple_of, defaults={"temperature": 0.5}
        )
        self.stride, self.fails_above = stride, fails_above
        self.seen: list[Tensor] = []
        self.asked: list[dict[str, Any]] = []

    def draw(
        self,
        luma: Tensor,
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
        statistics: str = "running",
    ) -> Samples:
        self._require_multiples(luma)
        self.seen.append(luma)
        self.asked.append({"n": n, "temperature": temperature, "statistics": statistics})
        if min(luma.shape[2:]) > self.fails_above:
            raise torch.OutOfMemoryError("CUDA out of memory")
        height, width = (side // self.stride for side in luma.shape[2:])
        colors = 0.25 * torch.rand(n, 2, generator=generator)
        chroma = colors[None, :, :, None, None].repeat(1, 1, 1, height, width)
        chroma[..., width // 2 :] *= -1
        return Samples(chroma, "yuv")
