"""Bring chroma from the small size at which a model works to the size of the photograph.

`upsample_bilinear` bleeds over edges by up to a chroma cell, 80 pixels in a 12-megapixel photograph.
`GuidedUpsampler` ends colors where the photograph's own luma has its edges. As in the guided filter (He, Sun,
Tang, "Guided image filtering", PAMI 2013; "Fast guided filter", arXiv:1505.00996) chroma is taken as locally
linear in luma, with a slope A fitted by ridge regression over a window of the chroma grid. The output is not
the fit itself, which would blur chroma by the window's width, but bilinear chroma plus the luma detail that
the grid lost,

    chroma(x) = up(chroma)(x) + up(A)(x) * (luma(x) - up(luma on the chroma grid)(x)),

clamped to the range that chroma has in the neighboring cells, so that there are no halos. All maps but luma
live on the chroma grid; the full size is computed in strips of rows, and nothing of full size is kept.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

STRIP = 1 << 17
"""Pixels computed at a time."""


def upsample_bilinear(
    planes: Float[Tensor, "b c h w"], size: tuple[int, int]
) -> Float[Tensor, "b c height width"]:
    """Return planes at `size` (height, width), bilinear with half-pixel centers; edges are replicated."""
    if planes.shape[2:] == size:
        return planes
    return F.interpolate(planes, size=size, mode="bilinear", align_corners=False)


class GuidedUpsampler:
    """Edge-aware upsampling of one photograph's chroma, a strip of rows at a time.

    Args:
        chroma: "2 c d", a model's colors.
        luma_low: "l m", the photograph's luma at the model's working size (at least chroma's size), on the
            scale of L*, 0..100. Both cover the same picture; aspect ratios need not agree to the pixel.
        radius: of the regression window, in chroma cells.
        eps: the ridge, in squared luma units: luma contrasts well below its root change no color.
    """

    @torch.no_grad()
    def __init__(
        self,
        chroma: Float[Tensor, "2 c d"],
        luma_low: Float[Tensor, "l m"],
        *,
        radius: int = 1,
        eps: float = 64.0,
    ) -> None:
        """Fit the slopes on the chroma grid."""
        size = (chroma.shape[1], chroma.shape[2])
        cells = F.interpolate(luma_low[None, None], size, mode="bilinear", antialias=True)[0]
        slope = _slope(chroma, cells, radius, eps)
        highest = F.max_pool2d(chroma, 3, 1, 1)
        lowest = -F.max_pool2d(-chroma, 3, 1, 1)
        self._maps = torch.cat((chroma, slope, cells, lowest, highest))  # 2 + 2 + 1 + 2 + 2 planes
        self._wide = self._maps

    @torch.no_grad()
    def rows(self, luma: Float[Tensor, "r w"], start: int, height: int) -> Float[Tensor, "2 r w"]:
        """Return the chroma of rows `start` ... of the photograph.

        Args:
            luma: L* of these rows at full size, all of the width.
            start: the first row's number in the photograph.
            height: the photograph's height in rows.

        Raises:
            ValueError: if the rows do not lie inside the photograph.
        """
        count, width = luma.shape
        if start < 0 or start + count > height:
            raise ValueError(f"rows {start} to {start + count} do not lie in a photo of {height} rows")
        if self._wide.shape[2] != width:
            self._wide = _widen(self._maps, width)
        out = luma.new_empty((2, count, width))
        above, weight = _grid_positions(start, count, height, self._maps.shape[1], luma)
        scratch = luma.new_empty((9, max(STRIP // width, 1), width))
        first = 0
        while first < count:
            cell = int(above[first])
            last = min(int(torch.searchsorted(above, cell, right=True)), first + scratch.shape[1])
            self._fill(out[:, first:last], luma[first:last], cell, weight[first:last], scratch)
            first = last
        return out

    def _fill(self, out: Tensor, luma: Tensor, cell: int, weight: Tensor, scratch: Tensor) -> None:
        """Compute rows that lie between two rows of the chroma grid."""
        upper = self._wide[:, cell, None]
        lower = self._wide[:, min(cell + 1, self._wide.shape[1] - 1), None]
        maps = torch.lerp(upper, lower, weight[:, None], out=scratch[:, : len(weight)])
        base, slope, cells, lowest, highest = maps.split((2, 2, 1, 2, 2))
        detail = torch.sub(luma, cells[0], out=cells[0])
        torch.addcmul(base, slope, detail, out=out)
        torch.maximum(out, lowest, out=out)
        torch.minimum(out, highest, out=out)


def _slope(chroma: Tensor, luma: Tensor, radius: int, eps: float) -> Tensor:
    """Return the ridge regression's slope of chroma on luma in the window about every cell."""
    mean_luma, mean_chroma = _window_mean(luma, radius), _window_mean(chroma, radius)
    variance = _window_mean(luma * luma, radius) - mean_luma * mean_luma
    covariance = _window_mean(luma * chroma, radius) - mean_luma * mean_chroma
    return covariance / (variance.clamp(min=0) + eps)


def _window_mean(planes: Tensor, radius: int) -> Tensor:
    """Return the mean over a square window that ends at the picture's border."""
    return F.avg_pool2d(planes, 2 * radius + 1, 1, radius, count_include_pad=False)


def _widen(maps: Tensor, width: int) -> Tensor:
    cell, weight = _grid_positions(0, width, width, maps.shape[2], maps)
    return torch.lerp(maps[:, :, cell], maps[:, :, (cell + 1).clamp(max=maps.shape[2] - 1)], weight)


def _grid_positions(start: int, count: int, size: int, cells: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cell before each pixel's center and the weight of the one after it."""
    center = torch.arange(start, start + count, dtype=torch.float64, device=like.device) + 0.5
    position = (center * (cells / size) - 0.5).clamp(0, cells - 1)
    cell = position.floor()
    return cell.long(), (position - cell).to(like.dtype)
