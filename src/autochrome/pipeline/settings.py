"""What may be asked of a colorization, and which model can be asked for what; free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autochrome.color.names import parse_color
from autochrome.models.spec import NATURAL, ModelSpec

if TYPE_CHECKING:
    from autochrome.guidance.hint_files import Hint
    from autochrome.io.photo import Photo

SMALLEST, LARGEST = 32, 2048
"""Limits of the working size, in pixels."""

MOST_SAMPLES = 64
"""How many colorizations of a photo can be asked for at once."""

FUSIONS = ("none", "mirror", "full")

LOOKS = (NATURAL, "accurate", "vivid")
"""Named sets of decoder settings, each model having its own values for them (`ModelSpec.looks`)."""

TRANSFERS = ("energy", "quantiles")

TINT_STRENGTH = 0.5
"""How strongly a tint works when nothing is said."""


@dataclass(frozen=True)
class ColorizeSettings:
    """What may be asked of a colorization; None stands for the model's own default.

    Models are of two kinds: those that predict how likely every color is at every place, with one best
    answer to a photo (CIC, LRAC), and those that draw as many as are asked for: PixColor place after place,
    the conditional GAN all at once. `check_supported` tells which settings are for which.

    Raises:
        ValueError: a value is out of its range.
    """

    look: str = NATURAL
    """A named set of decoder settings, each model having its own: "natural" is the model's defaults,
    "accurate" the calmest and on average nearest to the truth, "vivid" the most colorful. Settings that are
    given one by one override its values."""
    saturation: float = 1.0
    """0 to 3: what the predicted chroma is multiplied by, on top of the look, for every model. 0 leaves the
    photo gray, 1 changes nothing. Colors that are known from hints stay as they are."""
    vibrance: float | None = None
    """-1 to 2. 0 is the model's own answer, 1 favors rare colors as full rebalancing; below 0 mutes. For
    models with one answer."""
    coherence: float | None = None
    """0 to 1, for models with a distribution. How far what is predicted is shared within a surface, up to the
    photo's edges, before a color is made of it: 0 leaves every place to itself."""
    temperature: float | None = None
    """0 to 1. 0 takes the most probable color, 1 the mean of all. Of a model that draws: 1 draws as it
    learned, less makes its samples more alike, 0 all the same."""
    size: int | None = None
    """Shorter side, in pixels, of the luma that the model sees: 32 to 2048."""
    fuse: str | None = None
    """Which views' predictions are averaged: "none" but the photo's, with its "mirror" image's, or "full",
    both in three sizes. Models with one answer take "mirror" by default, those that draw know only "none"."""
    upsampling: str = "guided"
    """How chroma is brought to full size: "guided" by the photo's edges, or "bilinear"."""
    guidance: float | None = None
    """0 to 2, of PixColor: how much more the photo decides than what is drawn already. 0 draws as learned;
    more gives surer and stronger colors."""
    samples: int = 1
    """1 to 64: how many colorizations. A model that draws draws them; of a model with a distribution the
    first is its own answer, and the others are biased toward hues around the circle, one after the other."""
    seed: int = 0
    """0 or more. Seed and photo give one series of samples: the third of four is the third of eight, whatever
    the photo's name and whatever is colored with it. Other photos have other noise (`noise_seed`)."""
    refine: bool = True
    """Of PixColor: whether drawn chroma is refined to the size at which the model sees the photo, or left on
    its grid."""
    rank: bool = False
    """Of PixColor: whether the samples are ordered by how plausible its judge finds them, best first."""
    reference: Photo | None = None
    """A photo in color whose palette is taken over."""
    transfer: str | None = None
    """How: "energy" moves what the model predicts, as far as it is unsure of it; "quantiles" exchanges
    colors by their rank. By default the first, where a model has a distribution, else the second."""
    warmth: float | None = None
    """-1 to 1, for models with a distribution. Above 0 prefers warm colors, below 0 cool ones; what the
    model is sure of stays."""
    tint: str | None = None
    """A CSS name or #rrggbb, for models with a distribution: a color to which what is unsure is drawn."""
    tint_strength: float = TINT_STRENGTH
    """Above 0, to 1."""
    hints: tuple[Hint, ...] = ()
    """Colors that are known at some places, for models with a distribution."""

    def __post_init__(self) -> None:
        _check_choice("look", self.look, LOOKS)
        _check_range("saturation", self.saturation, 0.0, 3.0)
        _check_range("vibrance", self.vibrance, -1.0, 2.0)
        _check_range("coherence", self.coherence, 0.0, 1.0)
        _check_range("temperature", self.temperature, 0.0, 1.0)
        _check_range("guidance", self.guidance, 0.0, 2.0)
        _check_range("size", self.size, SMALLEST, LARGEST)
        _check_choice("fuse", self.fuse, FUSIONS)
        _check_choice("upsampling", self.upsampling, ("guided", "bilinear"))
        _check_whole("samples", self.samples, 1, MOST_SAMPLES)
        _check_whole("seed", self.seed, 0, 2**63 - 1)
        _check_choice("transfer", self.transfer, TRANSFERS)
        _check_range("warmth", self.warmth, -1.0, 1.0)
        _check_range("tint_strength", self.tint_strength, 0.01, 1.0)
        if self.tint is not None:
            parse_color(self.tint)
        if self.transfer is not None and self.reference is None:
            raise ValueError("transfer takes colors from a reference; give a reference too")


