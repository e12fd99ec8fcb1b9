"""Where colors help and where they harm: places that are closer to the truth than gray, or farther away.

A place is a pixel of the photo at half size: the mean a* and b* of 2 x 2 pixels. Averaging a* and b* rather
than RGB keeps gray exactly gray and gives dark pixels the same weight as bright ones. Half size suppresses
noise and the chroma subsampling of JPEG.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

THRESHOLD = 5.0
"""CIE units by which a place must be closer to the truth than gray, or farther away, to count."""


def gain_over_gray(
    ab: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, "b half_h half_w"]:
    """Return by how many CIE units each place is closer to the truth in ab than gray (ab = 0) is.

    This is the true chroma minus the distance to the truth, negative where gray is closer. Of an odd side,
    the last row or column is averaged by itself.
    """
    ab, truth = (F.avg_pool2d(each, 2, ceil_mode=True) for each in (ab, truth))
    return truth.square().sum(1).sqrt() - (ab - truth).square().sum(1).sqrt()


def helped_and_harmed(
    ab: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"], threshold: float = THRESHOLD
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Return the shares of each photo's places that gain at least ``threshold``, and that lose as much.

    Args:
        ab: the chroma to score, in CIE units.
        truth: the true chroma.
        threshold: the least gain or loss that counts, in CIE units.

    Returns:
        Two shares in [0, 1] per photo, float64.
    """
    gain = gain_over_gray(ab, truth).flatten(1)
    return (gain >= threshold).double().mean(1), (gain <= -threshold).double().mean(1)
