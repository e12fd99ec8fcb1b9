"""Batch norm with the statistics of the batch at hand, as the paper tests (section 3.3, algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def batch_statistics(module: nn.Module) -> Iterator[None]:
    """Within it, all batch norms of a module normalize with the batch's own mean and variance.

    Their running statistics are neither used nor changed, and the rest of the module keeps its mode.
    """
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    before = [(norm.training, norm.track_running_stats) for norm in norms]
    try:
        for norm in norms:
            norm.training, norm.track_running_stats = True, False
        yield
    finally:
        for norm, (training, tracks) in zip(norms, before, strict=True):
            norm.training, norm.track_running_stats = training, tracks


def require_different_photos(luma: Float[Tensor, "b 1 h w"]) -> None:
    """Refuse a batch whose own statistics are not those of different photos.

    Section 3.3: "To assure the BatchNorm layers to work correctly, one cannot feed an image batch of the same
    images to test various noise responses."

    Raises:
        ValueError: it holds one photo, or two that are identical.
    """
    different = len(luma.flatten(1).unique(dim=0))
    if different < max(2, len(luma)):
        raise ValueError(
            f"statistics='batch' needs at least 2 photos, all different, but of {len(luma)} only {different} "
            "are: give different photos and ask for n samples of each, or take statistics='running'"
        )