@dataclass(frozen=True)
class DecoderSettings:
    """The values with which a model is asked and its answer decoded: none is left open.

    Attributes:
        look: the look that they come from, where they were not given one by one.
        saturation: factor of the chroma, as it was asked for.
        look_saturation: the look's own factor, by which chroma is multiplied as well.
        size: shorter side, in pixels, of the luma that the model sees.
        fuse: which views are averaged.
        temperature: None where the model has none, as vibrance, coherence and guidance are.
    """

    look: str = NATURAL
    saturation: float = 1.0
    look_saturation: float = 1.0
    size: int = SMALLEST
    fuse: str = "none"
    temperature: float | None = None
    vibrance: float | None = None
    coherence: float | None = None
    guidance: float | None = None

    @property
    def chroma_scale(self) -> float:
        """What decoded a* and b* are multiplied by."""
        return self.saturation * self.look_saturation


def resolve(settings: ColorizeSettings, spec: ModelSpec) -> DecoderSettings:
    """Return the decoder settings that take effect: what is asked for, else the look's, else the defaults.

    Saturation alone comes on top of the look's own, so that 1.2 is stronger than the look, whichever it is.

    Raises:
        ValueError: the model does not know the look.
    """
    _check_look(settings, spec)
    values: dict[str, Any] = {"size": spec.working_size, "fuse": "none" if spec.draws else "mirror"}
    values |= spec.defaults
    values |= spec.looks.get(settings.look, {})
    own_saturation = values.pop("saturation", 1.0)
    for name in ("size", "fuse", "temperature", "vibrance", "coherence", "guidance"):
        if (asked := getattr(settings, name)) is not None:
            values[name] = asked
    return DecoderSettings(settings.look, settings.saturation, own_saturation, **values)


def check_supported(settings: ColorizeSettings, spec: ModelSpec) -> None:
    """Check that a model's kind goes with what is asked, as far as it can be told without loading the model.

    Raises:
        ValueError: it does not; the message says what to ask for instead.
    """
    _check_look(settings, spec)
    if spec.draws:
        _check_drawing(settings, spec)
        return
    asked = [] if settings.guidance is None else ["guidance"]
    asked += ["rank"] if settings.rank else []
    asked += [] if settings.refine else ["refine=False"]
    if asked:
        instead = ", or vary --vibrance" if "vibrance" in spec.defaults else ""
        raise ValueError(
            f"{spec.name} draws nothing and so takes no {_listed(asked)}; use --model pixcolor{instead}"
        )
    if not spec.defaults:  # a model that decodes a distribution has defaults for it
        check_no_distribution_needed(settings, spec)


def _check_look(settings: ColorizeSettings, spec: ModelSpec) -> None:
    if settings.look not in spec.look_names:
        raise ValueError(
            f"{spec.name} has no {settings.look} look, only {_listed(spec.look_names)}; leave the look out, "
            "or use --model cic, lrac, pixcolor or cgan"
        )


def _check_drawing(settings: ColorizeSettings, spec: ModelSpec) -> None:
    vary = _listed([*(f"--{name}" for name in spec.defaults), "--seed"])
    asked = _of_a_distribution(settings)
    asked += [] if settings.fuse in (None, "none") else ["fuse"]
    if asked:
        raise ValueError(
            f"{spec.name} draws its colors and so has no {_listed(asked)}; vary {vary}, or use --model cic"
        )
    decoders = [name for name in ("temperature", "guidance") if name not in spec.defaults]
    asked = [name for name in decoders if getattr(settings, name) is not None]
    asked += ["rank"] if settings.rank and not spec.ranks else []
    asked += [] if settings.refine or spec.refines else ["refine=False"]
    if asked:
        raise ValueError(
            f"{spec.name} takes no {_listed(asked)}; leave that out and vary {vary}, or use --model pixcolor"
        )


def check_no_distribution_needed(settings: ColorizeSettings, spec: ModelSpec) -> None:
    """Check that a model without a distribution, and one that does not draw, can do what is asked.

    Raises:
        ValueError: it cannot.
    """
    if settings.samples != 1:
        raise ValueError(
            f"{spec.name} has one answer to a photo and so takes no samples={settings.samples}; "
            "use --model cic or --model pixcolor"
        )
    asked = _of_a_distribution(settings) + ([] if settings.temperature is None else ["temperature"])
    if asked:
        raise ValueError(
            f"{spec.name} predicts no distribution and so has no {_listed(asked)}; use --model cic"
        )


def _of_a_distribution(settings: ColorizeSettings) -> list[str]:
    """What is asked that changes a predicted distribution, by name."""
    named = ("vibrance", "coherence", "warmth", "tint")
    asked = [name for name in named if getattr(settings, name) is not None]
    asked += ["hints"] if settings.hints else []
    return [*asked, "transfer by energy"] if settings.transfer == "energy" else asked


def _listed(names: Sequence[str]) -> str:
    return " or ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def _check_range(name: str, value: float | int | None, low: float | int, high: float | int) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{name} must lie within {low:g} and {high:g}, not {value:g}")


def _check_whole(name: str, value: int, low: int, high: int) -> None:
    if value != int(value) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number within {low} and {high}, not {value}")


def _check_choice(name: str, value: str | None, choices: Sequence[str]) -> None:
    if value is not None and value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
