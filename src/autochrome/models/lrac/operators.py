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
class Operators:
    """The operator of every axis; the paper's choices.

    Raises:
        ValueError: an axis has no such operator, or eta is not positive.
    """

    hue: HueOperator = "expectation"
    chroma: Operator = "median"
    ab: Operator = "expectation"
    """For a and b; of a joint histogram the median is that of its marginals."""
    eta: float = 0.03
    """Length of the complex expectation below which chroma fades."""
    interpolate: bool = True
    """Whether the median lies between bins, as the paper has it, or on a center, as in the authors' code."""

    def __post_init__(self) -> None:
        for axis, known in (("hue", HueOperator), ("chroma", Operator), ("ab", Operator)):
            if getattr(self, axis) not in get_args(known):
                choices = ", ".join(get_args(known))
                raise ValueError(f"{axis} has no operator {getattr(self, axis)!r}; choose one of: {choices}")
        if self.eta <= 0:
            raise ValueError(f"eta must be positive, not {self.eta}; for no fading, turn fading off")

    def point(
        self,
        probabilities: Float[Tensor, "b k h w"],
        bins: AxisBins,
        operator: Operator,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b 1 h w"]:
        """Return the value of an axis that one of the operators takes of its distributions.

        Args:
            probabilities: they sum to 1 over k.
            bins: of the axis.
            operator: ``self.chroma`` or another.
            generator: where it is "sample"; on the CPU.
        """
        values = bins.centers[:, None]
        match operator:
            case "sample":
                return sample(probabilities, values, generator)
            case "mode":
                return mode(probabilities, values)
            case "expectation":
                return expectation(probabilities, values)
            case "median":
                return median(probabilities, bins, interpolate=self.interpolate)


PAPER_OPERATORS = Operators()


def probabilities_of(logits: Float[Tensor, "b k h w"], temperature: float) -> Float[Tensor, "b k h w"]:
    """Return the distribution of one axis.

    Args:
        logits: unnormalized log-probabilities.
        temperature: what they are divided by; 1 leaves the distribution as it is, 0 leaves its mode alone.

    Raises:
        ValueError: the temperature is negative.
    """
    if temperature < 0:
        raise ValueError(
            f"temperature must not be negative, not {temperature}; 0 is the mode, 1 the histogram"
        )
    logits = logits.float()
    if temperature == 0:
        return F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).to(logits)
    return torch.softmax(logits / temperature, 1)
