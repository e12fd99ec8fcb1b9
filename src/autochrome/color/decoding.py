"""From a distribution over colors to one color: the operators that the papers share.

All take logits or probabilities over the bins (axis 1, as in "b q h w") and the bins' values ("q c"), and
return one value for every place ("b c h w").

Section or equation -> name here
    CIC 3.3, the mean and the mode                  ``expectation``, ``mode``
    CIC equation 8, the annealed mean               ``annealed_mean``
    CIC figure 4, the temperatures                  ``FIGURE_4_TEMPERATURES``
    LRAC 3.3, sample and median                     ``sample``, ``median``
    LRAC 3.3, z, the complex expectation of hue     ``circular_expectation``, ``hue_of``
    LRAC 3.3, chromatic fading                      ``chromatic_fading``
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from autochrome.color.histogram_bins import AxisBins

FIGURE_4_TEMPERATURES = (1.0, 1 / 2, 1 / 4, 1 / 6, 1 / 8, 1 / 12, 0.0)
"""The temperatures of figure 4, from the mean (1) to the mode (0)."""


def expectation(
    probabilities: Float[Tensor, "b q h w"], values: Float[Tensor, "q c"]
) -> Float[Tensor, "b c h w"]:
    """Return the mean of ``values`` under each place's distribution (probabilities sum to 1 over q)."""
    return torch.einsum("bqhw,qc->bchw", probabilities, values.to(probabilities))


def mode(logits: Float[Tensor, "b q h w"], values: Float[Tensor, "q c"]) -> Float[Tensor, "b c h w"]:
    """Return the value of each place's most probable bin, from logits or probabilities."""
    return values.to(logits)[logits.argmax(1)].permute(0, 3, 1, 2)


def annealed_mean(
    logits: Float[Tensor, "b q h w"], values: Float[Tensor, "q c"], temperature: float
) -> Float[Tensor, "b c h w"]:
    """Return the mean of the distribution sharpened by a temperature: H(Z) = E[f_T(log Z)] (CIC, equation 8).

    Args:
        logits: unnormalized log-probabilities. The printed form takes log Z; logits give the same result,
            because their difference cancels in the normalization.
        values: the bins' values, ``AB_CENTERS`` for CIC.
        temperature: T; 1 is the mean, 0 the mode (the limit of T -> 0), more than 1 flattens.

    Raises:
        ValueError: the temperature is negative.
    """
    if temperature < 0:
        raise ValueError(f"temperature must not be negative, not {temperature}; 0 is the mode, 1 the mean")
    if temperature == 0:
        return mode(logits, values)
    return expectation(torch.softmax(logits / temperature, dim=1), values)


def sample(
    probabilities: Float[Tensor, "b q h w"],
    values: Float[Tensor, "q c"],
    generator: torch.Generator | None = None,
) -> Float[Tensor, "b c h w"]:
    """Draw a value for every place from its own distribution, independently of its neighbors.

    Args:
        probabilities: they sum to 1 over q.
        values: the bins' values.
        generator: on the CPU, where one number is drawn for each place, so that a seed gives one picture on
            every device; the global generator if None.
    """
    cumulative = probabilities.cumsum(1)
    shape = (len(probabilities), 1, *probabilities.shape[2:])
    level = torch.rand(shape, generator=generator).to(probabilities) * cumulative[:, -1:]
    index = (cumulative <= level).sum(1).clamp(max=len(values) - 1)
    return values.to(probabilities)[index].permute(0, 3, 1, 2)


def median(
    probabilities: Float[Tensor, "b q h w"], bins: AxisBins, *, interpolate: bool = True
) -> Float[Tensor, "b 1 h w"]:
    """Return the value below which half of each place's distribution lies (LRAC, section 3.3).

    Args:
        probabilities: over the bins of an axis with two ends; a circle has no median.
        bins: that axis.
        interpolate: as the paper has it, the probability lies evenly within a bin and the cumulative sum is
            linear from edge to edge; False gives the center of the bin in which it reaches one half, as in
            the authors' code.
    """
    cumulative = probabilities.cumsum(1)
    reached = (cumulative < 0.5).sum(1, keepdim=True).clamp(max=bins.count - 1)
    if not interpolate:
        return bins.centers.to(probabilities)[reached]
    within = probabilities.gather(1, reached)
    below = cumulative.gather(1, reached) - within
    share = ((0.5 - below) / within.clamp(min=torch.finfo(within.dtype).tiny)).clamp(0, 1)
    edges = bins.edges.to(probabilities)
    return torch.lerp(edges[reached], edges[reached + 1], share)


def circular_expectation(probabilities: Float[Tensor, "b q h w"]) -> Complex[Tensor, "b 1 h w"]:
    """Return LRAC's expectation of hue: z = (1/K) sum_k f_k exp(i theta_k), theta_k = 2 pi (k + .5) / K.

    Divided by the number of bins K, as printed: |z| is at most 1/K, where all hues agree, and 0 where they
    cancel. The eta of `chromatic_fading` is for a z divided this way.

    Args:
        probabilities: over K equal bins of [0, 1), the circle of hues.
    """
    count = probabilities.shape[1]
    theta = (torch.arange(count, dtype=torch.float64) + 0.5) * (2 * math.pi / count)
    circle = torch.stack((theta.cos(), theta.sin()), 1) / count
    real, imaginary = expectation(probabilities, circle).split(1, dim=1)
    return torch.complex(real.contiguous(), imaginary.contiguous())


def hue_of(z: Complex[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Return the argument of z as a fraction of the circle, in [0, 1)."""
    hue = (z.angle() / (2 * math.pi)) % 1.0
    return torch.where(hue < 1, hue, 0.0)  # a tiny negative angle rounds up to 1


def chromatic_fading(z: Complex[Tensor, "b 1 h w"], eta: float = 0.03) -> Float[Tensor, "b 1 h w"]:
    """Return the factor min(|z| / eta, 1) on chroma, which removes color where the hues disagree (LRAC, 3.3).

    The paper prints a maximum, which would never remove any; its code clips, as here. With 32 bins a
    distribution even over 5 neighboring hues keeps its chroma, one over 12 keeps .82 and one over 16 .66.

    Args:
        z: of `circular_expectation`, with its 1/K.
        eta: the paper's constant, for K = 32: at least 96% of the greatest |z| fades nothing.
    """
    return (z.abs() / eta).clamp(max=1)


def entropy(logits: Float[Tensor, "b q h w"]) -> Float[Tensor, "b 1 h w"]:
    """Return each place's Shannon entropy in nats: 0 where certain, ln q where uniform."""
    return torch.special.entr(torch.softmax(logits, dim=1)).sum(1, keepdim=True)
