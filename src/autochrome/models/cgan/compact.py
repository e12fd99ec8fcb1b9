"""``cgan.compact``: the shipped conditional GAN, its losses and its discriminator. Not the paper's.

Its generator (``compact_generator``) has two loss terms, each of which can be weighted or left out:

- from a discriminator, which sees chroma beside luma and the features of the photo;
- from the energy score (``energy``), that the samples of a photo spread as the true colors do.

How vivid its samples are is set after training, by curves that are fitted to photos.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.models.base import Batch, KnownColors, ModelSpec
from autochrome.models.cgan.compact_generator import STRIDE, CompactGenerator
from autochrome.models.cgan.discriminator import PaperDiscriminator
from autochrome.models.cgan.energy import energy_score
from autochrome.models.cgan.generator import PaperGenerator
from autochrome.models.cgan.known import planes_of, random_planes
from autochrome.models.cgan.model import CGAN, norm_for
from autochrome.models.cgan.objectives import accuracy, discriminator_loss, generator_loss
from autochrome.models.cgan.settings import CGANSettings, Objective
from autochrome.models.shared_trunk import load_lent_trunk, make_trunk
from autochrome.models.tone_curves import apply_curve, identity_curve
from autochrome.types import Chroma

_SLOPE = 0.2
_CHROMA_GAIN = 10.0
_CONDITION_GAIN = 0.3


@dataclass(frozen=True)
class CompactCGANSettings(CGANSettings):
    """The weights of the loss terms.

    Raises:
        ValueError: a value is out of its range.
    """

    objective: Objective = "non_saturating"
    """As of the paper's, without "wgan_gp"."""
    adversarial: float = 1.0
    """Weight of the objective; at 0 there is no discriminator."""
    energy: float = 20.0
    """Weight of the energy score."""
    samples: int = 2
    """Colorizations of each photo that the energy score compares."""
    known: float = 0.3
    """Share of the photos of which the generator is told some true colors while it learns."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective == "wgan_gp":
            raise ValueError("objective 'wgan_gp' is for cgan.paper; use 'non_saturating', 'gan' or 'wgan'")
        for name in ("adversarial", "energy"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is at least 0, not {getattr(self, name)}")
        if self.adversarial + self.energy == 0:
            raise ValueError("adversarial and energy are both 0: there is nothing to learn")
        if not 0 <= self.known <= 1:
            raise ValueError(f"known is a share, from 0 to 1, not {self.known}")
        if self.samples < 2:
            raise ValueError(f"samples is at least 2, not {self.samples}")


class CompactDiscriminator(nn.Module):
    """Judges chroma patch by patch and as a whole, beside luma and the condition.

    U and V vary by about .13, luma and the many planes of the condition by about .5: chroma is enlarged, or
    the discriminator would take long to notice that it matters. Group norm judges every picture
    alone.

    Args:
        condition: planes of the condition.
        width: channels of the first layer.
    """

    gains: Float[Tensor, "c 1 1"]

    def __init__(self, condition: int, width: int = 64) -> None:
        super().__init__()
        gains = [1.0, _CHROMA_GAIN, _CHROMA_GAIN, *[_CONDITION_GAIN] * condition]
        self.register_buffer("gains", torch.tensor(gains)[:, None, None], persistent=False)
        self.patches = nn.Sequential(
            nn.Conv2d(3 + condition, width, 3, padding=1),
            nn.LeakyReLU(_SLOPE),
            *_halving(width, 2 * width),
            *_halving(2 * width, 4 * width),
        )
        self.patch_score = nn.Conv2d(4 * width, 1, 3, padding=1)
        self.deepest = nn.Sequential(*_halving(4 * width, 4 * width))
        self.score = nn.Linear(4 * width, 1)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n"]:
        """Logits of being real: one per patch, and the whole's repeated as often, so that both count alike.

        Args:
            image: Y, U and V in [-1, 1], and after them the condition; sides are multiples of 8.
        """
        x = self.patches(image * self.gains)
        patches = self.patch_score(x).flatten(1)
        whole = self.score(self.deepest(x).mean((2, 3)))
        return torch.cat([patches, whole.expand_as(patches)], 1).float()


def _halving(width_in: int, width: int) -> list[nn.Module]:
    convolution = nn.Conv2d(width_in, width, 4, stride=2, padding=1)
    return [convolution, nn.GroupNorm(8, width), nn.LeakyReLU(_SLOPE)]


class CompactCGAN(CGAN):
    """A conditional GAN whose condition is what a network sees in the luma.

    Args:
        spec: as registered.
        generator: the network.
        settings: the weights of the loss terms.

    Attributes:
        tone_curves: of (U + 1) / 2 and (V + 1) / 2; samples pass through them, and nothing in training does.
    """

    tone_curves: Float[Tensor, "2 256"]
    curve_neutral: float = 0.5

    def __init__(self, spec: ModelSpec, generator: CompactGenerator, settings: CompactCGANSettings) -> None:
        discriminator = partial(CompactDiscriminator, generator.size.condition)
        super().__init__(spec, generator, discriminator, settings)
        self.adversarial = settings.adversarial > 0
        self.register_buffer("tone_curves", identity_curve())

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the trunk from the weights of a cic.compact; see ``load_lent_trunk``."""
        load_lent_trunk(self.generator.trunk, state)

    def training_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss that needs no discriminator.

        Returns:
            ``loss`` (minimized), and ``energy`` before its weight.
        """
        return self._energy_loss(batch, self.generator.encode(batch.luma), self._known(batch))[0]

    def discriminator_losses(self, discriminator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the losses as algorithm 1 has them, of luma and true chroma on the generator's grid.

        Returns:
            ``loss`` (minimized) and ``accuracy``.
        """
        with torch.no_grad():
            condition = self.generator.encode(batch.luma)
            drawn = self._color(condition, 1, self._known(batch))
        pictures = torch.cat([_reduced(batch.chroma), drawn])
        scores = discriminator(_image(batch, pictures, condition))
        real, fake = scores.chunk(2)
        loss = discriminator_loss(self.settings.objective, real, fake)
        return {"loss": loss, "accuracy": accuracy(self.settings.objective, real, fake).detach()}

    def generator_losses(self, discriminator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return ``training_losses``, and the objective on the same samples.

        Returns:
            ``loss`` (minimized); ``fooling`` (of the objective) and ``energy``, unweighted.
        """
        condition = self.generator.encode(batch.luma)
        losses, drawn = self._energy_loss(batch, condition, self._known(batch))
        scores = discriminator(_image(batch, drawn, condition.detach()))
        losses["fooling"] = generator_loss(self.settings.objective, scores)
        losses["loss"] = losses["loss"] + self.settings.adversarial * losses["fooling"]
        return losses

    def _energy_loss(
        self, batch: Batch, condition: Float[Tensor, "b c h w"], known: Float[Tensor, "b 3 h w"]
    ) -> tuple[dict[str, Tensor], Float[Tensor, "mb 2 h w"]]:
        """Return the energy score and its weighted loss, and the samples that were drawn for them."""
        settings = self.settings
        if not settings.energy:
            return {"loss": condition.new_zeros(())}, self._color(condition, 1, known)
        drawn = self._color(condition, settings.samples, known)
        energy = energy_score(drawn.unflatten(0, (settings.samples, -1)), _reduced(batch.chroma))
        return {"energy": energy, "loss": settings.energy * energy}, drawn

    def _chroma(self, colors: Float[Tensor, "b c h w"]) -> Chroma:
        """Return the generator's U and V through their curves, as samples have them."""
        return 2 * apply_curve(_on_curve(colors), self.tone_curves) - 1

    def draws_for_curves(
        self, luma: Float[Tensor, "b 1 h w"], generator: torch.Generator | None = None
    ) -> tuple[Callable[[], Float[Tensor, "b 2 h2 w2"]]]:
        """Draw one sample of each photo; it is the only output."""
        z = self.spec.defaults["temperature"] * self.generator.draw_noise(len(luma), generator).to(luma)
        drawn = _on_curve(self.generator(self.generator.encode(luma), z)).cpu()
        return (lambda: apply_curve(drawn, self.tone_curves),)

    def truth_for_curves(self, chroma: Chroma) -> Float[Tensor, "b 2 h2 w2"]:
        """Return its mean over the generator's places, on the curves' scale."""
        return _on_curve(_reduced(chroma))

    def _known(self, batch: Batch) -> Float[Tensor, "b 3 h w"]:
        return random_planes(_reduced(batch.luma), _reduced(batch.chroma), self.settings.known)

    def _color(
        self, condition: Float[Tensor, "b c h w"], samples: int, known: Float[Tensor, "b 3 h w"]
    ) -> Float[Tensor, "mb 2 h w"]:
        """Return colorings of each photo, sample by sample, with noise of torch's own generator."""
        z = self.generator.draw_noise(samples * len(condition))
        return self.generator(condition, z.to(condition.device), known)

    def _paint(
        self, condition: Float[Tensor, "b c h w"], z: Float[Tensor, "b k"], known: KnownColors | None
    ) -> Float[Tensor, "b 2 h w"]:
        if known is None:
            return self.generator(condition, z)
        grid = (condition.shape[2], condition.shape[3])
        return self.generator(condition, z, planes_of(known, grid).to(condition))


def _on_curve(chroma: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Chroma in [-1, 1] on the curves' scale, [0, 1]."""
    return (chroma + 1) / 2


def _reduced(planes: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    return F.avg_pool2d(planes, STRIDE)


def _image(
    batch: Batch, chroma: Float[Tensor, "mb 2 h w"], condition: Float[Tensor, "b c h w"]
) -> Float[Tensor, "mb d h w"]:
    """What the discriminator sees of m colorings of each photo."""
    m = len(chroma) // len(condition)
    known = torch.cat([_reduced(batch.luma), condition.to(chroma.dtype)], 1)
    repeated = known.expand(m, *known.shape).flatten(0, 1)
    image = torch.cat([repeated[:, :1], chroma, repeated[:, 1:]], 1)
    return image.contiguous(memory_format=torch.channels_last)


# Factories ----------------------------------------------------------------------------------------


def compact(
    spec: ModelSpec, *, trunk: str = "lite0", own_trunk: bool = False, **settings: Any
) -> CompactCGAN:
    """Return a generator over a trunk.

    Args:
        spec: as registered.
        trunk: as of ``autochrome.models.shared_trunk.make_trunk``.
        own_trunk: the trunk learns along; otherwise it is borrowed.
        settings: fields of ``CompactCGANSettings``.

    Raises:
        ValueError: there is no such trunk, or a setting is out of its range.
    """
    generator = CompactGenerator(make_trunk(trunk, own=own_trunk))
    model = CompactCGAN(spec, generator, CompactCGANSettings(**settings))
    model.options = {"trunk": trunk, "own_trunk": own_trunk}
    return model


def tiny(
    spec: ModelSpec,
    *,
    noise: str = "multi",
    condition: str = "multi",
    space: str = "yuv",
    **settings: Any,
) -> CGAN:
    """Return the paper's networks with few channels, for tests with 16-pixel photos; as ``paper``."""
    training = CGANSettings(**settings)
    generator = PaperGenerator(noise, condition, space, widths=(8, 6, 6, 4, 4), noise_size=8, plane=16)
    discriminator = partial(PaperDiscriminator, widths=(8, 16), size=16, hidden=8, norm=norm_for(training))
    model = CGAN(spec, generator, discriminator, training, space=space)
    model.options = {"noise": noise, "condition": condition, "space": space}
    return model
