"""Calibration of a model's uncertainty: of predicted probabilities, and of drawn samples.

Guo, Pleiss, Sun, Weinberger: "On calibration of modern neural networks", ICML 2017, arXiv:1706.04599, has the
reliability diagram, the expected calibration error and temperature scaling. Samples are evaluated by the rank
of the truth among them: Hamill, "Interpretation of rank histograms", Monthly Weather Review 129 (2001).

Section or equation -> name here
    Guo 2, reliability diagrams (equations 1 and 2)    ``reliability_sums``, ``reliability_curve``
    Guo 2, expected calibration error (equation 3)     ``calibration_error``
    Guo 4.2, temperature scaling (equation 9)          ``temperature_losses``, ``best_temperature``
    Hamill 2, the rank histogram                       ``truth_ranks``, ``rank_histogram``

All sums are additive over photos: the score of a set, or of a resample, is the score of its totals.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

CONFIDENCE_EDGES = tuple(k / 15 for k in range(16))
"""Edges of the bins of confidence: 15 of equal width, as in Guo et al."""

PROBABILITY_EDGES = (0.0, *(10 ** (k / 4) for k in range(-24, 1)))
"""Edges of the bins of any probability: four per decade from 1e-6 to 1, and one below."""

TEMPERATURES = tuple(2 ** (k / 5) for k in range(-10, 11))
"""Temperatures that `best_temperature` searches: 1/4 to 4."""


# Probabilities ------------------------------------------------------------------------------------


def reliability_sums(
    probability: Float[Tensor, " n"],
    happened: Float[Tensor, " n"],
    edges: Sequence[float],
    weight: Float[Tensor, " n"] | None = None,
) -> Float[Tensor, "3 bins"]:
    """Return the sums from which the curve and the errors below are computed.

    Args:
        probability: predicted for an event, 0 to 1.
        happened: 1 if the event occurred, 0 if not; in between if the truth is shared among events.
        edges: of the bins of probability. A bin includes its lower edge, the last one also its upper edge.
        weight: of each prediction; 1 if None.

    Returns:
        Sums over the predictions in each bin, float64: weights, weighted probabilities, weighted events.
    """
    inner = torch.tensor(edges[1:-1], dtype=torch.float64, device=probability.device)
    bins = torch.bucketize(probability.double(), inner, right=True)
    mass = torch.ones_like(bins, dtype=torch.float64) if weight is None else weight.double()
    rows = torch.stack([mass, mass * probability, mass * happened])
    return rows.new_zeros(3, len(edges) - 1).index_add_(1, bins, rows)


def reliability_curve(sums: Float[Tensor, "*n 3 bins"]) -> Float[Tensor, "*n 2 bins"]:
    """Return the mean probability and the frequency of each bin; nan if it is empty."""
    return sums[..., 1:, :] / sums[..., :1, :]


def calibration_error(
    sums: Float[Tensor, "*n 3 bins"], others: Float[Tensor, "*n 3 bins"]
) -> Float[Tensor, "*n"]:
    """Return the expected calibration error: |frequency - probability|, mean over predictions; best is 0.

    Args:
        sums: of the predictions.
        others: of predictions for other photos, from which each bin's sign is taken, so that chance cancels
            and a calibrated predictor has expectation 0. With ``sums`` themselves absolute differences count,
            which chance always increases.
    """
    return (_gaps(sums) * _gaps(others).sign()).sum(-1) / sums[..., 0, :].sum(-1)


def overconfidence(sums: Float[Tensor, "*n 3 bins"]) -> Float[Tensor, "*n"]:
    """Return mean probability minus mean frequency: above 0 overconfident, below 0 underconfident."""
    return (sums[..., 1, :] - sums[..., 2, :]).sum(-1) / sums[..., 0, :].sum(-1)


def misplaced_mass(
    sums: Float[Tensor, "*n 3 bins"], others: Float[Tensor, "*n 3 bins"]
) -> Float[Tensor, "*n"]:
    """Return the share of predicted probability that would have to move between the bins, 0 to 1.

    Args:
        sums: of all events of each distribution, such as every color of every pixel, so that probabilities
            and events both add up to one per distribution.
        others: see `calibration_error`.
    """
    return (_gaps(sums) * _gaps(others).sign()).sum(-1) / (2 * sums[..., 1, :].sum(-1))


def _gaps(sums: Float[Tensor, "*n 3 bins"]) -> Float[Tensor, "*n bins"]:
    return sums[..., 2, :] - sums[..., 1, :]


# Temperature --------------------------------------------------------------------------------------


def temperature_losses(
    logits: Float[Tensor, "n q"],
    events: Int[Tensor, "n k"],
    shares: Float[Tensor, "n k"],
    weight: Float[Tensor, " n"],
    temperatures: Sequence[float] = TEMPERATURES,
) -> Float[Tensor, " t"]:
    """Return the cross-entropy in nats, summed over distributions, at each temperature.

    Args:
        logits: unnormalized log-probabilities over q events.
        events: those that occurred.
        shares: of each of these, summing to 1 over k; a column of ones for a single event.
        weight: of each distribution.
        temperatures: by which the logits are divided.
    """
    happened = (shares * logits.gather(1, events)).sum(1)
    losses = [((logits / t).logsumexp(1) - happened / t).double() @ weight.double() for t in temperatures]
    return torch.stack(losses)


def best_temperature(losses: Float[Tensor, "*n t"]) -> Float[Tensor, "*n"]:
    """Return the temperature of least loss: the vertex of a parabola in log T around the best one tried.

    Args:
        losses: of `temperature_losses`. If the best is the first or the last, it is returned as it is.
    """
    log_t = torch.tensor(TEMPERATURES, dtype=torch.float64, device=losses.device).log()
    least = losses.argmin(-1, keepdim=True)
    middle = least.clamp(1, len(TEMPERATURES) - 2)
    left, center, right = (losses.gather(-1, middle + step) for step in (-1, 0, 1))
    bend = left - 2 * center + right
    inside = ((left - right) / (2 * bend).clamp(min=1e-300)).clamp(-1, 1)
    offset = torch.where(least == middle, inside, (least - middle).double())
    return (log_t[middle] + offset * (log_t[1] - log_t[0])).exp().squeeze(-1)


def loss_at(losses: Float[Tensor, "*n t"], wanted: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return the loss at a temperature between those tried, by a parabola as in `best_temperature`."""
    log_t = torch.tensor(TEMPERATURES, dtype=torch.float64, device=losses.device).log()
    step = log_t[1] - log_t[0]
    middle = ((wanted.double().log() - log_t[0]) / step).round().long().clamp(1, len(TEMPERATURES) - 2)
    x = (wanted.double().log() - log_t[middle]) / step
    left, center, right = (losses.gather(-1, (middle + k)[..., None]).squeeze(-1) for k in (-1, 0, 1))
    return center + x * (right - left) / 2 + x.square() * (left - 2 * center + right) / 2


