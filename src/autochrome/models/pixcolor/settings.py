"""What can be chosen when PixColor is trained, and how its draws become continuous."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["colorization", "refinement", "ranker"]


@dataclass(frozen=True)
class TrainingSettings:
    """What is trained, and the constants of table 2."""

    part: Part = "colorization"
    """"colorization" trains conditioning, adaptation and PixelCNN together, "refinement" that network alone,
    "ranker" the judge of its draws."""
    condition_dropout: float = 0.0
    """Share of photos of which the PixelCNN is told nothing while it learns, so that it comes to know p(z)
    too, which guidance needs (`sampler.draw`); not in the paper."""
    freeze_backbone: bool = False
    """Leave the pre-trained part of the conditioning network as it is; table 2's gradient multiplier at 0."""
    colorness_threshold: float = 0.05
    """Photos whose colorness is below it teach the PixelCNN nothing; 0 keeps all."""
    jitter: float = 4 / 255
    """Half-width of the uniform noise on the chroma that refinement is trained with: half a bin."""
    ranker_replay: int = 0
    """How many earlier pairs of true and drawn chroma the ranker is shown again with each new batch: a
    draw costs far more than a look at it. What is kept is lost when a run is resumed."""
    blotches: float = 0.0
    """Half-width of smooth noise that is added, too: the kind of mistake that a draw makes."""
    jitter_varies: bool = False
    """Draw for each photo how much of ``jitter`` and ``blotches`` it gets, and tell the network (its
    ``doubt``), so that refinement learns to trust clean chroma and to mend noisy chroma."""


@dataclass(frozen=True)
class Dequantization:
    """How a draw becomes continuous chroma: where within its bin each value lies.

    Ours: the paper is silent. Left at the bins' means, all near-neutral colors would be one tint, and every
    slope a stair.
    """

    cast: float = 1.5 / 255
    """Standard deviation of the offset that a draw has everywhere, one for each channel."""
    smoothing: int = 6
    """Steps of `autochrome.color.bins.smooth_within`."""
    doubt: float = 0.2
    """How far refinement is told to doubt a draw; see `CompactRefinement.forward`."""
