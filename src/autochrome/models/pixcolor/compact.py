"""PixColor in sizes that a laptop runs, and what the paper leaves open or to future work. Not the paper's.

- Draws become continuous chroma before they are refined (``Dequantization``), and pass through tone curves.
- Refinement is told how far to trust the chroma that it is given (``refinement.CompactRefinement``).
- The PixelCNN learns p(z) beside p(z | x), for guidance (``sampler.draw``).
- A small network ranks the draws (``ranker``; section 5.1 names it as future work).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.bins import ChromaBins, smooth_within
from autochrome.color.spaces import YCBCR
from autochrome.models.base import Batch, ModelSpec
from autochrome.models.pixcolor.conditioning import FEATURES, CompactConditioning
from autochrome.models.pixcolor.model import PixColor
from autochrome.models.pixcolor.pixelcnn import PixelCNN, PixelCNNConfig
from autochrome.models.pixcolor.ranker import Ranker, ranking_loss
from autochrome.models.pixcolor.refinement import CompactRefinement, blotches, jitter
from autochrome.models.pixcolor.sampler import draw
from autochrome.models.pixcolor.settings import PixColorSettings
from autochrome.models.tone_curves import apply_curve, identity_curve
from autochrome.nn.compact import TINY

PIXELCNN = PixelCNNConfig(bins=ChromaBins(shift=4), blocks=6, head=256, input_gain=8.0)

_MOST_PAIRS = 4096  # kept for the ranker; 200 kB each


@dataclass(frozen=True)
class CompactPixColorSettings(PixColorSettings):
    """What is trained, and how."""

    condition_dropout: float = 0.0
    """Share of photos whose features are hidden from the PixelCNN while it learns, so that it learns p(z),
    too, which guidance needs (`sampler.draw`)."""
    ranker_replay: int = 0
    """How many earlier pairs of true and drawn chroma the ranker sees again with each new batch: a draw costs
    far more than its evaluation. The pairs are lost when a run is resumed."""
    blotches: float = 0.0
    """Half-width of smooth noise that is added, too: the kind of mistake that a draw makes."""
    jitter_varies: bool = False
    """Draw for each photo how much of ``jitter`` and ``blotches`` it gets, and tell the network (its
    ``doubt``), so that refinement learns to trust clean chroma and to mend noisy chroma."""


@dataclass(frozen=True)
class Dequantization:
    """How a draw becomes continuous chroma: where within its bin each value lies.

    The paper is silent. Left at the bins' means, all near-neutral colors would be one tint, and every slope a
    stair.
    """

    cast: float = 1.5 / 255
    """Standard deviation of the offset that a draw has everywhere, one for each channel."""
    smoothing: int = 6
    """Steps of `autochrome.color.bins.smooth_within`."""
    doubt: float = 0.2
    """How far refinement is told to doubt a draw; see `CompactRefinement.forward`."""


class CompactPixColor(PixColor):
    """PixColor whose draws are made continuous and can be ranked.

    Attributes:
        tone_curves: of Cb and Cr in [0, 1].
    """

    tone_curves: Float[Tensor, "2 256"]
    curve_neutral: float = YCBCR.neutral[0]

    def __init__(
        self,
        spec: ModelSpec,
        conditioning: CompactConditioning,
        pixelcnn: PixelCNN,
        refinement: CompactRefinement,
        settings: CompactPixColorSettings,
        *,
        ranker: Ranker,
        dequantization: Dequantization = Dequantization(),
    ) -> None:
        super().__init__(spec, conditioning, pixelcnn, refinement, settings)
        self.ranker = ranker
        self.dequantization = dequantization
        self.register_buffer("tone_curves", identity_curve())
        self._pairs: list[Tensor] = []
        self._parts["ranker"] = (ranker,)
        self._freeze_other_parts()

    # Training -------------------------------------------------------------------------------------

    def _training_condition(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b c h2 w2"]:
        condition = self.conditioning(luma)
        if self.training and self.settings.condition_dropout:
            kept = torch.rand(len(luma), 1, 1, 1, device=luma.device) >= self.settings.condition_dropout
            condition = condition * kept.to(condition.dtype)
        return condition

    def _refine_noisy(
        self, luma: Float[Tensor, "b 1 h w"], low: Float[Tensor, "b 2 h8 w8"]
    ) -> Float[Tensor, "b 2 h w"]:
        noisy = blotches(jitter(low, self.settings.jitter), self.settings.blotches)
        if not self.settings.jitter_varies:
            return self.refinement(luma, noisy)
        doubt = torch.rand(len(low), device=low.device)
        noisy = low + doubt[:, None, None, None] * (noisy - low)
        return self.refinement(luma, noisy, doubt)

    def ranker_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return how surely the ranker puts the true chroma above a fresh draw for the same photo.

        The true chroma is quantized and decoded as the draws are, lest its fractions give it away.

        Returns:
            ``loss`` in nats, and ``right``: the share of photos whose true chroma scores higher.
        """
        with torch.no_grad():
            condition = self.conditioning(batch.luma).float()
            true = self.decode(self.bins.encode(F.avg_pool2d(batch.chroma, self.conditioning.stride)))
            seed = int(torch.randint(2**62, ()))
            bins = draw(self.pixelcnn, condition, n=1, seed=seed, **self.spec.defaults).bins[:, 0]
            drawn = self.decode(bins.to(true.device))
            condition, true, drawn = self._with_earlier_pairs(condition, true, drawn)
        # Both in one batch, so that they are normalized alike.
        scores = self.ranker(condition.repeat(2, 1, 1, 1), torch.cat((true, drawn))).float()
        of_true, of_drawn = scores.chunk(2)
        right = (of_true > of_drawn).float().mean()
        return {"loss": ranking_loss(of_true, of_drawn), "right": right}

    def _with_earlier_pairs(self, *fresh: Tensor) -> tuple[Tensor, ...]:
        """Return features, true and drawn chroma, followed by some that were kept; keep them, too."""
        wanted = self.settings.ranker_replay
        if not wanted:
            return fresh
        if self._pairs and self._pairs[0].shape[2:] == fresh[0].shape[2:]:
            chosen = torch.randint(len(self._pairs[0]), (wanted,))
            pairs = list(zip(fresh, self._pairs, strict=True))
            self._pairs = [torch.cat((old, new))[-_MOST_PAIRS:] for new, old in pairs]
            return tuple(torch.cat((new, old[chosen])) for new, old in pairs)
        self._pairs = [tensor.clone() for tensor in fresh]
        return fresh

    # Inference ------------------------------------------------------------------------------------

    def dequantize(self, bins: Int[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
        """Return the chroma (Cb, Cr) of bins (Cr, Cb), moved within them by a cast and to be smooth.

        It passes through the tone curves. The cast is drawn from a generator whose seed is the draw itself,
        so that a draw always looks the same.
        """
        seeds = [crc32(one.cpu().numpy().tobytes()) for one in bins]
        casts = torch.stack([torch.randn(2, generator=torch.Generator().manual_seed(s)) for s in seeds])
        chroma = self.decode(bins)
        shifted = chroma + self.dequantization.cast * casts[:, :, None, None].to(chroma)
        smooth = smooth_within(shifted, *self.bins.bounds(bins), self.dequantization.smoothing)
        return apply_curve(smooth, self.tone_curves)

    def refine(
        self, luma: Float[Tensor, "b 1 h w"], chroma: Float[Tensor, "b 2 h8 w8"], *, doubt: float = 0.0
    ) -> Float[Tensor, "b 2 h w"]:
        """Return chroma at the luma's resolution; ``doubt``, 0 to 1, is how far the chroma may be wrong."""
        return self.refinement(luma, chroma, chroma.new_full((len(chroma),), doubt)).float()

    def finish(
        self, luma: Float[Tensor, "b 1 h w"], drawn: Float[Tensor, "b 2 h8 w8"], *, refine: bool = True
    ) -> Float[Tensor, "b 2 h3 w3"]:
        """Return drawn chroma, which lies at its bins' means, dequantized and then refined if requested."""
        chroma = self.dequantize(self.bins.encode(drawn))
        return self.refine(luma, chroma, doubt=self.dequantization.doubt) if refine else chroma

    def rank(
        self, luma: Float[Tensor, "b 1 h w"], drawn: Float[Tensor, "b n 2 h8 w8"]
    ) -> Float[Tensor, "b n"]:
        """Score low-resolution chroma of each photo; the higher, the more it looks like a photo's own."""
        n = drawn.shape[1]
        condition = self.encode(luma).repeat_interleave(n, 0)
        quantized = self.decode(self.bins.encode(drawn.flatten(0, 1)))
        return self.ranker(condition, quantized).float().unflatten(0, (-1, n))

    # Tone curves ----------------------------------------------------------------------------------

    def draws_for_curves(
        self, luma: Float[Tensor, "b 1 h w"], generator: torch.Generator | None = None
    ) -> tuple[Callable[[], Float[Tensor, "b 2 h8 w8"]], ...]:
        """Draw once for each photo; the outputs are the draws, and these refined and reduced to their grid.

        Refinement takes some of the color away again; the second output shows how much.
        """
        bins = self.bins.encode(self.draw(luma, generator=generator).chroma[:, 0])
        kept = (255 * luma).round().byte().cpu()  # of thousands of photos

        def refined() -> Float[Tensor, "b 2 h8 w8"]:
            return self.reduce(self.finish(kept.to(bins.device) / 255, self.decode(bins)))

        return partial(self.dequantize, bins), refined

    def truth_for_curves(self, chroma: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h8 w8"]:
        """Return true chroma as ``reduce`` does: Cb and Cr have the curves' scale."""
        return self.reduce(chroma)


# Factories ----------------------------------------------------------------------------------------


def compact(spec: ModelSpec, **options: Any) -> CompactPixColor:
    """Return networks of at most 12M parameters; ``options`` are fields of ``CompactPixColorSettings``."""
    return CompactPixColor(
        spec,
        CompactConditioning(),
        PixelCNN(PIXELCNN),
        CompactRefinement(),
        CompactPixColorSettings(**options),
        ranker=Ranker(FEATURES),
    )


def tiny(spec: ModelSpec, **options: Any) -> CompactPixColor:
    """Return a compact model of a few thousand parameters, for tests; ``options`` as of ``compact``."""
    config = PixelCNNConfig(
        bins=ChromaBins(shift=4), maps=8, blocks=2, head=16, condition=8, input_gain=8.0, kernel=3
    )
    return CompactPixColor(
        spec,
        CompactConditioning(TINY, features=8),
        PixelCNN(config),
        CompactRefinement(),
        CompactPixColorSettings(**options),
        ranker=Ranker(8, (8, 8, 8)),
    )
