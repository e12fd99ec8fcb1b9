"""Diversity of the samples of one photo, and the quality of the best of several.

Guadarrama et al. (2017), section 5.1 and figure 8: the histogram of MS-SSIM (`autochrome.metrics.ms_ssim`)
between two samples of a photo, and pairs that represent its levels. Also distances between samples in CIE
units.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import torch
from jaxtyping import Float, Int
from torch import Tensor

from autochrome.color.difference import ciede2000
from autochrome.color.spaces import rgb_to_lab
from autochrome.metrics.distribution import area_under_cmf, cumulative_mass
from autochrome.metrics.pixel import psnr

LEVELS = (0.80, 0.85, 0.90, 0.95, 0.99)
"""The MS-SSIM at which figure 8 shows pairs."""

EDGES = tuple(edge / 100 for edge in range(60, 101))
"""Edges of the histogram of MS-SSIM: 0.60, 0.61, ..., 1.00."""


def pair_values(table: Float[Tensor, "n n"]) -> Float[Tensor, " pairs"]:
    """Return the n (n - 1) / 2 values above the diagonal, in the order of `sample_pairs`."""
    first, second = torch.triu_indices(*table.shape, offset=1, device=table.device)
    return table[first, second]


def sample_pairs(n: int) -> list[tuple[int, int]]:
    """Return the pairs of n samples: (0, 1), (0, 2), ..., (n - 2, n - 1)."""
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def value_histogram(
    values: Float[Tensor, " pairs"], edges: Sequence[float] = EDGES
) -> Float[Tensor, " bins"]:
    """Return float64 counts of the values in each bin.

    A bin includes its lower edge, the last one also its upper edge. The outermost bins also count what lies
    beyond them, so that the counts add up to the number of values.
    """
    bounds = torch.tensor(edges[1:-1], dtype=torch.float64, device=values.device)
    bins = torch.bucketize(values.double(), bounds, right=True)
    return torch.bincount(bins, minlength=len(edges) - 1).double()


def representative_pairs(
    values: Float[Tensor, " pairs"], levels: Sequence[float] = LEVELS
) -> Int[Tensor, " levels"]:
    """Return the index of the pair whose value is nearest to each level; levels may share a pair.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("there are no pairs to choose from; draw two samples of a photo or more")
    wanted = torch.tensor(levels, dtype=torch.float64, device=values.device)
    return (values.double() - wanted[:, None]).abs().argmin(1)


def ab_spread(ab: Float[Tensor, "n 2 h w"]) -> Float[Tensor, ""]:
    """Return the standard deviation of color over the samples of one photo, in CIE units.

    The mean over pixels of ``sqrt(var a + var b)``; the variances over samples have divisor n - 1, so that
    their expectation does not depend on n.

    Args:
        ab: CIE a and b of the samples.

    Raises:
        ValueError: there are fewer than two samples.
    """
    _check_several(len(ab))
    return ab.var(dim=0, correction=1).sum(0).sqrt().mean()


def pairwise_delta_e(lab: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " pairs"]:
    """Return the mean CIEDE2000 of each pair of samples of one photo, in the order of `sample_pairs`.

    Args:
        lab: CIE Lab of the samples.

    Raises:
        ValueError: there are fewer than two samples.
    """
    _check_several(len(lab))
    pairs = sample_pairs(len(lab))
    return torch.stack([ciede2000(lab[i : i + 1], lab[j : j + 1]).mean() for i, j in pairs])


def sample_errors(
    rgb: Float[Tensor, "n 3 h w"], truth: Float[Tensor, "1 3 h w"]
) -> dict[str, Float[Tensor, " n"]]:
    """Return ``psnr`` in dB, ``auc`` in percent and mean ``ciede2000`` of several colorizations of a photo.

    Args:
        rgb: the colorizations, sRGB in [0, 1].
        truth: the photo itself, likewise.
    """
    lab, lab_truth = rgb_to_lab(rgb), rgb_to_lab(truth).expand_as(rgb)
    mass = cumulative_mass(lab[:, 1:], lab_truth[:, 1:])
    return {
        "psnr": psnr(rgb, truth.expand_as(rgb)),
        "auc": area_under_cmf(mass, mass.new_full((len(mass),), lab[0, 0].numel())),
        "ciede2000": ciede2000(lab, lab_truth).mean((1, 2)),
    }


def expected_best(scores: Float[Tensor, "b n"], *, lower: bool = False) -> Float[Tensor, "b n"]:
    """Return the expected best score of m samples drawn without replacement from n, for m = 1 ... n.

    The mean over all subsets of m samples, not the first m: unbiased for every m, and without the noise of
    one choice. The k-th lowest score is the highest of C(k - 1, m - 1) of the C(n, m) subsets.

    Args:
        scores: of n samples of each photo; higher is better.
        lower: lower is better.

    Returns:
        Column m - 1 is the best of m: the first is the mean, the last the best of all. An infinite score is
        the best of every subset that contains it.
    """
    if lower:
        return -expected_best(-scores)
    n = scores.shape[1]
    subsets = [[comb(k, m) / comb(n, m + 1) for m in range(n)] for k in range(n)]
    weight = torch.tensor(subsets, dtype=torch.float64, device=scores.device)
    terms = scores.double().sort(dim=1).values[:, :, None] * weight
    return terms.where(weight > 0, 0.0).sum(1)


def _check_several(samples: int) -> None:
    if samples < 2:
        raise ValueError(f"diversity needs at least two samples of a photo, not {samples}")
