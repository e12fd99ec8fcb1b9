"""The loss on histograms and its targets: Larsson, Maire and Shakhnarovich 2016, section 3.2, equation 2."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.histogram_bins import windowed_histogram


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
