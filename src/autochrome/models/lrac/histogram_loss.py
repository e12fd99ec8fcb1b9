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
    """
    if size == 1:
        return bins
    if dense:
        return windowed_histogram(bins, count, size)
    return F.one_hot(bins, count).float().mean((2, 3)).movedim(-1, 1)
