"""The energy score: how well several samples stand for the distribution that one truth was drawn from.

Gneiting and Raftery (2007), "Strictly Proper Scoring Rules, Prediction, and Estimation", section 4.3. For
samples x, x' of a prediction and the truth y it is E|x - y| - E|x - x'| / 2. Its mean over truths is least
when the samples are drawn from the truths' own distribution: neither one safe color for all samples, nor
colors that are more diverse than the photos', can do better. Two samples give an unbiased gradient.
"""

from __future__ import annotations

from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

_PATCH = 4
"""Side of a patch, in places of the grid that is compared."""


def energy_score(samples: Float[Tensor, "m b c h w"], truth: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Mean energy score over four views of the chroma: pixels, patches, coarse patches, the whole.

    Each view takes a picture as vectors whose parts are judged together: of one pixel; of 4x4 pixels; of the
    means of 4x4 pixels in 4x4 such blocks; of all such means. The first holds each pixel's distribution to
    the truth's, the others what goes with what. What is left over at the edges by blocks is not seen by them.

    Args:
        samples: at least two colorizations of each photo, in any units.
        truth: the photos' own chroma; h and w are 16 at least.

    Returns:
        In the samples' units, per pixel; lower is better.

    Raises:
        ValueError: a side is below 16.
    """
    if min(truth.shape[2:]) < _PATCH**2:
        raise ValueError(
            f"the energy score needs grids of {_PATCH**2} at least, not {min(truth.shape[2:])}: "
            "take larger crops"
        )
    scores = []
    for true, *seen in zip(_views(truth), *map(_views, samples), strict=True):
        to_truth = _length(torch.stack(seen) - true).mean()
        pairs = [_length(one - other).mean() for one, other in combinations(seen, 2)]
        scores.append(to_truth - torch.stack(pairs).mean() / 2)
    return torch.stack(scores).mean()


def _length(vectors: Float[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    """Length of each vector, scaled so that a pixel's does not grow with how many go together."""
    pixels = vectors.shape[-1] / 2
    return (vectors.square().sum(-1) / pixels + 1e-8).sqrt()


def _views(chroma: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b _n _d"], ...]:
    """Return the vectors of a picture by view: pixels, patches, coarse patches, the whole."""
    means = F.avg_pool2d(chroma, _PATCH)
    pixels = chroma.flatten(2).transpose(1, 2)
    return pixels, _patches(chroma), _patches(means), means.flatten(1)[:, None]


def _patches(chroma: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n d"]:
    height, width = chroma.shape[2:]
    chroma = chroma[:, :, : height // _PATCH * _PATCH, : width // _PATCH * _PATCH]
    blocks = chroma.unflatten(2, (-1, _PATCH)).unflatten(4, (-1, _PATCH))  # b c h/4 4 w/4 4
    return blocks.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
