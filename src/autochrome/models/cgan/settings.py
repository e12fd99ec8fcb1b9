"""What can be chosen when a conditional GAN is trained: the paper's switches and our additions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Objective = Literal["gan", "non_saturating", "wgan", "wgan_gp"]


@dataclass(frozen=True)
class CGANSettings:
    """Objective and constants; the defaults are the paper's.

    Raises:
        ValueError: a value is out of its range.
    """

    objective: Objective = "gan"
    """"gan" is equation 2 as algorithm 1 has it: the generator minimizes log(1 - D), which saturates.
    "non_saturating": it minimizes -log D. "wgan": the critic's weights are clipped. "wgan_gp": its gradient
    is penalized."""
    lightness_weight: float = 1.0
    """lambda of equation 6: weight of the L1 distance between the luma and that of the output. RGB only."""
    clip: float = 0.01
    """Largest absolute weight of the critic ("wgan")."""
    gradient_penalty: float = 10.0
    """Weight of the penalty ("wgan_gp")."""

    def __post_init__(self) -> None:
        if self.objective not in get_args(Objective):
            known = ", ".join(get_args(Objective))
            raise ValueError(f"objective must be one of {known}, not {self.objective!r}")
        for name in ("lightness_weight", "gradient_penalty"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is at least 0, not {getattr(self, name)}")
        if self.clip <= 0:
            raise ValueError(f"clip is above 0, not {self.clip}")
