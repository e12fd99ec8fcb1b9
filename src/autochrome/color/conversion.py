"""Between the photograph's CIE lightness and the color space that a model works in.

A photo is read as L* and painted in Lab, whatever the model. A model of another space sees the luma of the
gray that has the photo's lightness; of its output only a* and b* are kept.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import (
    get_space,
    lab_curve,
    lab_curve_inverse,
    linear_to_srgb,
    rgb_to_lab,
    srgb_to_linear,
)
from autochrome.types import Chroma, Luma


def luma_of_lightness(lightness: Luma, space: str) -> Luma:
    """Return the luma of the gray of a lightness in a color space.

    Args:
        lightness: L* "b 1 h w" in [0, 100].
        space: a name that `get_space` knows. For "ycbcr" the luma is the gray's sRGB value, in [0, 1].

    Raises:
        ValueError: no space has that name.
    """
    if space == "lab":
        return lightness
    gray = linear_to_srgb(lab_curve_inverse((lightness + 16) / 116)).clamp_(0, 1)
    return get_space(space).split(gray.expand(-1, 3, -1, -1))[0]


def ab_of_chroma(luma: Float[Tensor, "b 1 luma_h luma_w"], chroma: Chroma, space: str) -> Chroma:
    """Return a* and b* "b 2 h w", in CIE units, of a model's output, clipped to sRGB.

    Args:
        luma: in the range of the space; its mean over each cell of chroma's grid counts.
        chroma: "b 2 h w" in the ranges of the space.
        space: a name that `get_space` knows; Lab is returned as it is.

    Raises:
        ValueError: no space has that name.
    """
    if space == "lab":
        return chroma
    cells = F.adaptive_avg_pool2d(luma, (chroma.shape[2], chroma.shape[3]))
    return rgb_to_lab(get_space(space).merge(cells, chroma).clamp(0, 1))[:, 1:]


def lightness_of_gray(luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Return CIE L* in [0, 100] of gray with the sRGB value ``luma``."""
    return 116 * lab_curve(srgb_to_linear(luma)) - 16
