"""Unsupervised Diverse Colorization via Generative Adversarial Networks. ECML PKDD 2017, arXiv:1702.06674.

Yun Cao, Zhiming Zhou, Weinan Zhang, Yong Yu.

Section, equation or algorithm -> name here
    3.1, G: {y, z} -> x                           ``CGAN.draw``
    Equations 2 and 3                             ``objectives.discriminator_loss``, ``generator_loss`` there
    3.2, figure 4, the generator, stride 1        ``generator.PaperGenerator``
    3.2, figure 4, the discriminator              ``discriminator.PaperDiscriminator``
    3.2, YUV or RGB                               ``space``
    Equations 4 to 6, L1 of RGB's luma            ``objectives.lightness_loss``, ``lightness_weight``
    3.2, multi-layer noise                        ``noise``
    3.2, multi-layer conditional information      ``condition``
    3.2, Wasserstein GAN                          ``objective``, ``objectives.clip_weights``
    Algorithm 1, lines 3 to 6                     ``CGAN.discriminator_losses``
    Algorithm 1, lines 9 to 11                    ``CGAN.generator_losses``
    Algorithm 1, the loops                        ``autochrome.engine``
    Algorithm 2, batch norm when testing          ``CGAN.draw`` with statistics="batch", ``statistics``
``compact`` is ours: noise and condition in every layer of a network that learns from all kinds of photos.
What departs from the paper, and why: docs/papers/cgan.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autochrome.color.spaces import YUV
from autochrome.errors import shown
from autochrome.models.base import AdversarialColorizer, Batch, KnownColors, ModelSpec, Samples
from autochrome.models.cgan.discriminator import PaperDiscriminator
from autochrome.models.cgan.generator import ImageSpace, PaperGenerator, require_choice
from autochrome.models.cgan.objectives import (
    accuracy,
    clip_weights,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    lightness_loss,
)
from autochrome.models.cgan.settings import CGANSettings
from autochrome.models.cgan.statistics import batch_statistics, require_different_photos
from autochrome.types import Chroma

Statistics = Literal["running", "batch"]


class CGAN(AdversarialColorizer):
    """Draws colors from Y in [-1, 1] and noise, with a network that learned against a discriminator.

    Args:
        spec: as registered.
        generator: the network: a ``PaperGenerator``, or one with the same methods.
        discriminator: makes a network that judges pictures "b 3 h w", Y, U and V or R, G and B in [-1, 1].
        settings: objective and constants.
        space: what the generator paints, and so what the discriminator sees: "yuv" or "rgb".

    Raises:
        ValueError: the space is unknown.
    """

    def __init__(
        self,
        spec: ModelSpec,
        generator: nn.Module,
        discriminator: Callable[[], nn.Module],
        settings: CGANSettings,
        *,
        space: str = "yuv",
    ) -> None:
        super().__init__()
        require_choice("space", space, ImageSpace)
        self.spec = spec
        self.generator: Any = generator
        self.settings: Any = settings
        self.space = space
        self._discriminator = discriminator

    def draw(
        self,
        luma: Float[Tensor, "b 1 h w"],
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
        statistics: str = "running",
        known: KnownColors | None = None,
    ) -> Samples:
        """Draw ``n`` colorizations of each photo: algorithm 2, with new noise for all photos in each round.

        Args:
            luma: Y in [-1, 1], sides multiples of ``spec.multiple_of``.
            n: colorizations of each photo.
            temperature: what the noise is multiplied by, in [0, 1]; at 0 all samples are alike. The model's
                default if None.
            generator: its state decides the noise: sample k of a batch is the same whatever ``n``. Torch's
                own if None.
            statistics: what batch norms normalize with. "running": means over training, so that each photo is
                colored on its own. "batch": those of the photos given, as the paper does.
            known: colors that one photo's samples are to have; of models with the capability "known_colors".

        Returns:
            Chroma (U, V in [-1, 1]; what RGB has for them where the generator paints that).

        Raises:
            ValueError: ``n`` is below 1, the temperature outside [0, 1], the sides are no multiples, the
                statistics are unknown, or are the batch's and two of its photos are identical.
        """
        self._require_multiples(luma)
        t = self._checked_temperature(n, temperature)
        require_choice("statistics", statistics, Statistics)
        if statistics == "batch":
            require_different_photos(luma)
        with batch_statistics(self) if statistics == "batch" else nullcontext():
            condition = self.generator.encode(luma)
            rounds = []
            for _ in range(n):
                z = self.generator.draw_noise(len(luma), generator)
                rounds.append(self._chroma(self._paint(condition, t * z.to(luma), known)))
        return Samples(torch.stack(rounds, 1), self.spec.space)

    def _paint(self, condition: Any, z: Tensor, known: KnownColors | None) -> Float[Tensor, "b c h w"]:
        if known is not None:
            raise ValueError(f"{self.spec.name} cannot be told colors")
        return self.generator(condition, z)

    def _chroma(self, colors: Float[Tensor, "b c h w"]) -> Chroma:
        return colors if self.space == "yuv" else YUV.split((colors + 1) / 2)[1]

    # Algorithm 1 ----------------------------------------------------------------------------------

    adversarial = True

    def make_discriminator(self) -> nn.Module:
        """Return a new discriminator."""
        return self._discriminator()

    def discriminator_losses(self, discriminator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of lines 3 to 6 of algorithm 1, with new noise.

        Returns:
            ``loss`` (minimized), ``accuracy`` (of `objectives.accuracy`) and, for "wgan_gp", ``penalty``
            before its weight.

        Raises:
            ValueError: the model paints RGB and the batch has none.
        """
        settings = self.settings
        real = self._photos(batch)
        with torch.no_grad():
            fake = self._pictures(batch, self._draw(batch))
        real_scores, fake_scores = discriminator(real), discriminator(fake)
        losses = {"loss": discriminator_loss(settings.objective, real_scores, fake_scores)}
        if settings.objective == "wgan_gp":
            alpha = torch.rand(len(real), 1, 1, 1).to(real)
            losses["penalty"] = gradient_penalty(discriminator, real, fake, alpha)
            losses["loss"] = losses["loss"] + settings.gradient_penalty * losses["penalty"]
        losses["accuracy"] = accuracy(settings.objective, real_scores, fake_scores).detach()
        return losses

    def generator_losses(self, discriminator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of lines 9 to 11 of algorithm 1, with new noise.

        Returns:
            ``loss`` (minimized) and, for RGB, ``lightness``: equation 4, which equation 6 adds to it.
        """
        settings = self.settings
        colors = self._draw(batch)
        losses = {"loss": generator_loss(settings.objective, discriminator(self._pictures(batch, colors)))}
        if self.space == "rgb":
            losses["lightness"] = lightness_loss(batch.luma, colors)
            losses["loss"] = losses["loss"] + settings.lightness_weight * losses["lightness"]
        return losses

    def constrain(self, discriminator: nn.Module) -> None:
        """Clip the critic's weights ("wgan")."""
        if self.settings.objective == "wgan":
            clip_weights(discriminator, self.settings.clip)

    def _draw(self, batch: Batch) -> Float[Tensor, "b c h w"]:
        """Colors of a batch, with noise of torch's own generator."""
        z = self.generator.draw_noise(len(batch.luma)).to(batch.luma)
        return self.generator(self.generator.encode(batch.luma), z)

    def _pictures(self, batch: Batch, colors: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h w"]:
        return torch.cat([batch.luma, colors], 1) if self.space == "yuv" else colors

    def _photos(self, batch: Batch) -> Float[Tensor, "b 3 h w"]:
        if self.space == "yuv":
            return torch.cat([batch.luma, batch.chroma], 1)
        if batch.rgb is None:
            raise ValueError("space='rgb' needs batches with their rgb")
        return batch.rgb * 2 - 1


# Factory ------------------------------------------------------------------------------------------


def paper(
    spec: ModelSpec,
    *,
    noise: str = "multi",
    condition: str = "multi",
    space: str = "yuv",
    widths: Sequence[int] = (128, 64, 64, 64, 32),
    discriminator_widths: Sequence[int] = (64, 128, 256, 512),
    **settings: Any,
) -> CGAN:
    """Return the paper's networks.

    Args:
        spec: as registered.
        noise: "multi" or "single", as `PaperGenerator` has it.
        condition: "multi" or "single".
        space: "yuv" or "rgb": what the generator paints.
        widths: of the generator's layers but the last; the paper's, or others for a smaller network.
        discriminator_widths: of the discriminator's convolutions.
        settings: fields of ``CGANSettings``.

    Raises:
        ValueError: a choice is unknown; the message names those that are known.
    """
    for several in (widths, discriminator_widths):
        if len(several) > 8 or not all(1 <= width <= 1024 for width in several):
            raise ValueError(f"widths are at most 8 numbers from 1 to 1024, not {shown(several)}")
    training = CGANSettings(**settings)
    generator = PaperGenerator(noise, condition, space, widths=widths)
    discriminator = partial(PaperDiscriminator, widths=discriminator_widths, norm=norm_for(training))
    model = CGAN(spec, generator, discriminator, training, space=space)
    model.options = {"noise": noise, "condition": condition, "space": space, "widths": list(widths)}
    return model


def norm_for(settings: CGANSettings) -> str:
    """Return the discriminator's norm; a gradient penalty needs pictures that are judged alone."""
    return "layer" if settings.objective == "wgan_gp" else "batch"
