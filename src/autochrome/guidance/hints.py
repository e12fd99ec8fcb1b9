"""Known colors: the user gives the colors of some places, and the model follows them.

A hint acts twice. Before decoding, the model's distributions are reweighted: logits + weight * log-kernel of
the color, as by an observation with Gaussian noise, scaled by the hint's weight at each place
(`autochrome.guidance.propagation`); where the model is certain of something else it resists. After decoding,
the remaining difference at the hinted place is added, and spread by the same weights, so that the place gets
the requested color as far as its lightness allows. The constants were chosen on training photos
(docs/hints.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.gamut import fit_chroma
from autochrome.color.spaces import rgb_to_lab
from autochrome.errors import HintError
from autochrome.guidance.hint_files import Hint, Point, check_hints
from autochrome.guidance.propagation import anchor, hint_weights
from autochrome.models.base import DistributionColorizer, KnownColors, log_probabilities
from autochrome.types import Chroma, Luma

WIDTH = 20.0
"""Standard deviation, in CIE units, of the Gaussian about the requested color."""
CELLS = 64
"""Weights are computed on the model's grid, refined by a whole factor up to about this shorter side."""
FINGERTIP = 1 / 64
"""Default radius of a point, as a share of the photo's shorter side."""
FILL = 0.5
"""How far an object takes the requested color itself, beyond the change needed at the hinted place."""
PASSES = 4
"""Number of corrections at the hinted places; each leaves a tenth of the difference or less."""


