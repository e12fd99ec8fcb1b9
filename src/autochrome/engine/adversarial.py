"""Training against a discriminator: algorithm 1 of Cao et al. (2017), for any ``AdversarialColorizer``.

A step is k_D updates of the discriminator and then k_G of the generator, each on a batch of its own. Both
networks stay in training mode in both phases, as the paper has it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from autochrome.data.augment import LumaFaults
from autochrome.data.mounts import Mounts
from autochrome.engine.recipe import AdversaryRecipe
from autochrome.engine.task import TrainingTask
from autochrome.models.base import AdversarialColorizer, Batch, Colorizer

DISCRIMINATOR = "discriminator"
GENERATOR = "generator"


class AdversarialTask(TrainingTask):
    """Train a colorizer and its discriminator in turn.

    Args:
        colorizer: the generator, an ``AdversarialColorizer``.
        adversary: how many updates of each make a step.
        faults, mounts: as for `TrainingTask`.

    Raises:
        TypeError: the colorizer does not learn against a discriminator.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        adversary: AdversaryRecipe,
        faults: LumaFaults | None = None,
        mounts: Mounts | None = None,
    ) -> None:
        super().__init__(colorizer, faults, mounts)
        self.discriminator = self._generator.make_discriminator()
        self.phases = (DISCRIMINATOR,) * adversary.steps + (GENERATOR,) * adversary.generator_steps

    @property
    def _generator(self) -> AdversarialColorizer:
        if not isinstance(self.colorizer, AdversarialColorizer):
            raise TypeError(f"{self.colorizer.spec.name} does not learn against a discriminator")
        return self.colorizer

    def forward(self, batch: Batch, phase: str = GENERATOR) -> dict[str, Tensor]:
        """Return the losses of the phase's network."""
        if phase == DISCRIMINATOR:
            return self._generator.discriminator_losses(self.discriminator, batch)
        return self._generator.generator_losses(self.discriminator, batch)

    def trained_in(self, phase: str) -> nn.Module:
        """Return the phase's network."""
        return self.discriminator if phase == DISCRIMINATOR else self.colorizer

    def optimizer_setting(self, phase: str) -> str:
        """Return the section of the phase's optimizer; the discriminator has one of its own."""
        return "adversary.optimizer" if phase == DISCRIMINATOR else "optimizer"

    @torch.no_grad()
    def after_update(self, phase: str) -> None:
        """Do what the objective demands of the discriminator, such as clipping its weights."""
        if phase == DISCRIMINATOR:
            self._generator.constrain(self.discriminator)
