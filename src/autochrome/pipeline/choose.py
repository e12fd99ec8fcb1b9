"""Of many draws the few that a person should see: plausible ones, as different as possible."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

PLAUSIBLE = 0.3
"""Share of the draws, the most plausible ones, among which the different ones are chosen."""


def choose_different(
    ab: Float[Tensor, "n 2 h w"], count: int, plausibility: Float[Tensor, " n"] | None = None
) -> list[int]:
    """Return the numbers of ``count`` draws, the most plausible one first.

    The others are added one by one: each is the draw whose least distance from those chosen before is
    greatest (farthest-first traversal). Where plausibility is not known, all draws count as plausible and the
    first one comes first.

    Args:
        ab: a* and b* of the draws of one photo.
        count: how many to choose, from 1 to n.
        plausibility: of each draw; the higher, the better.
    """
    n = len(ab)
    order = torch.arange(n) if plausibility is None else plausibility.argsort(descending=True, stable=True)
    kept = order.cpu() if plausibility is None else order[: max(count, round(PLAUSIBLE * n))].cpu()
    colors = ab[kept.to(ab.device)].float()
    chosen = [0]
    nearest = _distance(colors, colors[0])
    for _ in range(count - 1):
        nearest[chosen[-1]] = -1.0  # not again, even if all are alike
        chosen.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, _distance(colors, colors[chosen[-1]]))
    return kept[torch.tensor(chosen)].tolist()


def _distance(ab: Float[Tensor, "n 2 h w"], other: Float[Tensor, "2 h w"]) -> Float[Tensor, " n"]:
    """Mean distance of the places."""
    return (ab - other).norm(dim=1).mean((1, 2))
