"""PixColor: Pixel Recursive Colorization. BMVC 2017, arXiv:1705.07208.

Sergio Guadarrama, Ryan Dahl, David Bieber, Mohammad Norouzi, Jonathon Shlens, Kevin Murphy.

Section or equation -> name here
    1, p(y | x) = sum_z delta(y = f(x, z)) p(z | x)   ``PixColor.sample``
    3.1, p(z | x), the conditional PixelCNN           ``pixelcnn.PixelCNN``, ``PixColor.log_prob``
    3.1, 32 bins of Cb and of Cr                      ``autochrome.color.bins.ChromaBins``
    3.1, sampling, pixel after pixel                  ``PixColor.draw``, ``sampler``
    3.1, teacher forcing, cross-entropy               ``PixColor.colorization_losses``
    3.2, f(x, z), the refinement network              ``PixColor.finish``, ``refinement``
    Table 2, conditioning and adaptation              ``conditioning``
    Table 2, gradient multiplier                      ``conditioning.GradientMultiplier``
    Table 2, colorness threshold                      ``colorness``
``compact`` is ours: the same parts in sizes that a laptop runs, continuous chroma, and a ranker of its draws
(future work in section 5.1).
What departs from the paper, and why: docs/papers/pixcolor.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.bins import ChromaBins
from autochrome.color.spaces import YCBCR, lab_to_rgb
from autochrome.color.upsampling import upsample_bilinear
from autochrome.models.base import Batch, KnownColors, ModelSpec, Samples, SamplingColorizer
from autochrome.models.pixcolor.conditioning import GradientMultiplier, PaperConditioning
from autochrome.models.pixcolor.pixelcnn import PixelCNN, PixelCNNConfig
from autochrome.models.pixcolor.refinement import PaperRefinement, jitter
from autochrome.models.pixcolor.sampler import draw
from autochrome.models.pixcolor.settings import PixColorSettings
from autochrome.types import Chroma, Luma

_KNOWN_WIDTH = 0.03
"""Standard deviation of the Gaussian about a known color, in units of Cb and Cr: a bin."""
STRIDE = 8
"""Pixels of the photo that a side of the low-resolution chroma's pixel covers: 224 / 28."""


