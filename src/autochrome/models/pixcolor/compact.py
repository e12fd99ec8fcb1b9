"""PixColor in sizes that a laptop runs, and what the paper leaves open or to future work. Not the paper's.

- Every network stands on the shared trunk, which sees the photo at 128 px; the draw has 28 rows of it.
- Draws become continuous chroma before they are refined (``dequantize``), and pass through tone curves.
- Refinement is told how far to trust the chroma that it is given (``compact_refinement``).
- The PixelCNN learns p(z) beside p(z | x), for guidance (``sampler.draw``).
- A small network ranks the draws (``ranker``; section 5.1 names it as future work).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.bins import ChromaBins, smooth_within
from autochrome.color.conversion import lightness_of_gray
from autochrome.color.spaces import YCBCR
from autochrome.models.base import Batch, ModelSpec
from autochrome.models.pixcolor.compact_refinement import CompactRefinement, blotches, casts
from autochrome.models.pixcolor.conditioning import FEATURES
from autochrome.models.pixcolor.model import PixColor
from autochrome.models.pixcolor.pixelcnn import PixelCNN, PixelCNNConfig
from autochrome.models.pixcolor.ranker import Ranker, distance, ranking_loss
from autochrome.models.pixcolor.refinement import jitter
from autochrome.models.pixcolor.settings import PixColorSettings
from autochrome.models.shared_trunk import load_lent_trunk, make_trunk
from autochrome.models.tone_curves import apply_curve, identity_curve
from autochrome.nn.adaptation import Adaptation
from autochrome.nn.pretrained import TINY, PretrainedTrunk
from autochrome.types import Chroma, Luma

WORKING_SIZE, CELLS = 128, 28
"""Rows of luma that the networks see, and rows of the low-resolution chroma: the paper's 28."""
TRUNK_STRIDE = 4
"""Pixels of luma along a side of a place of refined chroma."""

PIXELCNN = PixelCNNConfig(bins=ChromaBins(shift=4), blocks=6, head=256, input_gain=8.0)

CAST = 1.5 / 255
"""Standard deviation of the offset that a dequantized draw has everywhere, one for each channel."""
SMOOTHING = 6
"""Steps of `autochrome.color.bins.smooth_within` in dequantization."""
DOUBT = 0.2
"""How far refinement is told to doubt a draw; see `compact_refinement`."""

_MOST_KEPT = 4096  # photos with their draws, for the ranker; some 220 kB each


@dataclass(frozen=True)
class CompactPixColorSettings(PixColorSettings):
    """What is trained, and how."""

    condition_dropout: float = 0.0
    """Share of photos whose features are hidden from the PixelCNN while it learns, so that it learns p(z),
    too, which guidance needs (`sampler.draw`)."""
    ranker_samples: int = 4
    """Draws of each photo that the ranker compares."""
    ranker_replay: int = 0
    """How many earlier photos with their draws the ranker sees again with each new batch: a draw costs far
    more than its evaluation. They are lost when a run is resumed."""
    ranker_colorfulness: float = 1.0
    """Weight of the difference of the mean chroma in the distance by which draws are ranked."""
    blotches: float = 0.0
    """Half-width of smooth noise that is added, too: the kind of mistake that a draw makes."""
    casts: float = 0.0
    """Half-width of a tint all over that is added, too: the other kind."""
    jitter_varies: bool = False
    """Draw for each photo how much of ``jitter``, ``blotches`` and ``casts`` it gets, and tell the network
    (its ``doubt``), so that refinement learns to trust clean chroma and to mend noisy chroma."""


