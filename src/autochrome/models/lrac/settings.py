"""What can be chosen when LRAC is trained; the defaults are the paper's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LRACSettings:
    """The constants of sections 3.2 and 3.5, and what is trained.

    Raises:
        ValueError: the window is even or not positive.
    """

    locations: int = 128
    """Random places of a photo that are learned from; 0 takes all, at the stride of inference."""
    window: int = 1
    """R of equation 2, the side of the region whose colors are the target; odd. The paper found no use in
    more than 1."""
    hue_weight: float = 5.0
    """lambda_H of equation 3, "roughly the inverse expectation" of chroma."""
    fade_extremes: bool = False
    """Weigh the chroma term by min(3L, 1, 3(1 - L)), as the authors' trainer does and their text does not."""
    freeze_trunk: bool = False
    """Train the head alone."""

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0:
            raise ValueError(f"the targets' window must be odd, so that it has a middle, not {self.window}")
