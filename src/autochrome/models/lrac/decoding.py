"""How a histogram becomes a color: section 3.3 of Larsson, Maire and Shakhnarovich 2016 as a choice.

The operators themselves are in `autochrome.color.decoding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.decoding import expectation, median, mode, sample
from autochrome.color.histogram_bins import AxisBins

Operator = Literal["sample", "mode", "median", "expectation"]
"""From a histogram to a value."""
HueOperator = Literal["sample", "mode", "expectation"]
"""The same on the circle, which has no median; the expectation is the argument of the complex one."""


@dataclass(frozen=True)
class Decoding:
    """The operator of every axis, and what goes with it; the paper's choices.

    Raises:
        ValueError: an axis has no such operator, eta is not positive, or the temperature is negative.
    """

    hue: HueOperator = "expectation"
    chroma: Operator = "median"
    ab: Operator = "expectation"
    """For a and b; of a joint histogram the median is that of its marginals."""
    temperature: float = 1.0
    """What logits are divided by; 1 leaves the distribution as it is, 0 leaves its mode alone."""
    fading: bool = True
    """Whether chroma fades where hues disagree (hue/chroma alone)."""
    eta: float = 0.03
    """Length of the complex expectation below which chroma fades."""
    interpolate: bool = True
    """Whether the median lies between bins, as the paper has it, or on a center, as in the authors' code."""
    generator: torch.Generator | None = None
    """Of the operator "sample"; on the CPU."""

    def __post_init__(self) -> None:
        for axis, known in (("hue", HueOperator), ("chroma", Operator), ("ab", Operator)):
            if getattr(self, axis) not in get_args(known):
                choices = ", ".join(get_args(known))
                raise ValueError(f"{axis} has no operator {getattr(self, axis)!r}; choose one of: {choices}")
        if self.eta <= 0:
            raise ValueError(f"eta must be positive, not {self.eta}; for no fading, turn fading off")
        if self.temperature < 0:
            raise ValueError(
                f"temperature must not be negative, not {self.temperature}; 0 is the mode, 1 the histogram"
            )

    def probabilities(self, logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
        """Return the distribution of one axis, at the temperature."""
        logits = logits.float()
        if self.temperature == 0:
            return F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).to(logits)
        return torch.softmax(logits / self.temperature, 1)

    def point(
        self, probabilities: Float[Tensor, "b k h w"], bins: AxisBins, operator: Operator
    ) -> Float[Tensor, "b 1 h w"]:
        """Return the value of an axis that an operator takes of its distributions, which sum to 1 over k."""
        values = bins.centers[:, None]
        match operator:
            case "sample":
                return sample(probabilities, values, self.generator)
            case "mode":
                return mode(probabilities, values)
            case "expectation":
                return expectation(probabilities, values)
            case "median":
                return median(probabilities, bins, interpolate=self.interpolate)


PAPER_DECODING = Decoding()