class PixColor(SamplingColorizer):
    """Draws low-resolution chroma from a joint distribution and refines it, from Y in [0, 1].

    Attributes:
        bin_means: mean Cr and Cb of the training photos within each bin, "2 k": what a bin stands for.
        bin_counts: how many training pixels that is the mean of, "2 k".
    """

    bin_means: Float[Tensor, "2 k"]
    bin_counts: Int[Tensor, "2 k"]

    def __init__(
        self,
        spec: ModelSpec,
        conditioning: nn.Module,
        pixelcnn: PixelCNN,
        refinement: nn.Module,
        settings: PixColorSettings,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.conditioning: Any = conditioning
        self.pixelcnn = pixelcnn
        self.refinement = refinement
        self.settings: Any = settings
        self.bins: ChromaBins = pixelcnn.config.bins
        self.register_buffer("bin_means", self.bins.centers().expand(2, -1).clone())
        self.register_buffer("bin_counts", torch.zeros(2, self.bins.count, dtype=torch.int64))
        # What is trained together.
        self._parts: dict[str, tuple[nn.Module, ...]] = {
            "colorization": (conditioning, pixelcnn),
            "refinement": (refinement,),
        }
        self._freeze_other_parts()

    def _freeze_other_parts(self) -> None:
        for part, networks in self._parts.items():
            for network in networks:
                network.requires_grad_(part == self.settings.part)
        if self.settings.freeze_backbone:
            self.conditioning.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> PixColor:
        """Set the mode; only the part that is trained leaves evaluation, so that other statistics stay."""
        super().train(mode)
        for part, networks in self._parts.items():
            for network in networks:
                network.train(mode and part == self.settings.part)
        if self.settings.freeze_backbone:
            self.conditioning.backbone.eval()
        return self

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the ResNet from one that has learned to segment (the paper: DeepLab) or to classify.

        See ``ResNet101Conv4.load_torchvision``.
        """
        self.conditioning.backbone.load_torchvision(state)

    # Training -------------------------------------------------------------------------------------

    def training_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of the part that is trained; the others are left alone."""
        return getattr(self, f"{self.settings.part}_losses")(batch)

    def colorization_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the mean cross-entropy over pixels and both channels, each given the true chroma before it.

        Returns:
            ``loss`` in nats per dimension over the colorful photos; ``bits_per_dim`` over all.
        """
        chroma = self.reduce(batch.chroma)
        bins = self.bins.encode(chroma)
        if self.training:
            self._count(bins, chroma)
        condition = self._training_condition(batch.luma)
        nats = self.pixelcnn.cross_entropy(bins, condition).mean((1, 2, 3))
        kept = (colorness(batch.chroma) >= self.settings.colorness_threshold).float()
        loss = (nats * kept).sum() / kept.sum().clamp_min(1)
        return {"loss": loss, "bits_per_dim": nats.mean() / math.log(2), "kept": kept.mean()}

    def _training_condition(self, luma: Luma) -> Float[Tensor, "b c h2 w2"]:
        return self.encode(luma)

    def refinement_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the L1 between the truth and the refinement of the true low-resolution chroma, with jitter.

        Returns:
            ``loss`` (minimized) and ``bilinear``, the loss of plain bilinear upsampling; times 255.
        """
        low = self.reduce(batch.chroma)
        refined, truth = self._refined(batch, low)
        plain = upsample_bilinear(low, (truth.shape[2], truth.shape[3]))
        return {"loss": 255 * F.l1_loss(refined, truth), "bilinear": 255 * F.l1_loss(plain, truth)}

    def _refined(self, batch: Batch, low: Float[Tensor, "b 2 h w"]) -> tuple[Tensor, Tensor]:
        return self.refinement(batch.luma, jitter(low, self.settings.jitter)), batch.chroma

    @torch.no_grad()
    def _count(self, bins: Int[Tensor, "b 2 h w"], chroma: Chroma) -> None:
        """Take a batch into the running mean of the training photos' chroma within each bin."""
        values = chroma.flip(1).double()
        for channel in (0, 1):
            index = bins[:, channel].flatten()
            sums = torch.zeros(self.bins.count, dtype=torch.float64, device=index.device)
            sums.index_add_(0, index, values[:, channel].flatten())
            counts = torch.bincount(index, minlength=self.bins.count)
            self.bin_counts[channel] += counts
            old = self.bin_means[channel].double()
            # The first pixels of a bin replace its center, which was a guess.
            self.bin_means[channel] = old + (sums - counts * old) / self.bin_counts[channel].clamp_min(1)

    # Inference ------------------------------------------------------------------------------------

    def encode(self, luma: Luma) -> Float[Tensor, "b c h8 w8"]:
        """Return features of the photo on the grid of the low-resolution chroma."""
        self._require_multiples(luma)
        return self.conditioning(luma).float()

    def reduce(self, chroma: Chroma) -> Float[Tensor, "b 2 h8 w8"]:
        """Return chroma at the grid's resolution: its mean over 8x8 pixels."""
        return F.avg_pool2d(chroma, STRIDE)

    def log_prob(self, luma: Luma, chroma: Float[Tensor, "b 2 h8 w8"]) -> Float[Tensor, " b"]:
        """Return the log-likelihood in nats of low-resolution chroma (Cb, Cr in [0, 1]).

        Its negative divided by 2 h8 w8 ln 2 is in bits per dimension.
        """
        return self.pixelcnn.log_prob(self.bins.encode(chroma), self.encode(luma))

    def decode(self, bins: Int[Tensor, "b 2 h w"]) -> Chroma:
        """Return the chroma (Cb, Cr) that bins (Cr, Cb) stand for: the training photos' mean within each."""
        return self.bins.decode(bins, self.bin_means)

    def refine(self, luma: Luma, chroma: Float[Tensor, "b 2 h8 w8"]) -> Chroma:
        """Return chroma at the luma's resolution from low-resolution chroma (section 3.2)."""
        self._require_multiples(luma)
        return self.refinement(luma, chroma)

    def finish(
        self, luma: Luma, drawn: Float[Tensor, "b 2 h8 w8"], *, refine: bool = True
    ) -> Float[Tensor, "b 2 h3 w3"]:
        """Return drawn chroma refined, or as it was drawn."""
        return self.refine(luma, drawn) if refine else drawn

    def draw(
        self,
        luma: Luma,
        *,
        n: int = 1,
        temperature: float | None = None,
        guidance: float | None = None,
        generator: torch.Generator | None = None,
        known: KnownColors | None = None,
    ) -> Samples:
        """Draw low-resolution chroma ``n`` times for each photo; all share one encoding of it.

        Args:
            luma: Y in [0, 1], sides multiples of ``spec.multiple_of``.
            n: draws for each photo.
            temperature: what the logits are divided by before a draw, above 0 and up to 1; 0 takes the most
                probable bin of each pixel in turn. The model's default if None.
            guidance: how much the photo outweighs what is drawn already, 0 (the paper) or more; see
                `sampler.draw`. The model's default if None.
            generator: its state decides the draws: sample k is the same whatever ``n`` and the batch. A new
                seed is taken if None.
            known: colors that the draws are to have, for one photo; what is drawn after them conforms.

        Returns:
            Chroma (Cb, Cr in [0, 1]) at an eighth of the luma's resolution and of its bins' means, with the
            exact log-likelihood of each draw under the model at temperature 1, in nats.

        Raises:
            ValueError: ``n`` is below 1, the temperature outside [0, 1], or the sides are no multiples.
        """
        t = self._checked_temperature(n, temperature)
        g = self.spec.defaults["guidance"] if guidance is None else guidance
        seed = int(torch.randint(2**62, (), generator=generator))
        condition = self.encode(luma)
        grid = (condition.shape[2], condition.shape[3])
        bias = None if known is None else self._bias(known, grid)
        draws = draw(self.pixelcnn, condition, n=n, temperature=t, guidance=g, seed=seed, bias=bias)
        chroma = self.decode(draws.bins.flatten(0, 1)).unflatten(0, (-1, n))
        return Samples(chroma, self.spec.space, log_prob=draws.log_prob)

    def _bias(self, known: KnownColors, grid: tuple[int, int]) -> Float[Tensor, "1 2 k h w"]:
        """Return what known colors add to the logits of every place: the log of a Gaussian about each."""
        rgb = lab_to_rgb(known.lab[:, :, None, None]).clamp(0, 1)
        cr_cb = YCBCR.split(rgb)[1].flip(1)[:, :, 0]  # k 2 1
        distance = (self.bin_means[None].to(cr_cb) - cr_cb) / _KNOWN_WIDTH
        weights = F.interpolate(known.weights[None], grid, mode="bilinear", antialias=True)[0]
        return torch.einsum("nhw,ncq->cqhw", weights, -distance.square() / 2)[None]


def colorness(chroma: Chroma) -> Float[Tensor, " b"]:
    """Return the 95th percentile of the distance of (Cb, Cr) from neutral, 0 to about .5.

    The paper drops what is below .05 without saying of what; read as this, 7 of 100 ImageNet photos go.
    """
    radius = (chroma - 128 / 255).norm(dim=1).flatten(1)
    return radius.quantile(0.95, dim=1)


# Factory ------------------------------------------------------------------------------------------


def paper(
    spec: ModelSpec,
    *,
    multiplier_before: float = 0.0,
    multiplier_after: float = 1.0,
    multiplier_at: int = 100_000,
    initialization: str = "fitted",
    **options: Any,
) -> PixColor:
    """Return table 2's networks.

    Args:
        spec: as registered.
        multiplier_before: scale of the gradient into the pre-trained network at first.
        multiplier_after: the same from training pass ``multiplier_at`` on.
        multiplier_at: table 2's 100,000 steps.
        initialization: "table2" draws the weights of all new convolutions from a normal distribution of
            deviation .1, truncated at 2 deviations, with biases of 0, as the table says; "fitted" scales them
            to the width of their inputs (PixelCNN: torch's defaults; refinement: He's).
        options: fields of ``PixColorSettings``.

    Raises:
        ValueError: the initialization is unknown.
    """
    if initialization not in ("fitted", "table2"):
        raise ValueError(f"initialization must be fitted or table2, not {initialization!r}")
    model = PixColor(
        spec,
        PaperConditioning(GradientMultiplier(multiplier_before, multiplier_after, multiplier_at)),
        PixelCNN(PixelCNNConfig()),
        PaperRefinement(),
        PixColorSettings(**options),
    )
    if initialization == "table2":
        for part in (model.conditioning.adaptation, model.pixelcnn, model.refinement):
            _initialize(part)
    return model


def _initialize(part: nn.Module) -> None:
    """Table 2, "Initialization: truncated normal (stddev .1), biases 0", of all convolutions of a part."""
    for layer in part.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.trunc_normal_(layer.weight, std=0.1, a=-0.2, b=0.2)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
