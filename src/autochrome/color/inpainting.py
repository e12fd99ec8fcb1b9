"""Fill unknown places smoothly from the known ones around them.

By normalized convolution (Knutsson and Westin, CVPR 1993) over a pyramid, as in push-pull (Gortler et al.,
"The Lumigraph", 1996): means of known values are passed to ever coarser levels until nothing is unknown, and
from there back. Nearby values count most, and there is no edge between known and filled places.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

_TINY = 1e-6


def fill_unknown(
    planes: Float[Tensor, "1 c h w"], known: Float[Tensor, "1 1 h w"]
) -> Float[Tensor, "1 c h w"]:
    """Return the planes with unknown places filled.

    Args:
        planes: values of any range.
        known: 1 where they are known, 0 where not; in between they are mixed. If nothing is known at all,
            the planes are returned unchanged.
    """
    if not bool((known > 0).any()):
        return planes
    return torch.lerp(_filled(planes, known), planes, known)


def _filled(planes: Tensor, known: Tensor) -> Tensor:
    height, width = planes.shape[2:]
    if height == width == 1 or bool((known > _TINY).all()):
        return planes
    pad = (0, width % 2, 0, height % 2)
    weights = F.avg_pool2d(F.pad(known, pad), 2)
    means = F.avg_pool2d(F.pad(planes * known, pad), 2) / weights.clamp(min=_TINY)
    # A cell that is known by a quarter counts as known, or values from far away would leak in.
    certain = (4 * weights).clamp(max=1)
    coarse = torch.lerp(_filled(means, certain), means, certain)
    finer = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return finer[:, :, :height, :width]