class CompactPixColor(PixColor):
    """PixColor over a trunk, whose draws are made continuous and can be ranked.

    Attributes:
        tone_curves: of Cb and Cr in [0, 1].
    """

    tone_curves: Float[Tensor, "2 256"]
    curve_neutral: float = YCBCR.neutral[0]

    def __init__(
        self,
        spec: ModelSpec,
        trunk: PretrainedTrunk,
        pixelcnn: PixelCNN,
        settings: CompactPixColorSettings,
        ranker: Ranker,
    ) -> None:
        if settings.freeze_backbone:
            raise ValueError("freeze_backbone is for pixcolor.paper; a borrowed trunk is frozen")
        conditioning = Adaptation(trunk, pixelcnn.config.condition)
        super().__init__(spec, conditioning, pixelcnn, CompactRefinement(trunk), settings)
        self.trunk = trunk
        self.ranker = ranker
        self.register_buffer("tone_curves", identity_curve())
        self._kept: list[Tensor] = []
        self._parts["ranker"] = (ranker,)
        if not trunk.frozen:
            self._parts["colorization"] = (trunk, conditioning, pixelcnn)
        self._freeze_other_parts()

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the trunk from the weights of a cic.compact; see ``load_lent_trunk``."""
        load_lent_trunk(self.trunk, state)

    # What is seen of the photo --------------------------------------------------------------------

    def encode(self, luma: Luma) -> Float[Tensor, "b c h2 w2"]:
        """Return features of the photo on the grid of the low-resolution chroma."""
        self._require_multiples(luma)
        return self.conditioning(self._maps(luma), grid((luma.shape[2], luma.shape[3]))).float()

    def reduce(self, chroma: Chroma) -> Float[Tensor, "b 2 h2 w2"]:
        """Return the mean of chroma of the luma's size over each cell of the grid."""
        return F.adaptive_avg_pool2d(chroma, grid((chroma.shape[2], chroma.shape[3])))

    def _maps(self, luma: Luma) -> list[Float[Tensor, "b c hi wi"]]:
        return self.trunk.maps(lightness_of_gray(luma) / 50 - 1)

    # Training -------------------------------------------------------------------------------------

    def _training_condition(self, luma: Luma) -> Float[Tensor, "b c h2 w2"]:
        condition = self.encode(luma)
        if self.training and self.settings.condition_dropout:
            kept = torch.rand(len(luma), 1, 1, 1, device=luma.device) >= self.settings.condition_dropout
            condition = condition * kept.to(condition.dtype)
        return condition

    def _refined(self, batch: Batch, low: Float[Tensor, "b 2 h w"]) -> tuple[Tensor, Tensor]:
        """Return refined chroma at stride 4, from what is low with noise, and the truth."""
        settings = self.settings
        noisy = casts(blotches(jitter(low, settings.jitter), settings.blotches), settings.casts)
        doubt = torch.ones(len(low), device=low.device)
        if settings.jitter_varies:
            doubt = torch.rand(len(low), device=low.device)
            noisy = low + doubt[:, None, None, None] * (noisy - low)
        return self.refinement(self._maps(batch.luma), noisy, doubt), F.avg_pool2d(batch.chroma, TRUNK_STRIDE)

    def ranker_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return how surely the ranker tells which of several draws for a photo is nearer to its true colors.

        Returns:
            ``loss`` in nats (``ranking_loss``), and ``right``: the share of photos whose nearest draw has the
            highest score.
        """
        with torch.no_grad():
            condition = self.encode(batch.luma)
            drawn = self.draw(batch.luma, n=self.settings.ranker_samples).chroma
            distances = distance(drawn, self.reduce(batch.chroma), self.settings.ranker_colorfulness)
            condition, drawn, distances = self._with_earlier_draws(condition, drawn, distances)
        scores = self._scores(condition, drawn)
        right = (scores.argmax(1) == distances.argmin(1)).float().mean()
        return {"loss": ranking_loss(scores, distances), "right": right}

    def _with_earlier_draws(self, *fresh: Tensor) -> tuple[Tensor, ...]:
        """Return features, drawn chroma and distances, followed by some that were kept; keep them, too."""
        wanted = self.settings.ranker_replay
        if not wanted:
            return fresh
        if self._kept and self._kept[0].shape[2:] == fresh[0].shape[2:]:
            chosen = torch.randint(len(self._kept[0]), (wanted,))
            pairs = list(zip(fresh, self._kept, strict=True))
            self._kept = [torch.cat((old, new))[-_MOST_KEPT:] for new, old in pairs]
            return tuple(torch.cat((new, old[chosen])) for new, old in pairs)
        self._kept = [tensor.clone() for tensor in fresh]
        return fresh

    def _scores(
        self, condition: Float[Tensor, "b c h w"], drawn: Float[Tensor, "b n 2 h w"]
    ) -> Float[Tensor, "b n"]:
        n = drawn.shape[1]
        return (
            self.ranker(condition.repeat_interleave(n, 0), drawn.flatten(0, 1)).float().unflatten(0, (-1, n))
        )

    # Inference ------------------------------------------------------------------------------------

    def dequantize(self, bins: Int[Tensor, "b 2 h w"]) -> Chroma:
        """Return the chroma (Cb, Cr) of bins (Cr, Cb), moved within them by a cast and to be smooth.

        The paper is silent on this. Left at the bins' means, all near-neutral colors would have one tint, and
        every slope would be a staircase. The cast is drawn from a generator whose seed is the draw itself, so
        that a draw always looks the same. The result passes through the tone curves.
        """
        seeds = [crc32(one.cpu().numpy().tobytes()) for one in bins]
        casts = torch.stack([torch.randn(2, generator=torch.Generator().manual_seed(s)) for s in seeds])
        chroma = self.decode(bins)
        shifted = chroma + CAST * casts[:, :, None, None].to(chroma)
        smooth = smooth_within(shifted, *self.bins.bounds(bins), SMOOTHING)
        return apply_curve(smooth, self.tone_curves)

    def refine(
        self, luma: Luma, chroma: Float[Tensor, "b 2 h8 w8"], *, doubt: float = 0.0
    ) -> Float[Tensor, "b 2 h4 w4"]:
        """Return chroma at a quarter of the luma's size; ``doubt``, 0 to 1, is how far it may be wrong."""
        return self.refinement(self._maps(luma), chroma, chroma.new_full((len(chroma),), doubt))

    def finish(
        self, luma: Luma, drawn: Float[Tensor, "b 2 h8 w8"], *, refine: bool = True
    ) -> Float[Tensor, "b 2 h3 w3"]:
        """Return drawn chroma, which lies at its bins' means, dequantized and then refined if requested."""
        chroma = self.dequantize(self.bins.encode(drawn))
        return self.refine(luma, chroma, doubt=DOUBT) if refine else chroma

    def rank(self, luma: Luma, drawn: Float[Tensor, "b n 2 h8 w8"]) -> Float[Tensor, "b n"]:
        """Score chroma of each photo on any grid; the higher, the nearer it may be to the photo's own."""
        low = F.adaptive_avg_pool2d(drawn.flatten(0, 1), grid((luma.shape[2], luma.shape[3])))
        quantized = self.decode(self.bins.encode(low)).unflatten(0, (-1, drawn.shape[1]))
        return self._scores(self.encode(luma), quantized)

    # Tone curves ----------------------------------------------------------------------------------

    def draws_for_curves(
        self, luma: Luma, generator: torch.Generator | None = None
    ) -> tuple[Callable[[], Float[Tensor, "b 2 h8 w8"]], ...]:
        """Draw once for each photo; the outputs are the draws, and these refined and reduced to their grid.

        Refinement takes some of the color away again; the second output shows how much.
        """
        bins = self.bins.encode(self.draw(luma, generator=generator).chroma[:, 0])
        kept = (255 * luma).round().byte().cpu()  # of thousands of photos

        def refined() -> Float[Tensor, "b 2 h8 w8"]:
            finished = self.finish(kept.to(bins.device) / 255, self.decode(bins))
            return F.adaptive_avg_pool2d(finished, (bins.shape[2], bins.shape[3]))

        return partial(self.dequantize, bins), refined

    def truth_for_curves(self, chroma: Chroma) -> Float[Tensor, "b 2 h8 w8"]:
        """Return true chroma as ``reduce`` does: Cb and Cr have the curves' scale."""
        return self.reduce(chroma)


