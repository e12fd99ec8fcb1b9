"""Which of several samples to show: a small network judges how near to the truth each may be (section 5.1).

The paper found that likelihood does not agree with people's choice and leaves "a separate ranking model" to
future work. This one sees the conditioning features and low-resolution chroma and gives one score, trained on
samples whose distance from the true colors is known. That distance has two parts (``distance``), because the
first alone is least, in the mean, for samples near gray: how far the colors lie from the true ones, and how
far the photo's mean chroma lies from the true one.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.models.pixcolor.refinement import NEUTRAL
from autochrome.nn.compact import ResidualBlock, conv_norm_relu

_GAIN = 8.0  # of chroma, which varies less than the features


class Ranker(nn.Module):
    """Scores low-resolution chroma given the photo; only scores of one photo can be compared."""

    def __init__(self, condition: int, widths: tuple[int, int, int] = (48, 64, 96)) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.body = nn.Sequential(
            conv_norm_relu(condition + 2, fine),
            conv_norm_relu(fine, middle, stride=2),
            ResidualBlock(middle),
            conv_norm_relu(middle, coarse, stride=2),
        )
        self.score = nn.Linear(coarse, 1)

    def forward(
        self, condition: Float[Tensor, "b c h w"], chroma: Float[Tensor, "b 2 h w"]
    ) -> Float[Tensor, " b"]:
        """Higher for what looks true; chroma (Cb, Cr) in [0, 1] as bins decode it."""
        x = torch.cat((condition, _GAIN * (chroma - NEUTRAL)), 1)
        return self.score(self.body(x).mean((2, 3)))[:, 0]


def distance(
    chroma: Float[Tensor, "b k 2 h w"], truth: Float[Tensor, "b 2 h w"], colorfulness: float = 1.0
) -> Float[Tensor, "b k"]:
    """Return how far samples are from the truth, in units of chroma.

    Args:
        chroma: k samples of each photo (Cb, Cr).
        truth: the photos' own.
        colorfulness: weight of the difference of the mean chroma, beside the mean distance of the places.
    """
    offset = (chroma - truth[:, None]).norm(dim=2).mean((2, 3))
    own, true = (x.sub(NEUTRAL).norm(dim=-3).mean((-2, -1)) for x in (chroma, truth))
    return offset + colorfulness * (own - true[:, None]).abs()


def ranking_loss(scores: Float[Tensor, "b k"], distances: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
    """Return how unlikely it is, by the scores, that of two samples of a photo the nearer one wins.

    The mean of -log sigmoid(score of the nearer - score of the other) over all pairs, weighted by how much
    nearer it is; in nats. The weights are taken from the batch, so that they have no unit.
    """
    first, second = torch.triu_indices(scores.shape[1], scores.shape[1], 1).unbind(0)
    nearer = distances[:, second] - distances[:, first]  # above 0 where the first is the nearer one
    lead = nearer.sign() * (scores[:, first] - scores[:, second])
    weights = nearer.abs()
    return (weights * F.softplus(-lead)).sum() / weights.sum().clamp_min(1e-9)
