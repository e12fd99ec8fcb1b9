"""Vibrance: how far rare, saturated colors are preferred to common, dull ones.

Training with class rebalancing (Zhang 2016, section 3.2) divides the predicted distribution by a power of
the color prior. The same is done here after training, by logit adjustment (Menon et al. 2021,
arXiv:2007.07314, section 4): ``log p(q|x) - tau log p(q)``. One model then gives the whole range.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

PRIOR_FLOOR = 1e-5
"""Bins rarer than this count as this rare: unseen colors gain no more than hardly seen ones."""


@dataclass(frozen=True)
class Vibrance:
    """A guide that favors rare colors.

    Attributes:
        prior: smoothed distribution of the bins in the training photos; sums to 1.
        amount: tau. 0 leaves the prediction unchanged, 1 divides by the whole prior as full rebalancing
            would, values below 0 mute the colors.
    """

    prior: Float[Tensor, " q"]
    amount: float

    def __call__(self, logits: Float[Tensor, "b q h w"]) -> Float[Tensor, "b q h w"]:
        """Return the adjusted logits."""
        if self.amount == 0:
            return logits
        log_prior = self.prior.to(logits).clamp_min(PRIOR_FLOOR).log()
        return logits - self.amount * log_prior[:, None, None]
