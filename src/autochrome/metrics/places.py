"""Where colors help and where they harm: places that come nearer to the truth than gray, or farther.

A place is a pixel of the photo at half size: the mean a* and b* of 2 x 2 pixels. The mean is taken of a* and
b*, after conversion, and not of RGB: gray then stays exactly gray, and dark pixels count as much as bright
ones. Half size leaves noise and the chroma subsampling of JPEG out of the count.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

THRESHOLD = 5.0
"""By how many CIE units a place must be nearer to the truth than gray, or farther, to count."""


def half_size(ab: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 half_h half_w"]:
    """Return the mean of every 2 x 2 pixels; of an odd side, the last row or column is averaged by itself."""
    return F.avg_pool2d(ab, 2, ceil_mode=True)


def gain_over_gray(
    ab: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, "b half_h half_w"]:
    """Return by how much every place is nearer to the truth in ab than gray (ab = 0) is, in CIE units.

    It is the truth's own chroma less the distance, and negative where gray is nearer. A place whose truth is
    gray cannot gain.
    """
    ab, truth = half_size(ab), half_size(truth)
    return truth.square().sum(1).sqrt() - (ab - truth).square().sum(1).sqrt()


def helped_and_harmed(
    ab: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"], threshold: float = THRESHOLD
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Return the shares of the places of each photo that gain at least ``threshold``, and that lose as much.

    Args:
        ab: the chroma to judge, in CIE units.
        truth: the true chroma.
        threshold: the least gain or loss that counts.

    Returns:
        Two shares of each photo in [0, 1], float64; they sum to 1 at most.
    """
    gain = gain_over_gray(ab, truth).flatten(1)
    return (gain >= threshold).double().mean(1), (gain <= -threshold).double().mean(1)
