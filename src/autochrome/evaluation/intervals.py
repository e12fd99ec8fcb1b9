"""Bootstrap intervals over photos: the photo, and not the pixel, is what was sampled."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def resample_counts(photos: int, replicates: int, seed: int) -> Float[Tensor, "replicates photos"]:
    """How often each photo is drawn in each of ``replicates`` resamples with replacement.

    Returns float64 counts; every row sums to ``photos``. Times a matrix of sums per photo this gives the sums
    of every resample. The same seed gives the same resamples, so that systems can be compared in pairs.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(photos, (replicates, photos), generator=generator)
    counts = torch.zeros(replicates, photos, dtype=torch.float64)
    return counts.scatter_add_(1, drawn, torch.ones_like(counts))


def percentile_interval(values: Float[Tensor, " replicates"], level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of a score over resamples; infinite where the score is.

    Resamples in which the score is undefined (nan) are left out; without any other the interval is nan.
    """
    values = values[~values.isnan()]
    if not len(values):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    # "nearest", because between two infinite neighbors the linear rule gives nan.
    low, high = torch.quantile(
        values.double(), torch.tensor([tail, 1 - tail], dtype=torch.float64), interpolation="nearest"
    ).tolist()
    return low, high