def grid(size: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of the low-resolution chroma of luma of that size: 28 for 128 pixels."""
    height, width = (max(1, round(CELLS * side / WORKING_SIZE)) for side in size)
    return height, width


# Factories ----------------------------------------------------------------------------------------


def compact(
    spec: ModelSpec, *, trunk: str = "lite0", own_trunk: bool = False, **options: Any
) -> CompactPixColor:
    """Return networks over a trunk.

    Args:
        spec: as registered.
        trunk: as of ``autochrome.models.shared_trunk.make_trunk``.
        own_trunk: the trunk learns with the colorization network; otherwise it is borrowed.
        options: fields of ``CompactPixColorSettings``.

    Raises:
        ValueError: there is no such trunk.
    """
    settings = CompactPixColorSettings(**options)
    lent = make_trunk(trunk, own=own_trunk)
    model = CompactPixColor(spec, lent, PixelCNN(PIXELCNN), settings, Ranker(FEATURES))
    model.options = {"trunk": trunk, "own_trunk": own_trunk}
    return model


def tiny(spec: ModelSpec, **options: Any) -> CompactPixColor:
    """Return a compact model of a few thousand parameters, for tests; ``options`` as of ``compact``."""
    config = PixelCNNConfig(
        bins=ChromaBins(shift=4), maps=8, blocks=2, head=16, condition=8, input_gain=8.0, kernel=3
    )
    settings, ranker = CompactPixColorSettings(**options), Ranker(8, (8, 8, 8))
    return CompactPixColor(spec, PretrainedTrunk(TINY), PixelCNN(config), settings, ranker)
