"""What is known of a model without loading it; free of torch, so that listing models is instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NATURAL = "natural"
"""The look that every model knows: its defaults."""


@dataclass(frozen=True)
class ModelSpec:
    """One registered model."""

    arch: str
    """System, as in the command line's ``--model``: ``cic``."""
    tag: str
    """Variant: ``paper``, ``compact``, ``test``."""
    space: str
    """Name of the color space whose luma it reads and whose chroma it predicts."""
    working_size: int
    """Shorter side, in pixels, of the luma that it sees when nothing else is asked."""
    multiple_of: int
    """The luma's height and width must be multiples of this."""
    paper: str
    """Citation: authors, year, arXiv number."""
    weights: str | None = None
    """Source of its weights: a bundled file's name, or None when none is shipped."""
    sha256: str | None = None
    """Digest of that file."""
    license: str = "Apache-2.0"
    unsure_above: float = 0.62
    """Doubt above which a photo's colors are said to be mostly a guess, in the unit of `Prediction.doubt`:
    what about one held-out photo in ten exceeds, by ``python -m reproduce.unsure``."""
    draws: bool = False
    """Whether it draws its answers at random, as many as are asked for."""
    refines: bool = False
    """Whether what it draws is coarse, and a network of its own brings it to the luma's size."""
    ranks: bool = False
    """Whether it has a judge that says which of its samples are plausible."""
    defaults: Mapping[str, float] = field(default_factory=dict)
    """Decoder settings used when nothing is asked, chosen by looking (docs/papers). A model that draws knows
    no others: one without ``guidance`` here takes none."""
    looks: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)
    """Looks other than "natural", which is the defaults: of each, the decoder settings that differ from them.
    A ``saturation`` here is the look's own; what a person asks for comes on top of it."""

    @property
    def name(self) -> str:
        """``arch.tag``, the name in the registry."""
        return f"{self.arch}.{self.tag}"

    @property
    def look_names(self) -> tuple[str, ...]:
        """The looks that the model knows: "natural", and those of ``looks``."""
        return (NATURAL, *self.looks)
