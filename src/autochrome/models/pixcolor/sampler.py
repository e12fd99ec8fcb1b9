"""Drawing chroma from the PixelCNN, pixel after pixel (Guadarrama 2017, section 3.1).

The factorization asks for a pass of the whole network for every pixel and channel. ``draw`` gives the same
draws for a three-thousandth of the multiplications, as in Ramachandran and others 2017 (Fast Generation for
Convolutional Autoregressive Models, arXiv:1704.06001): nothing is computed twice. The vertical stack runs
once per row (``vertical_cache``), the horizontal one once per pixel and channel (``horizontal_cache``), for
all draws of all photos together.

Everything runs on the CPU and in double precision, whatever the network's own device and precision. The plain
way, to which the tests compare it, adds in another order, so that its logits differ by about 1e-13; a draw
would differ only where a uniform number falls that close to the edge of a bin, which is to be expected in one
of about 1e9 pictures.
"""

from __future__ import annotations

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


def draw(
    net: PixelCNN,
    condition: Float[Tensor, "b c h w"],
    *,
    n: int = 1,
    temperature: float = 1.0,
    guidance: float = 0.0,
    seed: int = 0,
    bias: Float[Tensor, "b 2 k h w"] | None = None,
) -> Draws:
    """Draw low-resolution chroma.

    With guidance g each pixel is drawn from the product p(z_i | z_<i, x)^(1+g) / p(z_i | z_<i)^g, normalized
    (classifier-free guidance: Ho and Salimans 2022, arXiv:2207.12598): what the photo says counts for more
    than going on with the colors drawn so far. The network must have learned p(z) too, as what it says where
    all features are 0.

    Args:
        net: the network, on any device and in any precision.
        condition: features of the photos.
        n: draws for each photo.
        temperature: what the logits are divided by, above 0 and up to 1; 0 takes the most probable bin of
            each pixel and channel in turn.
        guidance: g, at least 0; 0 draws as the network learned.
        seed: draw ``k`` of a seed is the same whatever ``n``, and whatever other photos are in the batch.
        bias: what is added to the logits of every place before it is drawn: colors that are known, to which
            all that is drawn afterwards conforms. The log-likelihoods are those without it.

    Returns:
        The draws, on the features' device.

    Raises:
        ValueError: the guidance is below 0, or the features are not finite.
    """
    if not 0 <= guidance < math.inf:
        raise ValueError(f"guidance is at least 0, not {guidance:g}")
    if not condition.isfinite().all():
        raise ValueError("the features of the photo hold values that are not finite")
    rows = len(condition) * n
    condition = with_unconditional(condition, guidance)
    photos, _, height, width = condition.shape
    features = condition.detach().double().cpu().permute(2, 3, 0, 1).flatten(1, 2).contiguous().numpy()
    noise = np.tile(uniforms(seed, n, height, width), photos)
    inputs = net.inputs.detach().double().cpu().numpy()
    vertical = VerticalCache(net, photos, n, width)
    horizontal = HorizontalCache(net, photos, n, width)
    bins = np.empty((height, width, 2, photos * n), np.int64)
    logits = np.empty((height, width, 2, photos * n, len(inputs)))
    biases = None if bias is None else _of_rows(bias, n, twice=guidance > 0)
    context = None
    for i in range(height):
        horizontal.begin_row(context, features[i])
        for j in range(width):
            (cr, cb), (cr_noise, cb_noise), (cr_logits, cb_logits) = bins[i, j], noise[i, j], logits[i, j]
            cr_bias, cb_bias = (0.0, 0.0) if biases is None else biases[i, j]
            cr_logits[:] = horizontal.cr_logits(j).T
            cr[:] = choose(guide(cr_logits, guidance) + cr_bias, cr_noise, temperature)
            cb_logits[:] = horizontal.cb_logits(j, inputs[cr]).T
            cb[:] = choose(guide(cb_logits, guidance) + cb_bias, cb_noise, temperature)
            horizontal.finish(j, inputs[bins[i, j]])
        if i < height - 1:
            context = vertical.advance(inputs[bins[i].swapaxes(1, 2)], features[i])
    return collect(bins[..., :rows], logits[..., :rows, :], n, condition.device)


def _of_rows(bias: Float[Tensor, "b 2 k h w"], n: int, *, twice: bool) -> ndarray:
    """Return what is added to the logits of every draw, (h, w, 2, rows, k); ``twice`` for guidance."""
    rows = bias.detach().double().cpu().permute(3, 4, 1, 0, 2).repeat_interleave(n, 3).numpy()
    return np.concatenate((rows, rows), 3) if twice else rows


def with_unconditional(condition: Float[Tensor, "b c h w"], guidance: float) -> Float[Tensor, "b2 c h w"]:
    """Return the features, with guidance followed by as many unconditional rows (zeros)."""
    return torch.cat((condition, torch.zeros_like(condition))) if guidance else condition


def guide(logits: ndarray, guidance: float) -> ndarray:
    """Log-probabilities to draw from, unnormalized.

    Args:
        logits: (rows, k); with guidance the second half of the rows is unconditional.
        guidance: g of ``draw``.

    Returns:
        (rows, k); with guidance both halves hold the same, so that both go on with the same draws.
    """
    if not guidance:
        return logits
    given, free = (half - _log_sum_exp(half) for half in np.split(logits, 2))
    return np.tile((1 + guidance) * given - guidance * free, (2, 1))


def _log_sum_exp(logits: ndarray) -> ndarray:
    largest = np.maximum.reduce(logits, 1, keepdims=True)
    return largest + np.log(np.add.reduce(np.exp(logits - largest), 1, keepdims=True))


def uniforms(seed: int, n: int, height: int, width: int) -> ndarray:
    """Uniform numbers in [0, 1) for every pixel, channel and draw, (height, width, 2, n).

    Each draw has a generator of its own, so that draw ``k`` of a seed is the same whatever ``n``.
    """
    noise = np.empty((height, width, 2, n))
    for k in range(n):
        state = np.random.SeedSequence([seed % 2**64, k]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
        noise[..., k] = torch.rand(height, width, 2, dtype=torch.float64, generator=generator).numpy()
    return noise


def choose(logits: ndarray, uniform: ndarray, temperature: float) -> ndarray:
    """Bins (rows,) by the inverse distribution function.

    Args:
        logits: (rows, k).
        uniform: a number in [0, 1) for each row.
        temperature: what the logits are divided by; 0 takes the most probable bin.
    """
    if temperature == 0:
        return logits.argmax(1)
    mass = logits - np.maximum.reduce(logits, 1, keepdims=True)
    if temperature != 1:
        # Far below any use a temperature may overflow to -inf, which is right.
        with np.errstate(over="ignore"):
            mass /= temperature
    np.exp(mass, out=mass)
    cumulative = np.add.accumulate(mass, 1)
    threshold = uniform[:, None] * cumulative[:, -1:]
    return np.add.reduce(cumulative <= threshold, 1)


def collect(bins: ndarray, logits: ndarray, n: int, device: torch.device) -> Draws:
    """Draws from bins (h, w, 2, photos * n) and the logits that they were drawn from."""
    drawn = torch.from_numpy(bins).permute(3, 2, 0, 1).contiguous()
    log_prob = torch.from_numpy(logits).log_softmax(-1).gather(-1, torch.from_numpy(bins)[..., None])
    total = log_prob.sum((0, 1, 2))[:, 0]
    # Apple's devices know no double precision.
    total = total.float() if device.type == "mps" else total
    return Draws(drawn.unflatten(0, (-1, n)).to(device), total.unflatten(0, (-1, n)).to(device))
