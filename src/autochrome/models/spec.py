"""What is known of a model without loading it; free of torch, so that listing models is instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

NATURAL = "natural"
"""The look that every model has: its defaults."""

Kind = Literal["distribution", "samples", "point"]
"""What a model makes of a photo: a distribution over color bins at every place, which is decoded to one
colorization; samples, drawn at random; or one colorization and nothing else."""

Capability = Literal[
    "backbone", "features", "known_colors", "prior", "rank", "refine", "tone_curves", "trunk"
]
"""What some models can do beside their kind:

"backbone": start training from a network trained on something else (``Colorizer.load_backbone``);
"features": give the maps of their trunk as a representation of the photo (``Colorizer.features``);
"known_colors": draw what conforms to colors that are known (``known`` of the model's ``draw``);
"prior": learn with the color statistics of the training photos (``Colorizer.set_prior``);
"rank": score the plausibility of their samples (``SamplingColorizer.rank``);
"refine": draw coarsely and refine that to the luma's size by a network (``SamplingColorizer.finish``);
"tone_curves": pass their samples through curves fitted to photos (``SamplingColorizer.tone_curves``);
"trunk": of a model that draws, see luma as the shared trunk does, so that others on it tell how far hints
reach and which samples are plausible.
"""


@dataclass(frozen=True)
class ModelSpec:
    """One registered model."""

    arch: str
    """System, as in the command line's ``--model``: ``cic``."""
    tag: str
    """Variant: ``paper``, ``compact``, ``test``."""
    kind: Kind
    space: str
    """Name of the color space whose luma it reads and whose chroma it predicts."""
    working_size: int
    """Default shorter side, in pixels, of the luma that it sees."""
    multiple_of: int
    """The luma's height and width must be multiples of this."""
    paper: str
    """Citation: authors, year, arXiv number."""
    can: frozenset[Capability] = frozenset()
    weights: str | None = None
    """Source of its weights: a bundled file's name, or None when none is shipped."""
    sha256: str | None = None
    """Digest of that file."""
    unsure_above: float = 0.62
    """Doubt above which a photo's colors are said to be mostly a guess, in the unit of `Prediction.doubt`:
    what about one held-out photo in ten exceeds, by ``python -m reproduce.unsure``."""
    defaults: Mapping[str, float] = field(default_factory=dict)
    """The default of every decoder setting that the model has, chosen by looking at results (docs/papers)."""
    looks: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)
    """Looks other than "natural", which is the defaults: of each, the decoder settings that differ from them.
    A ``saturation`` here is the look's own; what a person asks for comes on top of it."""

    @property
    def name(self) -> str:
        """``arch.tag``, the name in the registry."""
        return f"{self.arch}.{self.tag}"

    @property
    def look_names(self) -> tuple[str, ...]:
        """The looks that the model has: "natural", and those of ``looks``."""
        return (NATURAL, *self.looks)
