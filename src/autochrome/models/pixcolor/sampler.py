"""Drawing chroma from the PixelCNN, pixel after pixel (Guadarrama 2017, section 3.1)."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from autochrome.models.pixcolor.horizontal_cache import HorizontalCache
from autochrome.models.pixcolor.pixelcnn import PixelCNN
from autochrome.models.pixcolor.vertical_cache import VerticalCache


@dataclass(frozen=True)
class Draws:
    """What was drawn, and how likely the model finds it.

    Attributes:
        bins: bins (Cr, Cb) of ``n`` draws for each of ``b`` photos.
        log_prob: log-likelihood in nats under the model at temperature 1, whatever it was drawn with.
    """

    bins: Int[Tensor, "b n 2 h w"]
    log_prob: Float[Tensor, "b n"]

    @property
    def bits_per_dim(self) -> Float[Tensor, "b n"]:
        """Negative log-likelihood in bits per pixel and channel."""
        return -self.log_prob / (self.bins.shape[2:].numel() * math.log(2))


DTYPE = np.float64


@torch.no_grad()
def draw(
    net: PixelCNN, condition: Float[Tensor, "b c h w"], *, n: int = 1, temperature: float = 1.0, seed: int = 0
) -> Draws:
    """Draw."""
    b, _, h, w = condition.shape
    noise = np.tile(uniforms(seed, n, h, w).transpose(1, 2, 3, 0), b)
    features = condition.detach().double().cpu().permute(2, 0, 3, 1).reshape(h, b * w, -1).numpy().astype(DTYPE)
    inputs = net.inputs.double().cpu().numpy().astype(DTYPE)
    vertical = VerticalCache(net, b, n, w, DTYPE)
    horizontal = HorizontalCache(net, b, n, w, DTYPE)
    bins = np.empty((h, w, 2, b * n), np.int64)
    log_prob = np.zeros(b * n)
    told = None
    for i in range(h):
        horizontal.begin_row(told, features[i])
        for j in range(w):
            cr, gained = choose(horizontal.cr_logits(j), noise[i, j, 0], temperature)
            bins[i, j, 0] = cr
            log_prob += gained
            cb, gained = choose(horizontal.cb_logits(j, inputs[cr]), noise[i, j, 1], temperature)
            bins[i, j, 1] = cb
            log_prob += gained
            horizontal.finish(j, inputs[bins[i, j].T])
        if i < h - 1:
            told = vertical.advance(inputs[bins[i].transpose(2, 0, 1)], features[i])
    drawn = torch.from_numpy(bins.transpose(3, 2, 0, 1).copy())
    return Draws(drawn.unflatten(0, (b, n)), torch.from_numpy(log_prob).unflatten(0, (b, n)))


@torch.no_grad()
def draw_naive(
    net: PixelCNN, condition: Float[Tensor, "b c h w"], *, n: int = 1, temperature: float = 1.0, seed: int = 0
) -> Draws:
    """The same draws by one pass of the whole network for every pixel and channel: slow, and plainly right."""
    b, _, h, w = condition.shape
    net = copy.deepcopy(net).cpu().double()
    features = condition.detach().cpu().double().repeat_interleave(n, 0)
    noise = np.tile(uniforms(seed, n, h, w), (b, 1, 1, 1))
    bins = torch.zeros(b * n, 2, h, w, dtype=torch.int64)
    log_prob = np.zeros(b * n)
    for i in range(h):
        for j in range(w):
            for channel in (0, 1):
                logits = net(bins, features)[:, channel, :, i, j].numpy()
                chosen, gained = choose(logits, noise[:, i, j, channel], temperature)
                bins[:, channel, i, j] = torch.from_numpy(chosen)
                log_prob += gained
    return Draws(bins.unflatten(0, (b, n)), torch.from_numpy(log_prob).unflatten(0, (b, n)))


def uniforms(seed: int, n: int, h: int, w: int) -> ndarray:
    """Uniform numbers in [0, 1) for every draw, pixel and channel, (n, h, w, 2).

    Each draw has a generator of its own, so that draw ``k`` of a seed is the same whatever ``n``.
    """
    noise = np.empty((n, h, w, 2))
    for k in range(n):
        mixed = np.random.SeedSequence([seed % 2**64, k]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(mixed >> np.uint64(1)))
        noise[k] = torch.rand(h, w, 2, dtype=torch.float64, generator=generator).numpy()
    return noise


def choose(logits: ndarray, uniform: ndarray, temperature: float) -> tuple[ndarray, ndarray]:
    """Bins by the inverse distribution function, and their log-probabilities at temperature 1.

    Args:
        logits: (rows, k).
        uniform: a number in [0, 1) for each row.
        temperature: what the logits are divided by; 0 takes the most probable bin.
    """
    shifted = logits - logits.max(1, keepdims=True)
    mass = np.exp(shifted)
    if temperature == 0:
        chosen = shifted.argmax(1)
    else:
        tempered = mass if temperature == 1 else np.exp(shifted / temperature)
        cumulative = tempered.cumsum(1)
        chosen = (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(1)
    gained = shifted[np.arange(len(chosen)), chosen] - np.log(mass.sum(1))
    return chosen, gained
