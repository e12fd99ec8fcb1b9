"""Bins along one axis of color, and what fills them: Larsson, Maire and Shakhnarovich 2016, section 3.2.

Section or equation -> name here
    3.2, "evenly spaced Gaussian quantiles"      ``gaussian_quantile_bins``
    3.2, "bin axes uniformly in [0, 1]"          ``uniform_bins``
    3.2, y in a region of size R                 ``windowed_histogram``
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class AxisBins:
    """Bins that cut an axis into adjacent intervals; the outermost two take all values beyond.

    Attributes:
        inner_edges: where a bin ends and the next begins, ascending, in the axis' units.
        centers: the value that stands for each bin.
    """

    inner_edges: Float[Tensor, " inner"]
    centers: Float[Tensor, " k"]

    @property
    def count(self) -> int:
        """K, the number of bins."""
        return len(self.centers)

    @property
    def edges(self) -> Float[Tensor, " edges"]:
        """All edges; an outermost bin, though open, ends as far from its center as it begins."""
        first = 2 * self.centers[:1] - self.inner_edges[:1]
        last = 2 * self.centers[-1:] - self.inner_edges[-1:]
        return torch.cat((first, self.inner_edges, last))

    def encode(self, values: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Return the bin of every value; an edge belongs to the bin above it."""
        return torch.bucketize(values.contiguous(), self.inner_edges.to(values), right=True)


def uniform_bins(count: int) -> AxisBins:
    """Return equal bins of [0, 1]: a value's bin is floor(count * value), that of 1 the last."""
    inner, middles = _shares(count)
    return AxisBins(inner.float(), middles.float())


def gaussian_quantile_bins(count: int, sigma: float = 25.0) -> AxisBins:
    """Return bins of equal probability under a Gaussian about 0: edges sigma * Phi^-1(j / count).

    A bin's center is its quantile midpoint, sigma * Phi^-1((k + .5) / count); the paper names none.

    Args:
        count: K.
        sigma: standard deviation, CIE units for a and b.
    """
    return AxisBins(*((sigma * torch.special.ndtri(shares)).float() for shares in _shares(count)))


def _shares(count: int) -> tuple[Float[Tensor, " inner"], Float[Tensor, " k"]]:
    """Return the shares of an axis below its inner edges and below the middles of its bins."""
    # On the CPU whatever the default device is: bins are made once, for all models.
    edges = torch.arange(count, dtype=torch.float64, device="cpu")
    return edges[1:] / count, (edges + 0.5) / count


def windowed_histogram(bins: Int[Tensor, "b h w"], count: int, size: int) -> Float[Tensor, "b k h w"]:
    """Return the empirical distribution of the bins in the size x size window about every place.

    At the border the window is cut to what lies inside, so that every histogram sums to 1.

    Args:
        bins: bin of each place, 0 to count - 1.
        count: K.
        size: R, odd; 1 gives the one-hot encoding.
    """
    one_hot = F.one_hot(bins, count).permute(0, 3, 1, 2).float()
    return F.avg_pool2d(one_hot, size, stride=1, padding=size // 2, count_include_pad=False)
