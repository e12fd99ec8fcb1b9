"""Training against a discriminator: algorithm 1 of Cao et al. (2017), for any ``Adversarial`` colorizer.

A step is k_D updates of the discriminator and then k_G of the generator, each on a batch of its own. Both
networks stay in training mode in both phases, as the paper has it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from autochrome.data.augment import LumaFaults
from autochrome.data.mounts import Mounts
from autochrome.engine.recipe import AdversaryRecipe, OptimizerRecipe, Recipe
from autochrome.engine.task import TrainingTask
from autochrome.models.base import Adversarial, Batch, Colorizer

DISCRIMINATOR = "discriminator"
GENERATOR = "generator"


class AdversarialTask(TrainingTask):
    """Train a colorizer and its discriminator in turn.

    Args:
        colorizer: the generator; an ``Adversarial`` one.
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
        self.discriminator = self._player.make_discriminator()
        self.phases = (DISCRIMINATOR,) * adversary.steps + (GENERATOR,) * adversary.generator_steps

    @property
    def _player(self) -> Adversarial:
        """The colorizer, as what knows the rules of the game."""
        if not isinstance(self.colorizer, Adversarial):
            raise TypeError(f"{self.colorizer.spec.name} does not learn against a discriminator")
        return self.colorizer

    def forward(self, batch: Batch, phase: str = GENERATOR) -> dict[str, Tensor]:
        """The losses of the one whose turn it is."""
        if phase == DISCRIMINATOR:
            return self._player.discriminator_losses(self.discriminator, batch)
        return self._player.generator_losses(self.discriminator, batch)

    def trained_in(self, phase: str) -> nn.Module:
        """The one whose turn it is."""
        return self.discriminator if phase == DISCRIMINATOR else self.colorizer

    def optimizer_in(self, phase: str, recipe: Recipe) -> OptimizerRecipe:
        """The discriminator has an optimizer of its own."""
        return recipe.adversary.optimizer if phase == DISCRIMINATOR else recipe.optimizer

    def optimizer_setting(self, phase: str) -> str:
        """Where the recipe speaks of it."""
        return "adversary.optimizer" if phase == DISCRIMINATOR else "optimizer"

    @torch.no_grad()
    def after_update(self, phase: str) -> None:
        """What the objective demands of the discriminator, such as clipped weights."""
        if phase == DISCRIMINATOR:
            self._player.constrain(self.discriminator)
