"""What may be asked of a colorization, and which model can be asked for what; free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autochrome.models.spec import ModelSpec

SMALLEST, LARGEST = 32, 2048
"""Limits of the working size, in pixels."""

MOST_SAMPLES = 64
"""How many colorizations of a photo can be asked for at once."""

FUSIONS = ("none", "mirror", "full")


@dataclass(frozen=True)
class ColorizeSettings:
    """What may be asked of a colorization; None stands for the model's own default.

    Models are of two kinds: those with one answer to a photo (CIC) and those that draw as many as are asked
    for (PixColor). `check_supported` tells which settings are for which.

    Raises:
        ValueError: a value is out of its range.
    """

    vibrance: float | None = None
    """-1 to 2. 0 is the model's own answer, 1 favours rare colours as full rebalancing; below 0 mutes. For
    models with one answer."""
    temperature: float | None = None
    """0 to 1. 0 takes the most probable colour, 1 the mean of all. Of a model that draws: 1 draws as it
    learned, less keeps nearer to the probable."""
    size: int | None = None
    """Shorter side, in pixels, of the luma that the model sees: 32 to 2048."""
    fuse: str | None = None
    """Which views' predictions are averaged: "none" but the photo's, with its "mirror" image's, or "full",
    both in three sizes. Models with one answer take "mirror" by default, those that draw know only "none"."""
    upsampling: str = "guided"
    """How chroma is brought to full size: "guided" by the photo's edges, or "bilinear"."""
    guidance: float | None = None
    """0 to 2, of models that draw: how much more the photo decides than what is drawn already. 0 draws as
    learned; more gives surer and stronger colours."""
    samples: int = 1
    """1 to 64: how many colorizations, from models that draw."""
    seed: int = 0
    """0 or more. One seed gives one series of samples: the third of four is the third of eight."""
    refine: bool = True
    """Whether drawn chroma is refined to the size at which the model sees the photo, or left on its grid."""
    rank: bool = False
    """Whether the samples are ordered by how plausible the model's judge finds them, best first."""

    def __post_init__(self) -> None:
        _check_range("vibrance", self.vibrance, -1.0, 2.0)
        _check_range("temperature", self.temperature, 0.0, 1.0)
        _check_range("guidance", self.guidance, 0.0, 2.0)
        _check_range("size", self.size, SMALLEST, LARGEST)
        _check_choice("fuse", self.fuse, FUSIONS)
        _check_choice("upsampling", self.upsampling, ("guided", "bilinear"))
        _check_whole("samples", self.samples, 1, MOST_SAMPLES)
        _check_whole("seed", self.seed, 0, 2**63 - 1)


def check_supported(settings: ColorizeSettings, spec: ModelSpec) -> None:
    """Check that a model's kind, one answer or many, goes with what is asked.

    Raises:
        ValueError: it does not; the message says what to ask for instead.
    """
    if spec.draws:
        asked = [] if settings.vibrance is None else ["vibrance"]
        asked += [] if settings.fuse in (None, "none") else ["fuse"]
        if asked:
            raise ValueError(
                f"{spec.name} draws its colours and so has no {' or '.join(asked)}; "
                "vary --temperature, --guidance or --seed, or use --model cic"
            )
        return
    asked = [f"samples={settings.samples}"] if settings.samples != 1 else []
    asked += [] if settings.guidance is None else ["guidance"]
    asked += ["rank"] if settings.rank else []
    asked += [] if settings.refine else ["refine=False"]
    if asked:
        instead = ", or vary --vibrance" if "vibrance" in spec.defaults else ""
        raise ValueError(
            f"{spec.name} has one answer to a photo and so takes no {' or '.join(asked)}; "
            f"use --model pixcolor{instead}"
        )


def _check_range(name: str, value: float | int | None, low: float | int, high: float | int) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{name} must lie within {low:g} and {high:g}, not {value:g}")


def _check_whole(name: str, value: int, low: int, high: int) -> None:
    if value != int(value) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number within {low} and {high}, not {value}")


def _check_choice(name: str, value: str | None, choices: Sequence[str]) -> None:
    if value is not None and value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
