"""Calibration of a model's uncertainty: of predicted probabilities, and of drawn samples.

Guo, Pleiss, Sun, Weinberger: "On calibration of modern neural networks", ICML 2017, arXiv:1706.04599, has the
reliability diagram, the expected calibration error and temperature scaling. Samples are judged by where the
truth ranks among them: Hamill, "Interpretation of rank histograms", Monthly Weather Review 129 (2001).

Section or equation -> name here
    Guo 2, reliability diagrams (equations 1 and 2)    ``reliability_sums``, ``reliability_curve``
    Guo 2, expected calibration error (equation 3)     ``calibration_error``
    Guo 4.2, temperature scaling (equation 9)          ``temperature_losses``, ``best_temperature``
    Hamill 2, the rank histogram                       ``truth_ranks``, ``rank_histogram``

Everything is additive over photos: sum first, add up or resample, and take the score of the totals.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

CONFIDENCE_EDGES = tuple(k / 15 for k in range(16))
"""Of the bins of confidence: 15 of equal width, as Guo and others take."""

PROBABILITY_EDGES = (0.0, *(10 ** (k / 4) for k in range(-24, 1)))
"""Of the bins of any probability: four a decade from 1e-6 to 1, and one for what is less."""

TEMPERATURES = tuple(2 ** (k / 5) for k in range(-10, 11))
"""Among which `best_temperature` looks: 1/4 to 4."""


# Probabilities ------------------------------------------------------------------------------------


def reliability_sums(
    probability: Float[Tensor, " n"],
    happened: Float[Tensor, " n"],
    edges: Sequence[float],
    weight: Float[Tensor, " n"] | None = None,
) -> Float[Tensor, "3 bins"]:
    """What is needed of predictions to say how reliable they are.

    Args:
        probability: that was given to an event, 0 to 1.
        happened: 1 where it did, 0 where not; between, where what happened is itself shared among events.
        edges: of the bins of probability. A bin holds its lower edge, the last one its upper edge too.
        weight: what each prediction counts; 1 if None.

    Returns:
        Sums over the predictions of each bin, float64: of the weights, of the weighted probabilities, and of
        the weighted events.
    """
    inner = torch.tensor(edges[1:-1], dtype=torch.float64, device=probability.device)
    bins = torch.bucketize(probability.double(), inner, right=True)
    mass = torch.ones_like(bins, dtype=torch.float64) if weight is None else weight.double()
    rows = torch.stack([mass, mass * probability, mass * happened])
    return rows.new_zeros(3, len(edges) - 1).index_add_(1, bins, rows)


def reliability_curve(sums: Float[Tensor, "*n 3 bins"]) -> Float[Tensor, "*n 2 bins"]:
    """Mean probability and frequency of each bin; nan where nothing fell into it."""
    return sums[..., 1:, :] / sums[..., :1, :]


def calibration_error(
    sums: Float[Tensor, "*n 3 bins"], others: Float[Tensor, "*n 3 bins"] | None = None
) -> Float[Tensor, "*n"]:
    """Expected calibration error: |frequency - probability|, mean over predictions by bins. 0 is the best.

    Args:
        sums: of the predictions.
        others: of predictions about other photos, which then tell the sign of each bin's difference. Without
            them a difference counts whatever its sign, so that chance always adds to the error; with them it
            adds as often as it takes away, and of a calibrated predictor 0 is expected.
    """
    return _unsigned(_gaps(sums), None if others is None else _gaps(others)) / sums[..., 0, :].sum(-1)


def overconfidence(sums: Float[Tensor, "*n 3 bins"]) -> Float[Tensor, "*n"]:
    """Mean probability minus mean frequency: above 0 too sure, below 0 not sure enough."""
    return (sums[..., 1, :] - sums[..., 2, :]).sum(-1) / sums[..., 0, :].sum(-1)


def misplaced_mass(
    sums: Float[Tensor, "*n 3 bins"], others: Float[Tensor, "*n 3 bins"] | None = None
) -> Float[Tensor, "*n"]:
    """Share of the predicted probability that would have to move between the bins of probability, 0 to 1.

    Args:
        sums: of all events of every distribution, such as every color of every pixel, so that both
            probabilities and events add up to one a distribution.
        others: as of `calibration_error`.
    """
    return _unsigned(_gaps(sums), None if others is None else _gaps(others)) / (2 * sums[..., 1, :].sum(-1))


def _gaps(sums: Float[Tensor, "*n 3 bins"]) -> Float[Tensor, "*n bins"]:
    return sums[..., 2, :] - sums[..., 1, :]


def _unsigned(gaps: Float[Tensor, "*n bins"], others: Float[Tensor, "*n bins"] | None) -> Float[Tensor, "*n"]:
    """Sum of the gaps' sizes, their signs told by themselves or by others."""
    return (gaps * (gaps if others is None else others).sign()).sum(-1)


