"""Coherence: one surface, one color. Neighbors share their predictions, but not across the photo's edges.

Where a network is uncertain, its most probable color varies although the surface does not, and a plain wall
comes out in patches. Here the distributions of neighboring places are averaged repeatedly before decoding,
with weights that fall with the difference in lightness (anisotropic diffusion: Perona and Malik 1990). An
uncertain place among certain ones follows them; places that disagree become uncertain together, and calm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.types import Luma

EDGE = 5.0
"""Difference of L* between neighboring cells that counts as an edge: the kernel's standard deviation."""

_ROUNDS = 40
"""Exchanges between neighbors at full coherence. Colors travel about the square root of that many cells."""

_FLOOR = 1e-12
"""The least probability of a bin, so that its logarithm stays finite."""


@dataclass(frozen=True)
class Coherence:
    """A guide that shares predictions within surfaces.

    Attributes:
        luma: L* in [0, 100] of the photo, at any resolution; it is reduced to the prediction's.
        axes: the bins of each distribution of a place, as in `DistributionColorizer.axes`.
        amount: 0 to 1; 0 leaves the prediction unchanged.
    """

    luma: Luma
    axes: Sequence[slice]
    amount: float

    def __call__(self, logits: Float[Tensor, "1 q h w"]) -> Float[Tensor, "1 q h w"]:
        """Return the logarithms of the shared probabilities.

        Raises:
            ValueError: the amount is out of range.
        """
        if not 0 <= self.amount <= 1:
            raise ValueError(f"coherence must lie within 0 and 1, not {self.amount}")
        rounds = round(_ROUNDS * self.amount)
        if rounds == 0:
            return logits
        probabilities = torch.cat([logits[:, axis].softmax(1) for axis in self.axes], 1)
        cells = F.interpolate(
            self.luma.to(logits), logits.shape[2:], mode="bilinear", align_corners=False, antialias=True
        )
        shared = _diffuse(probabilities[0].permute(1, 2, 0).contiguous(), cells[0, 0], rounds)
        return shared.clamp_min(_FLOOR).log().permute(2, 0, 1)[None]


def _diffuse(
    values: Float[Tensor, "h w q"], luma: Float[Tensor, "h w"], rounds: int
) -> Float[Tensor, "h w q"]:
    """Replace every place by the weighted mean of itself and its four neighbors, ``rounds`` times."""
    down = torch.exp(-(luma[1:] - luma[:-1]).square() / (2 * EDGE**2))
    right = torch.exp(-(luma[:, 1:] - luma[:, :-1]).square() / (2 * EDGE**2))
    total = torch.ones_like(luma)
    total[1:] += down
    total[:-1] += down
    total[:, 1:] += right
    total[:, :-1] += right
    own = (1 / total)[..., None]
    from_above, from_below = (down / total[1:])[..., None], (down / total[:-1])[..., None]
    from_left, from_right = (right / total[:, 1:])[..., None], (right / total[:, :-1])[..., None]
    for _ in range(rounds):
        mixed = values * own
        mixed[1:].addcmul_(values[:-1], from_above)
        mixed[:-1].addcmul_(values[1:], from_below)
        mixed[:, 1:].addcmul_(values[:, :-1], from_left)
        mixed[:, :-1].addcmul_(values[:, 1:], from_right)
        values = mixed
    return values
