"""Scores of a batch of pixels in one step, to compare the sums of the evaluation with."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.bins import nearest_bin, rebalancing_weights
from autochrome.color.spaces import LAB
from autochrome.metrics.distribution import area_under_cmf, cumulative_mass
from autochrome.metrics.pixel import alpha_beta_error


def pixel_weights(truth: Float[Tensor, "b 2 h w"], prior: Float[Tensor, "313"]) -> Float[Tensor, "b h w"]:
    """Weight of each pixel for the class-rebalanced AuC: ~ 1 / p of the bin of its true color (lambda = 0).

    Args:
        truth: the true chroma.
        prior: smoothed frequencies of the 313 ab bins. Bins of frequency 0 weigh as much as the rarest other.
    """
    return rebalancing_weights(prior, mix=0.0).to(truth)[nearest_bin(truth)]


def auc(
    ab: Float[Tensor, "b 2 h w"],
    truth: Float[Tensor, "b 2 h w"],
    weight: Float[Tensor, "b h w"] | None = None,
) -> Float[Tensor, ""]:
    """AuC in percent over the pooled pixels of the batch; rebalanced with ``weight`` of `pixel_weights`."""
    total = ab.new_tensor(ab[:, 0].numel(), dtype=torch.float64) if weight is None else weight.double().sum()
    return area_under_cmf(cumulative_mass(ab, truth, weight).sum(0), total)


def alpha_beta_rmse(rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Mean of `alpha_beta_error` over all pixels of the batch."""
    return alpha_beta_error(rgb, truth).mean()


def chroma_magnitude(rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
    """Chroma C*ab = sqrt(a^2 + b^2) of every pixel in CIE units; 0 is gray."""
    return LAB.split(rgb)[1].square().sum(1).sqrt()
