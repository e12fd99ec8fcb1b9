"""Drawing as the factorization stands: the oracle of `autochrome.models.pixcolor.sampler`."""

from __future__ import annotations

import copy

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.models.pixcolor.pixelcnn import PixelCNN
from autochrome.models.pixcolor.sampler import (
    Draws,
    choose,
    collect,
    guide,
    uniforms,
    with_unconditional,
)


@torch.no_grad()
def draw_naive(
    net: PixelCNN,
    condition: Float[Tensor, "b c h w"],
    *,
    n: int = 1,
    temperature: float = 1.0,
    guidance: float = 0.0,
    seed: int = 0,
) -> Draws:
    """``draw`` by one pass of the whole network for every pixel and channel: slow, and plainly right."""
    rows = len(condition) * n
    condition = with_unconditional(condition, guidance)
    photos, _, height, width = condition.shape
    double = copy.deepcopy(net).cpu().double()
    features = condition.detach().cpu().double().repeat_interleave(n, 0)
    noise = np.tile(uniforms(seed, n, height, width), photos)
    drawn = torch.zeros(photos * n, 2, height, width, dtype=torch.int64)
    logits = np.empty((height, width, 2, photos * n, net.config.bins.count))
    for i, j, channel in np.ndindex(height, width, 2):
        logits[i, j, channel] = double(drawn, features)[:, channel, :, i, j].numpy()
        chosen = choose(guide(logits[i, j, channel], guidance), noise[i, j, channel], temperature)
        drawn[:, channel, i, j] = torch.from_numpy(chosen)
    bins = drawn.permute(2, 3, 1, 0).numpy()
    return collect(bins[..., :rows], logits[..., :rows, :], n, condition.device)
