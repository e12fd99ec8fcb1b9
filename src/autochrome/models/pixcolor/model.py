"""PixColor: Pixel Recursive Colorization. BMVC 2017, arXiv:1705.07208.

Sergio Guadarrama, Ryan Dahl, David Bieber, Mohammad Norouzi, Jonathon Shlens, Kevin Murphy.

Section or equation -> name here
    1, p(y | x) = sum_z delta(y = f(x, z)) p(z | x)   ``PixColor.sample``
    3.1, p(z | x), the conditional PixelCNN           ``pixelcnn.PixelCNN``, ``PixColor.log_prob``
    3.1, 32 bins of Cb and of Cr                      ``autochrome.color.bins.ChromaBins``
    3.1, sampling, pixel after pixel                  ``sampler``
    3.1, teacher forcing, cross-entropy               ``PixColor.colorization_losses``
    3.2, f(x, z), the refinement network              ``refinement``
    5.1, a separate ranking model (future work)       ``ranker``
    Table 2, conditioning and adaptation              ``conditioning``
    Table 2, gradient multiplier                      ``conditioning.GradientMultiplier``
    Table 2, colorness threshold                      ``colorness``
``compact`` is ours: the same three parts in sizes that a laptop runs.
What departs from the paper, and why: docs/papers/pixcolor.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from zlib import crc32

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.bins import ChromaBins, smooth_within
from autochrome.color.spaces import YCBCR
from autochrome.models.base import Batch, Colorizer, ModelSpec, Samples
from autochrome.models.calibration import apply_curve, identity_curve
from autochrome.models.pixcolor.conditioning import (
    FEATURES,
    CompactConditioning,
    Conditioning,
    GradientMultiplier,
    PaperConditioning,
)
from autochrome.models.pixcolor.pixelcnn import PixelCNN, PixelCNNConfig
from autochrome.models.pixcolor.ranker import Ranker, ranking_loss
from autochrome.models.pixcolor.refinement import (
    CompactRefinement,
    PaperRefinement,
    blotches,
    jitter,
    refinement_loss,
)
from autochrome.models.pixcolor.sampler import draw
from autochrome.models.pixcolor.settings import Dequantization, Part, TrainingSettings
from autochrome.nn.compact import CompactSize

STRIDE = 8
"""Pixels of the photo that a side of the low-resolution chroma's pixel covers: 224 / 28."""

_MOST_PAIRS = 4096  # kept for the ranker; 200 kB each


