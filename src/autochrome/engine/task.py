"""What is trained: a task turns uint8 photos into batches and batches into losses."""

from __future__ import annotations

from operator import attrgetter

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from autochrome.color.spaces import get_space
from autochrome.data.augment import LumaFaults, degrade_luma, exposed_on_film
from autochrome.data.mounts import Mounts, mount
from autochrome.engine.recipe import OptimizerRecipe, Recipe
from autochrome.models.base import Batch, Colorizer


class TrainingTask(nn.Module):
    """A colorizer and its loss; ``forward`` is the training step, so that wrappers for many processes work.

    A step of the loop is one update for each of the task's ``phases``, in order, each with batches of its
    own. A phase has an optimizer, which moves the parameters that ``trained_in`` names. Here there is one
    phase; a GAN has two kinds.

    Args:
        colorizer: what is trained, averaged and shipped.
        faults: how the luma is degraded; None leaves it clean.
        mounts: how often borders, mats and cards, whose truth is neutral, cover a photo; None shows none.
    """

    phases: tuple[str, ...] = ("model",)

    def __init__(
        self, colorizer: Colorizer, faults: LumaFaults | None = None, mounts: Mounts | None = None
    ) -> None:
        super().__init__()
        self.colorizer = colorizer
        self.faults = faults
        self.mounts = mounts
        self.space = get_space(colorizer.spec.space)

    @torch.no_grad()
    def prepare(self, rgb: UInt8[Tensor, "b 3 h w"], generator: torch.Generator) -> Batch:
        """Return photos as the model's batch, in float32 on the photos' device.

        If the task has mounts, some photos are mounted, in the truth as well. Then they are split into luma
        and chroma, and the luma alone is degraded if the task has faults.
        """
        truth = rgb.float() / 255
        if self.mounts is not None:
            truth = mount(truth, self.mounts, generator)
        luma, chroma = self.space.split(truth)
        if self.faults is not None:
            if self.faults.film:
                luma = self.space.split(exposed_on_film(truth, self.faults.film, generator))[0]
            low, high = self.space.luma_range
            lightness = (luma - low) * (100 / (high - low))  # the faults are given in units of L*
            luma = degrade_luma(lightness, self.faults, generator) * ((high - low) / 100) + low
        return Batch(luma.contiguous(memory_format=torch.channels_last), chroma, truth)

    def forward(self, batch: Batch, phase: str = "model") -> dict[str, Tensor]:
        """Return the losses of one batch in a phase (scalars); ``loss`` is minimized, the rest is logged.

        Two phases give different names to what they log.
        """
        return self.colorizer.training_losses(batch)

    def trained_in(self, phase: str) -> nn.Module:
        """Return the module whose parameters the phase's optimizer updates; all others are frozen."""
        return self.colorizer

    def optimizer_in(self, phase: str, recipe: Recipe) -> OptimizerRecipe:
        """Return the recipe of the phase's optimizer."""
        return attrgetter(self.optimizer_setting(phase))(recipe)

    def optimizer_setting(self, phase: str) -> str:
        """Return the name of that section of the recipe."""
        return "optimizer"

    def after_update(self, phase: str) -> None:
        """Do what must be done to the parameters after an update of the phase."""