# Samples ------------------------------------------------------------------------------------------


def truth_ranks(
    samples: Float[Tensor, "n *places"], truth: Float[Tensor, "*places"], generator: torch.Generator
) -> Int[Tensor, "*places"]:
    """Return the number of the n samples below the truth at each place: 0 to n.

    Samples equal to the truth, as some are after rounding to 8 bits, count as below or above at random. If
    the truth is distributed like the samples, all ranks are equally frequent.
    """
    below, equal = (samples < truth).sum(0), (samples == truth).sum(0)
    chance = torch.rand(truth.shape, generator=generator)
    return below + (chance * (equal + 1)).floor().long()


def rank_histogram(ranks: Int[Tensor, "*places"], samples: int) -> Float[Tensor, " ranks"]:
    """Return float64 counts of the places with each of the ``samples`` + 1 ranks."""
    return torch.bincount(ranks.flatten(), minlength=samples + 1).double()


def truth_coverage(histogram: Float[Tensor, "*n ranks"]) -> Float[Tensor, "*n"]:
    """Return the share of places whose truth lies within the samples' range; see `expected_coverage`."""
    return histogram[..., 1:-1].sum(-1) / histogram.sum(-1)


def expected_coverage(samples: int) -> float:
    """Return the coverage if the truth is distributed like the n samples: (n - 1) / (n + 1)."""
    return (samples - 1) / (samples + 1)


def rank_unevenness(
    histogram: Float[Tensor, "*n ranks"], others: Float[Tensor, "*n ranks"]
) -> Float[Tensor, "*n"]:
    """Return the share of truths that would have to change rank for a flat histogram, 0 to 1.

    Args:
        histogram: of the ranks.
        others: of other photos; see `calibration_error`.
    """
    return (_excess(histogram) * _excess(others).sign()).sum(-1) / 2


def _excess(histogram: Float[Tensor, "*n ranks"]) -> Float[Tensor, "*n ranks"]:
    return histogram / histogram.sum(-1, keepdim=True) - 1 / histogram.shape[-1]