class PixColor(Colorizer):
    """Draws low-resolution chroma from a joint distribution and refines it, from Y in [0, 1].

    Attributes:
        bin_means: mean Cr and Cb of the training photos within each bin, "2 k": what a bin stands for.
        bin_counts: how many training pixels that is the mean of, "2 k".
        calibration: the tone curves of Cb and Cr that draws pass through, `autochrome.models.calibration`.
    """

    bin_means: Float[Tensor, "2 k"]
    bin_counts: Int[Tensor, "2 k"]
    calibration: Float[Tensor, "2 256"]
    curve_neutral: float = YCBCR.neutral[0]

    def __init__(
        self,
        spec: ModelSpec,
        conditioning: Conditioning,
        pixelcnn: PixelCNN,
        refinement: PaperRefinement | CompactRefinement,
        settings: TrainingSettings,
        *,
        ranker: Ranker | None = None,
        dequantization: Dequantization | None = None,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.conditioning = conditioning
        self.pixelcnn = pixelcnn
        self.refinement = refinement
        self.ranker = ranker
        self.dequantization = dequantization
        self.settings = settings
        self.bins: ChromaBins = pixelcnn.config.bins
        self.register_buffer("bin_means", self.bins.centers().expand(2, -1).clone())
        self.register_buffer("bin_counts", torch.zeros(2, self.bins.count, dtype=torch.int64))
        self.register_buffer("calibration", identity_curve())
        self._pairs: list[Tensor] = []
        self._choose_part()

    def _choose_part(self) -> None:
        for part, networks in self._parts().items():
            for network in networks:
                network.requires_grad_(part == self.settings.part)
        if self.settings.freeze_backbone:
            self.conditioning.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> PixColor:
        """Only the part that is trained leaves evaluation mode, so that the others' statistics stay."""
        super().train(mode)
        for part, networks in self._parts().items():
            for network in networks:
                network.train(mode and part == self.settings.part)
        if self.settings.freeze_backbone:
            self.conditioning.backbone.eval()
        return self

    def _parts(self) -> dict[Part, tuple[nn.Module, ...]]:
        """What is trained together."""
        return {
            "colorization": (self.conditioning, self.pixelcnn),
            "refinement": (self.refinement,),
            "ranker": () if self.ranker is None else (self.ranker,),
        }

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the conditioning network from one trained on something else; see its own method.

        Raises:
            ValueError: the state dict is of another network.
        """
        self.conditioning.load_backbone(state)

    # Training -------------------------------------------------------------------------------------

    def training_losses(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of the part that is trained; the others are left alone."""
        match self.settings.part:
            case "colorization":
                return self.colorization_losses(batch)
            case "refinement":
                return self.refinement_losses(batch)
            case "ranker":
                return self.ranker_losses(batch)

    def colorization_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Mean cross-entropy over pixels and both channels, each given the true chroma before it.

        Args:
            batch: luma and chroma at the conditioning network's own resolution, four (compact) or eight
                (paper) times the grid.

        Returns:
            ``loss`` in nats per dimension over the colorful photos; ``bits_per_dim`` over all.
        """
        chroma = F.avg_pool2d(batch.chroma, self.conditioning.stride)
        bins = self.bins.encode(chroma)
        if self.training:
            self._count(bins, chroma)
        condition = self.conditioning(batch.luma)
        if self.training and self.settings.condition_dropout:
            told = torch.rand(len(bins), 1, 1, 1, device=bins.device) >= self.settings.condition_dropout
            condition = condition * told.to(condition.dtype)
        nats = self.pixelcnn.cross_entropy(bins, condition).mean((1, 2, 3))
        kept = (colorness(batch.chroma) >= self.settings.colorness_threshold).float()
        loss = (nats * kept).sum() / kept.sum().clamp_min(1)
        return {"loss": loss, "bits_per_dim": nats.mean() / math.log(2), "kept": kept.mean()}

    def refinement_losses(self, batch: Batch) -> dict[str, Tensor]:
        """L1 between the truth and the refinement of the true low-resolution chroma, with jitter.

        Returns:
            ``loss`` (minimized) and ``bilinear``, the loss of plain bilinear upsampling; times 255.
        """
        low = F.avg_pool2d(batch.chroma, STRIDE)
        noisy = blotches(jitter(low, self.settings.jitter), self.settings.blotches)
        if self.settings.jitter_varies:
            doubt = torch.rand(len(low), device=low.device)
            noisy = low + doubt[:, None, None, None] * (noisy - low)
            refined = self.refinement(batch.luma, noisy, doubt)
        else:
            refined = self.refinement(batch.luma, noisy)
        plain = F.interpolate(low, batch.chroma.shape[2:], mode="bilinear", align_corners=False)
        return {
            "loss": 255 * refinement_loss(refined.float(), batch.chroma),
            "bilinear": 255 * refinement_loss(plain, batch.chroma),
        }

    def ranker_losses(self, batch: Batch) -> dict[str, Tensor]:
        """How surely the ranker puts the true chroma above a fresh draw for the same photo.

        The true chroma is quantized and decoded as the draws are, lest its fractions give it away.

        Returns:
            ``loss`` in nats, and ``right``: the share of photos whose true chroma scores higher.
        """
        ranker = self._require_ranker()
        with torch.no_grad():
            condition = self.conditioning(batch.luma).float()
            true = self.decode(self.bins.encode(F.avg_pool2d(batch.chroma, self.conditioning.stride)))
            seed = int(torch.randint(2**62, ()))
            how = self.spec.defaults
            drawn = draw(
                self.pixelcnn,
                condition,
                n=1,
                temperature=how["temperature"],
                guidance=how["guidance"],
                seed=seed,
            )
            drawn = self.decode(drawn.bins[:, 0].to(true.device))
            condition, true, drawn = self._with_earlier_pairs(condition, true, drawn)
        # Both in one batch, so that they are normalized alike.
        scores = ranker(condition.repeat(2, 1, 1, 1), torch.cat((true, drawn))).float()
        of_true, of_drawn = scores.chunk(2)
        right = (of_true > of_drawn).float().mean()
        return {"loss": ranking_loss(of_true, of_drawn), "right": right}

    def _with_earlier_pairs(self, *fresh: Tensor) -> tuple[Tensor, ...]:
        """A batch of features, true and drawn chroma, and after it some that were kept; it is kept, too."""
        wanted = self.settings.ranker_replay
        if not wanted:
            return fresh
        if self._pairs and self._pairs[0].shape[2:] == fresh[0].shape[2:]:
            chosen = torch.randint(len(self._pairs[0]), (wanted,))
            batch = tuple(torch.cat((new, old[chosen])) for new, old in zip(fresh, self._pairs, strict=True))
            self._pairs = [
                torch.cat((old, new))[-_MOST_PAIRS:] for new, old in zip(fresh, self._pairs, strict=True)
            ]
            return batch
        self._pairs = [tensor.clone() for tensor in fresh]
        return fresh

    @torch.no_grad()
    def _count(self, bins: Int[Tensor, "b 2 h w"], chroma: Float[Tensor, "b 2 h w"]) -> None:
        """Take a batch into the running mean of the training photos' chroma within each bin."""
        values = chroma.flip(1).double()
        for channel in (0, 1):
            index = bins[:, channel].flatten()
            sums = torch.zeros(self.bins.count, dtype=torch.float64, device=index.device)
            sums.index_add_(0, index, values[:, channel].flatten())
            counts = torch.bincount(index, minlength=self.bins.count)
            total = self.bin_counts[channel] + counts
            old = self.bin_means[channel].double()
            new = old + (sums - counts * old) / total.clamp_min(1)
            # The first pixels of a bin replace its center, which was a guess.
            first = self.bin_counts[channel] == 0
            new = torch.where(first & (counts > 0), sums / counts.clamp_min(1), new)
            self.bin_means[channel] = new.to(self.bin_means.dtype)
            self.bin_counts[channel] = total

    # Inference ------------------------------------------------------------------------------------

    def encode(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b c h8 w8"]:
        """Features of the photo on the grid of the low-resolution chroma.

        Raises:
            ValueError: height or width is not a multiple of ``spec.multiple_of``.
        """
        self._require_multiples(luma)
        return self.conditioning(F.avg_pool2d(luma, STRIDE // self.conditioning.stride)).float()

    def reduce(self, chroma: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h8 w8"]:
        """Chroma at the grid's resolution: its mean over 8x8 pixels."""
        return F.avg_pool2d(chroma, STRIDE)

    def log_prob(
        self, luma: Float[Tensor, "b 1 h w"], chroma: Float[Tensor, "b 2 h8 w8"]
    ) -> Float[Tensor, " b"]:
        """Log-likelihood in nats of low-resolution chroma (Cb, Cr in [0, 1]).

        Its negative divided by 2 h8 w8 ln 2 is in bits per dimension.
        """
        return self.pixelcnn.log_prob(self.bins.encode(chroma), self.encode(luma))

    def decode(self, bins: Int[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
        """Chroma (Cb, Cr) that bins (Cr, Cb) stand for: the training photos' mean within each."""
        return self.bins.decode(bins, self.bin_means)

    def dequantize(self, bins: Int[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
        """Chroma (Cb, Cr) of bins (Cr, Cb), moved within them by a cast and to be smooth, then calibrated.

        The cast is drawn from a generator whose seed is the draw itself, so that a draw has one look.
        """
        chroma = self.decode(bins)
        if self.dequantization is None:
            return chroma
        seeds = [crc32(one.cpu().numpy().tobytes()) for one in bins]
        casts = torch.stack([torch.randn(2, generator=torch.Generator().manual_seed(s)) for s in seeds])
        shifted = chroma + self.dequantization.cast * casts[:, :, None, None].to(chroma)
        smooth = smooth_within(shifted, *self.bins.bounds(bins), self.dequantization.smoothing)
        return apply_curve(smooth, self.calibration)

    def continuous(self, chroma: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
        """`dequantize`, of chroma that was drawn and so lies at its bins' means."""
        return self.dequantize(self.bins.encode(chroma))

    def refine(
        self, luma: Float[Tensor, "b 1 h w"], chroma: Float[Tensor, "b 2 h8 w8"], *, doubt: float = 0.0
    ) -> Float[Tensor, "b 2 h w"]:
        """Chroma at the luma's resolution from low-resolution chroma (section 3.2).

        ``doubt``, 0 to 1, is how far the chroma may be wrong; the paper's network knows no such thing.
        """
        if isinstance(self.refinement, CompactRefinement):
            return self.refinement(luma, chroma, chroma.new_full((len(chroma),), doubt)).float()
        return self.refinement(luma, chroma).float()

    def refine_draw(
        self, luma: Float[Tensor, "b 1 h w"], chroma: Float[Tensor, "b 2 h8 w8"]
    ) -> Float[Tensor, "b 2 h w"]:
        """As `refine`, of chroma that was drawn and so lies at its bins' means: it is dequantized first."""
        doubt = self.dequantization.doubt if self.dequantization else 0.0
        return self.refine(luma, self.continuous(chroma), doubt=doubt)

    def rank(
        self, luma: Float[Tensor, "b 1 h w"], chroma: Float[Tensor, "b n 2 h8 w8"]
    ) -> Float[Tensor, "b n"]:
        """Score low-resolution chroma of each photo; the higher, the more it looks like a photo's own.

        Raises:
            ValueError: the model has no ranker.
        """
        ranker = self._require_ranker()
        n = chroma.shape[1]
        condition = self.encode(luma).repeat_interleave(n, 0)
        quantized = self.decode(self.bins.encode(chroma.flatten(0, 1)))
        return ranker(condition, quantized).float().unflatten(0, (-1, n))

    def _require_ranker(self) -> Ranker:
        if self.ranker is None:
            raise ValueError(f"{self.spec.name} has no ranker: the paper has none; use pixcolor.compact")
        return self.ranker

    def sample(
        self,
        luma: Float[Tensor, "b 1 h w"],
        *,
        n: int = 1,
        temperature: float | None = None,
        guidance: float | None = None,
        generator: torch.Generator | None = None,
        refine: bool = True,
    ) -> Samples:
        """Draw ``n`` colorizations of each photo; all share one encoding of it.

        Args:
            luma: Y in [0, 1], sides multiples of ``spec.multiple_of``.
            n: colorizations of each photo.
            temperature: what the logits are divided by before a draw, above 0 and up to 1; 0 takes the most
                probable bin of each pixel in turn. The model's default if None.
            guidance: how much the photo outweighs what is drawn already, 0 (the paper) or more; see
                `sampler.draw`. The model's default if None.
            generator: its state decides the draws: sample k is the same whatever ``n`` and the batch. A new
                seed is taken if None.
            refine: False gives the low-resolution chroma, at an eighth of the luma's resolution and of its
                bins' means.

        Returns:
            Chroma (Cb, Cr in [0, 1]), with the exact log-likelihood of each low-resolution draw under the
            model at temperature 1, in nats.

        Raises:
            ValueError: ``n`` is below 1, the temperature outside [0, 1], or the sides are no multiples.
        """
        if n < 1:
            raise ValueError(f"the number of samples is at least 1, not {n}")
        t = self.spec.defaults["temperature"] if temperature is None else temperature
        if not 0 <= t <= 1:
            raise ValueError(f"temperature must lie within 0 and 1, not {t:g}")
        g = self.spec.defaults["guidance"] if guidance is None else guidance
        seed = int(torch.randint(2**62, (), generator=generator))
        draws = draw(self.pixelcnn, self.encode(luma), n=n, temperature=t, guidance=g, seed=seed)
        low = self.decode(draws.bins.flatten(0, 1))
        chroma = self.refine_draw(luma.repeat_interleave(n, 0), low) if refine else low
        return Samples(chroma.unflatten(0, (-1, n)), self.spec.space, log_prob=draws.log_prob)

    # Calibration ----------------------------------------------------------------------------------

    def draws_to_calibrate(
        self, luma: Float[Tensor, "b 1 h w"], generator: torch.Generator | None = None
    ) -> tuple[Callable[[], Float[Tensor, "b 2 h8 w8"]], ...]:
        """Draw once for each photo; shown are the draws before refinement, and after it, back on their grid.

        Refinement takes some of the color away again: the second look, through the first curve, makes up
        for it.

        Raises:
            ValueError: the model leaves its draws at their bins' means (``pixcolor.paper``).
        """
        if self.dequantization is None:
            raise ValueError(
                f"{self.spec.name} leaves its draws as they are and so has no curve to fit; "
                "pixcolor.compact has one"
            )
        bins = self.bins.encode(self.sample(luma, generator=generator, refine=False).chroma[:, 0])
        kept = (255 * luma).round().byte().cpu()  # of thousands of photos

        def refined() -> Float[Tensor, "b 2 h8 w8"]:
            return self.reduce(self.refine_draw(kept.to(bins.device) / 255, self.decode(bins)))

        return partial(self.dequantize, bins), refined

    def truth_to_calibrate(self, chroma: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h8 w8"]:
        """As `reduce`: Cb and Cr have the curves' scale."""
        return self.reduce(chroma)


def colorness(chroma: Float[Tensor, "b 2 h w"]) -> Float[Tensor, " b"]:
    """How colorful photos are: the 95th percentile of the distance of (Cb, Cr) from neutral, 0 to about .5.

    The paper drops what is below .05 without saying of what; read as this, 7 of 100 ImageNet photos go.
    """
    radius = (chroma - 128 / 255).norm(dim=1).flatten(1)
    return radius.quantile(0.95, dim=1)


# Factories ----------------------------------------------------------------------------------------


def paper(
    spec: ModelSpec,
    *,
    multiplier_before: float = 0.0,
    multiplier_after: float = 1.0,
    multiplier_at: int = 100_000,
    **options: Any,
) -> PixColor:
    """Table 2's networks.

    Args:
        spec: as registered.
        multiplier_before: scale of the gradient into the pre-trained network at first.
        multiplier_after: the same from training pass ``multiplier_at`` on.
        multiplier_at: table 2's 100,000 steps.
        options: fields of ``TrainingSettings``.
    """
    return PixColor(
        spec,
        PaperConditioning(GradientMultiplier(multiplier_before, multiplier_after, multiplier_at)),
        PixelCNN(PixelCNNConfig()),
        PaperRefinement(),
        TrainingSettings(**options),
    )


COMPACT_PIXELCNN = PixelCNNConfig(bins=ChromaBins(shift=4), blocks=6, head=256, input_gain=8.0)


def compact(spec: ModelSpec, **options: Any) -> PixColor:
    """Our networks of at most 12M parameters in all; ``options`` are fields of ``TrainingSettings``."""
    return PixColor(
        spec,
        CompactConditioning(),
        PixelCNN(COMPACT_PIXELCNN),
        CompactRefinement(),
        TrainingSettings(**options),
        ranker=Ranker(FEATURES),
        dequantization=Dequantization(),
    )


def tiny(spec: ModelSpec, **options: Any) -> PixColor:
    """A compact model of a few thousand parameters, for tests; ``options`` as for ``compact``."""
    size = CompactSize(widths=(8, 8, 16, 16, 16), blocks=(0, 1, 0, 0, 0), decoder=(16, 8, 8))
    config = PixelCNNConfig(
        bins=ChromaBins(shift=4), maps=8, blocks=2, head=16, condition=8, input_gain=8.0, kernel=3
    )
    return PixColor(
        spec,
        CompactConditioning(size, features=8),
        PixelCNN(config),
        CompactRefinement(),
        TrainingSettings(**options),
        ranker=Ranker(8, (8, 8, 8)),
        dequantization=Dequantization(),
    )