# Temperature --------------------------------------------------------------------------------------


def temperature_losses(
    logits: Float[Tensor, "n q"],
    events: Int[Tensor, "n k"],
    shares: Float[Tensor, "n k"],
    weight: Float[Tensor, " n"],
    temperatures: Sequence[float] = TEMPERATURES,
) -> Float[Tensor, " t"]:
    """Cross-entropy in nats, summed over distributions, with the logits divided by each temperature.

    Args:
        logits: unnormalized log-probabilities over q events.
        events: which happened.
        shares: in what shares; they sum to 1 over k. A column of ones where there is one event.
        weight: what each distribution counts.
        temperatures: to try.
    """
    happened = (shares * logits.gather(1, events)).sum(1)
    losses = [((logits / t).logsumexp(1) - happened / t).double() @ weight.double() for t in temperatures]
    return torch.stack(losses)


def best_temperature(
    losses: Float[Tensor, "*n t"], temperatures: Sequence[float] = TEMPERATURES
) -> Float[Tensor, "*n"]:
    """The temperature of least loss: the vertex of a parabola in log T about the best one tried.

    Args:
        losses: of `temperature_losses`, at evenly spaced log T; the cross-entropy has one minimum in T.
        temperatures: theirs. Where the least is the first or the last, it is what comes back.
    """
    log_t = torch.tensor(temperatures, dtype=torch.float64, device=losses.device).log()
    least = losses.argmin(-1, keepdim=True)
    middle = least.clamp(1, len(temperatures) - 2)
    left, center, right = (losses.gather(-1, middle + step) for step in (-1, 0, 1))
    bend = left - 2 * center + right
    inside = ((left - right) / (2 * bend).clamp(min=1e-300)).clamp(-1, 1)
    offset = torch.where(least == middle, inside, (least - middle).double())
    return (log_t[middle] + offset * (log_t[1] - log_t[0])).exp().squeeze(-1)


def loss_at(
    losses: Float[Tensor, "*n t"], wanted: Float[Tensor, "*n"], temperatures: Sequence[float] = TEMPERATURES
) -> Float[Tensor, "*n"]:
    """The loss at a temperature between those tried, by the parabola of `best_temperature` around it."""
    log_t = torch.tensor(temperatures, dtype=torch.float64, device=losses.device).log()
    step = log_t[1] - log_t[0]
    middle = ((wanted.double().log() - log_t[0]) / step).round().long().clamp(1, len(temperatures) - 2)
    x = (wanted.double().log() - log_t[middle]) / step
    left, center, right = (losses.gather(-1, (middle + k)[..., None]).squeeze(-1) for k in (-1, 0, 1))
    return center + x * (right - left) / 2 + x.square() * (left - 2 * center + right) / 2


# Samples ------------------------------------------------------------------------------------------


def truth_ranks(
    samples: Float[Tensor, "n *places"], truth: Float[Tensor, "*places"], generator: torch.Generator
) -> Int[Tensor, "*places"]:
    """How many of n samples lie below the truth, place by place: 0 to n.

    Samples that equal the truth, as rounding to 8 bits makes some do, are put below it or above it at random.
    Where the truth could be one of the samples, every rank is equally frequent.
    """
    below, equal = (samples < truth).sum(0), (samples == truth).sum(0)
    chance = torch.rand(truth.shape, generator=generator)
    return below + (chance * (equal + 1)).floor().long()


def rank_histogram(ranks: Int[Tensor, "*places"], samples: int) -> Float[Tensor, " ranks"]:
    """How many places have each of the ``samples`` + 1 ranks, as float64 counts."""
    return torch.bincount(ranks.flatten(), minlength=samples + 1).double()


def truth_coverage(histogram: Float[Tensor, "*n ranks"]) -> Float[Tensor, "*n"]:
    """Share of places whose truth lies within the samples' range; `expected_coverage` if all is well."""
    return histogram[..., 1:-1].sum(-1) / histogram.sum(-1)


def expected_coverage(samples: int) -> float:
    """The share of truths within the range of n samples from which they cannot be told: (n - 1) / (n + 1)."""
    return (samples - 1) / (samples + 1)


def rank_unevenness(
    histogram: Float[Tensor, "*n ranks"], others: Float[Tensor, "*n ranks"] | None = None
) -> Float[Tensor, "*n"]:
    """Share of the truths that would have to change rank to make all ranks equally frequent, 0 to 1.

    Args:
        histogram: of the ranks.
        others: of other photos; as of `calibration_error`.
    """
    return _unsigned(_excess(histogram), None if others is None else _excess(others)) / 2


def _excess(histogram: Float[Tensor, "*n ranks"]) -> Float[Tensor, "*n ranks"]:
    return histogram / histogram.sum(-1, keepdim=True) - 1 / histogram.shape[-1]
