"""What can be chosen when a conditional GAN is trained: the paper's switches and our additions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
        objectives = ("gan", "non_saturating", "wgan", "wgan_gp")
        if self.objective not in objectives:
            raise ValueError(f"objective must be one of {', '.join(objectives)}, not {self.objective!r}")
        if self.lightness_weight < 0:
            raise ValueError(f"lightness_weight is at least 0, not {self.lightness_weight}")
        if self.clip <= 0:
            raise ValueError(f"clip is above 0, not {self.clip}")
        if self.gradient_penalty < 0:
            raise ValueError(f"gradient_penalty is at least 0, not {self.gradient_penalty}")
