"""The loss on histograms and its targets: Larsson, Maire and Shakhnarovich 2016, section 3.2, equation 2."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.histogram_bins import windowed_histogram


@dataclass(frozen=True)
class LossSettings:
    """The constants of section 3.2.

    Raises:
        ValueError: the window is even or not positive.
    """

    window: int = 1
    """R, the side of the region whose colors are the target; odd. The paper found no use in more than 1."""
    hue_weight: float = 5.0
    """lambda_H, "roughly the inverse expectation" of chroma."""
    fade_extremes: bool = False
    """Weigh the chroma term by min(3L, 1, 3(1 - L)), as the authors' trainer does and their text does not."""

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0:
            raise ValueError(f"the targets' window must be odd, so that it has a middle, not {self.window}")


def divergence(
    logits: Float[Tensor, "b k *places"], target: Int[Tensor, "b *places"] | Float[Tensor, "b k *places"]
) -> Float[Tensor, "b *places"]:
    """Equation 2: D_KL(y || f) = sum_k y_k (log y_k - log f_k) at every place, in nats.

    Args:
        logits: of f, before the softmax.
        target: of y the distribution or, where it is one-hot, its bin; the divergence is then the log loss.
    """
    log_f = logits.log_softmax(1, dtype=torch.promote_types(logits.dtype, torch.float32))
    if not target.is_floating_point():
        return -log_f.gather(1, target[:, None]).squeeze(1)
    return (torch.xlogy(target, target) - target * log_f).sum(1)


def targets(
    bins: Int[Tensor, "b *truth"], count: int, size: int, dense: bool
) -> Int[Tensor, "b *places"] | Float[Tensor, "b k *places"]:
    """Return y of one axis, as `divergence` takes it: the bins themselves where R = 1, else distributions.

    Args:
        bins: true bins: of a map "b h w", or of a list of places "b n", where R > 1 with the window about
            each, "b n r r".
        count: K.
        size: R.
        dense: whether the places are a map.

    Raises:
        ValueError: a list comes without the windows of that size, or with them where R = 1.
    """
    if size == 1 and bins.ndim == 2 + dense:
        return bins
    if dense and bins.ndim == 3:
        return windowed_histogram(bins, count, size)
    if not dense and size > 1 and bins.shape[2:] == (size, size):
        return F.one_hot(bins, count).float().mean((2, 3)).movedim(-1, 1)
    wanted = "(b, 3, h, w)" if dense else "(b, 3, n)" if size == 1 else f"(b, 3, n, {size}, {size})"
    raise ValueError(
        f"a window of {size} needs true colors of shape {wanted}, not (b, 3, "
        f"{', '.join(map(str, bins.shape[1:]))})"
    )
