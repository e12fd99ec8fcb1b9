"""From a distribution over colours to one colour: the operators that the papers share.

All take logits or probabilities over the bins (axis 1, as in "b q h w") and the bins' values ("q c"), and
return one value for every place ("b c h w").

Section or equation -> name here
    CIC 3.3, the mean and the mode                  ``expectation``, ``mode``
    CIC equation 8, the annealed mean               ``annealed_mean``
    CIC figure 4, the temperatures                  ``FIGURE_4_TEMPERATURES``
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

FIGURE_4_TEMPERATURES = (1.0, 1 / 2, 1 / 4, 1 / 6, 1 / 8, 1 / 12, 0.0)
"""The temperatures of figure 4, from the mean (1) to the mode (0)."""


def expectation(
    probabilities: Float[Tensor, "b q h w"], values: Float[Tensor, "q c"]
) -> Float[Tensor, "b c h w"]:
    """Mean of ``values`` under each place's distribution (the probabilities sum to 1 over q)."""
    return torch.einsum("bqhw,qc->bchw", probabilities, values.to(probabilities))


def mode(logits: Float[Tensor, "b q h w"], values: Float[Tensor, "q c"]) -> Float[Tensor, "b c h w"]:
    """The value of the most probable bin of each place; logits or probabilities serve alike."""
    return values.to(logits)[logits.argmax(1)].permute(0, 3, 1, 2)


def annealed_mean(
    logits: Float[Tensor, "b q h w"], values: Float[Tensor, "q c"], temperature: float
) -> Float[Tensor, "b c h w"]:
    """Mean of the distribution sharpened by a temperature: H(Z) = E[f_T(log Z)] (CIC, equation 8).

    Args:
        logits: unnormalised log-probabilities. The printed form takes log Z; logits give the same result,
            because what they differ by cancels in the normalisation.
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


def entropy(logits: Float[Tensor, "b q h w"]) -> Float[Tensor, "b 1 h w"]:
    """Shannon entropy of each place's distribution in nats: 0 where certain, ln q where uniform."""
    return torch.special.entr(torch.softmax(logits, dim=1)).sum(1, keepdim=True)
