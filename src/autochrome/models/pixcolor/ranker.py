"""Which of several draws to show: a small network that tells true chroma from drawn (section 5.1).

The paper found that likelihood does not agree with people's choice and leaves "a separate ranking model" to
future work. This one is a discriminator: it sees the conditioning features and low-resolution chroma and
gives one score, trained so that a photo's own chroma scores above a draw of the PixelCNN for the same photo.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.nn.compact import ResidualBlock, conv_norm_relu

NEUTRAL = 128 / 255


class Ranker(nn.Module):
    """Scores low-resolution chroma given the photo; only scores of one photo can be compared."""

    def __init__(
        self, condition: int, widths: tuple[int, int, int] = (48, 64, 96), gain: float = 8.0
    ) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.gain = gain
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
        x = torch.cat((condition, self.gain * (chroma - NEUTRAL)), 1)
        return self.score(self.body(x).mean((2, 3)))[:, 0]


def ranking_loss(true: Float[Tensor, " b"], drawn: Float[Tensor, " b"]) -> Float[Tensor, ""]:
    """Mean of -log sigmoid(true - drawn): how unlikely it is, by the scores, that the true chroma wins."""
    return F.softplus(drawn - true).mean()