class HintGuide:
    """A guide that follows known colors. Use it last of all guides, then `correct` the decoded colors.

    Args:
        hints: the known colors, at least one.
        model: the model whose bins are reweighted.
        lightness: L* "1 1 h w" in [0, 100] as the model saw the photo.
        size: the photo's (height, width) in pixels.
        box: top, left, bottom and right of the part that the model saw, in pixels; None is the whole photo.

    Raises:
        HintError: a place lies outside the photo, or there are too many.
        ValueError: there are no hints.

    Attributes:
        weights: of each hint on the grid of the logits, once the guide has been called; in [0, 1], as is
            their sum.
    """

    weights: Float[Tensor, "n h4 w4"]

    def __init__(
        self,
        hints: Sequence[Hint],
        model: DistributionColorizer,
        lightness: Luma,
        size: tuple[int, int],
        box: tuple[int, int, int, int] | None = None,
    ) -> None:
        if not hints:
            raise ValueError("there are no hints; give at least one")
        self.hints = check_hints(hints)
        for hint in hints:
            check_inside(hint, size)
        self.model = model
        self.lightness = lightness
        self.size = size
        self.box = box

    def __call__(self, logits: Float[Tensor, "1 q h4 w4"]) -> Float[Tensor, "1 q h4 w4"]:
        """Return the logits, drawn to the known colors."""
        coarse = (logits.shape[2], logits.shape[3])
        scale = max(1, min(CELLS, *self.lightness.shape[2:]) // min(coarse))
        grid = (coarse[0] * scale, coarse[1] * scale)
        cells = F.interpolate(self.lightness.to(logits), grid, mode="bilinear", antialias=True)[0, 0]
        masks = torch.stack([mask_of(hint, self.size, grid, self.box) for hint in self.hints]).to(logits)
        log_p = log_probabilities(logits, self.model.axes)[0]
        weights = hint_weights(masks, cells, log_p, self.model.axes)
        self.weights = F.avg_pool2d(weights[None], scale)[0]
        self._places = F.avg_pool2d(anchor(masks)[None], scale)[0]
        self._places /= self._places.sum((1, 2), keepdim=True).clamp(min=1e-6)
        requested = fitted(self.hints, (masks * cells).sum((1, 2)) / masks.sum((1, 2)))
        self._requested_lab = requested
        strengths = logits.new_tensor([hint.strength for hint in self.hints])
        drawn = self.model.log_kernel(requested, WIDTH).to(logits) * strengths[:, None]
        return logits + torch.einsum("nhw,nq->qhw", self.weights, drawn)

    def known(self) -> KnownColors:
        """Return the requested colors as models that draw take them, once the guide has been called."""
        strengths = self.weights.new_tensor([hint.strength for hint in self.hints])
        return KnownColors(self._requested_lab, strengths[:, None, None] * self.weights)

    def correct(self, ab: Chroma) -> Chroma:
        """Return decoded a* and b* "1 2 h4 w4" with the hinted places brought to the requested colors.

        Requested colors are fitted into sRGB at the place's lightness. Places that share a cell of the grid
        get their mean color.

        Raises:
            RuntimeError: the guide has not been called yet.
        """
        if not hasattr(self, "weights"):
            raise RuntimeError("a HintGuide corrects what was decoded with it; decode with it first")
        strengths = ab.new_tensor([hint.strength for hint in self.hints])
        requested, weights = self._requested_lab[:, 1:].to(ab), self.weights.to(ab)
        target = torch.lerp(self._at_places(ab), requested, strengths[:, None])
        fill = FILL * strengths[:, None, None] * weights
        ab = ab + torch.einsum("nhw,nc->chw", fill, requested) - fill.sum(0) * ab
        # A region that smaller places cover entirely has no place of its own to measure at.
        own = self._places.to(ab).sum((1, 2))[:, None]
        for _ in range(PASSES):
            ab = ab + torch.einsum("nhw,nc->chw", weights, own * (target - self._at_places(ab)))
        return ab

    def _at_places(self, ab: Chroma) -> Float[Tensor, "n 2"]:
        return torch.einsum("nhw,chw->nc", self._places.to(ab), ab[0])


def fitted(hints: Sequence[Hint], lightness: Float[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    """Return the hints' colors as Lab at other lightnesses, their chroma reduced to what sRGB has there."""
    rgb = lightness.new_tensor([hint.color for hint in hints])
    ab = rgb_to_lab(rgb[:, :, None, None])[:, 1:]
    return rgb_to_lab(fit_chroma(lightness[:, None, None, None], ab))[:, :, 0, 0]


# Places on the photo ------------------------------------------------------------------------------


def check_inside(hint: Hint, size: tuple[int, int]) -> None:
    """Check that a hint lies on a photo of (height, width) pixels.

    Raises:
        HintError: it does not.
    """
    height, width = size
    # A point is the pixel of that number; of a region the edges count, which may be the photo's.
    last = 1.0 if isinstance(hint.where, Point) else 0.0
    for x, y in hint.where.corners:
        for name, length, side in (("x", x, width), ("y", y, height)):
            end = side if length.percent else side - last
            if not 0 <= length.pixels(side) <= end:
                most = "100%" if length.percent else f"{end:g}"
                raise HintError(
                    f"the hint at {hint.where} lies outside the photo, which has {width} x {height} pixels; "
                    f"{name} goes from 0 to {most} (percentages, as in 40%, suit photos of any size)"
                )


def mask_of(
    hint: Hint, size: tuple[int, int], grid: tuple[int, int], box: tuple[int, int, int, int] | None = None
) -> Float[Tensor, "h w"]:
    """Return 1 in the cells of a grid over the photo, or a box in it, whose centers lie in the hint's place.

    At least one cell is 1.
    """
    height, width = size
    top, left, bottom, right = box or (0, 0, height, width)
    rows = top + (torch.arange(grid[0], dtype=torch.float64) + 0.5) * ((bottom - top) / grid[0])
    columns = left + (torch.arange(grid[1], dtype=torch.float64) + 0.5) * ((right - left) / grid[1])
    where = hint.where
    corners = torch.tensor(
        [[x.pixels(width), y.pixels(height)] for x, y in where.corners], dtype=torch.float64
    )
    if isinstance(where, Point):
        pixel = torch.tensor([0.0 if length.percent else 0.5 for length in where.at], dtype=torch.float64)
        corners = corners + pixel
        shorter = min(size)
        radius = FINGERTIP * shorter if where.radius is None else where.radius.pixels(shorter)
        distance = torch.hypot(rows[:, None] - corners[0, 1], columns[None] - corners[0, 0])
        inside = distance <= radius
    else:
        inside = _inside_polygon(rows, columns, corners)
    if not inside.any():
        middle = corners.mean(0)
        inside[(rows - middle[1]).abs().argmin(), (columns - middle[0]).abs().argmin()] = True
    return inside.float()


def _inside_polygon(rows: Tensor, columns: Tensor, corners: Float[Tensor, "k 2"]) -> Tensor:
    """Apply the even-odd rule: a ray to the right from inside crosses the border an odd number of times."""
    inside = torch.zeros(len(rows), len(columns), dtype=torch.bool)
    for (x1, y1), (x2, y2) in zip(corners, corners.roll(-1, 0), strict=True):
        between = (y1 > rows) != (y2 > rows)
        crossing = x1 + (rows - y1) * (x2 - x1) / (y2 - y1 if y2 != y1 else torch.ones(()))
        inside ^= between[:, None] & (columns[None] < crossing[:, None])
    return inside
