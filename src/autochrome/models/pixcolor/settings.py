"""What can be chosen when PixColor is trained; the defaults are the paper's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["colorization", "refinement", "ranker"]


@dataclass(frozen=True)
class PixColorSettings:
    """What is trained, and the constants of table 2."""

    part: Part = "colorization"
    """"colorization" trains conditioning, adaptation and PixelCNN together, "refinement" that network alone;
    "ranker", of the compact model, the network that ranks its draws."""
    freeze_backbone: bool = False
    """Leave the pre-trained part of the conditioning network as it is; table 2's gradient multiplier at 0."""
    colorness_threshold: float = 0.05
    """Photos whose colorness is below it teach the PixelCNN nothing; 0 keeps all."""
    jitter: float = 4 / 255
    """Half-width of the uniform noise on the chroma that refinement is trained with: half a bin."""
