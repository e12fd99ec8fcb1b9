"""Colour statistics of a set of photos: how often each of the 313 ab bins occurs (CIC, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.bins import AB_BINS, count_bins
from autochrome.color.spaces import LAB
from autochrome.data.photos import decode_rgb
from autochrome.data.sources import DataError, PhotoSource


def estimate_prior(
    source: PhotoSource,
    *,
    side: int = 64,
    limit: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Float[Tensor, "313"]:
    """Count the ab bins over photos shrunk to a shorter side.

    Every photo counts alike: its bins sum to 1 before they are added.

    Args:
        source: the photos.
        side: shorter side, in pixels, at which colours are counted.
        limit: count at most this many photos, drawn by ``seed``; None counts all.
        seed: of that draw.
        progress: called with photos done and to do.
    """
    order = np.random.default_rng(seed).permutation(len(source))[:limit]
    total = torch.zeros(AB_BINS, dtype=torch.float64)
    for done, index in enumerate(order, start=1):
        rgb = decode_rgb(source.read(int(index)), name=source.key(int(index)), max_side=side)
        photo = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255
        height, width = photo.shape[2:]
        if min(height, width) > side:
            scale = side / min(height, width)
            photo = F.interpolate(photo, scale_factor=scale, mode="bilinear", antialias=True).clamp(0, 1)
        counts = count_bins(LAB.split(photo)[1]).double()
        total += counts / counts.sum()
        progress(done, len(order))
    return total.float()


def save_prior(counts: Float[Tensor, "313"], path: Path, *, about: str) -> None:
    """Write statistics as text: a line of explanation, then one share a bin."""
    shares = (counts.double() / counts.double().sum()).tolist()
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(f"# {about}\n" + "\n".join(f"{share:.8g}" for share in shares) + "\n", encoding="utf-8")
    temporary.replace(path)


def load_prior(path: Path) -> Float[Tensor, "313"]:
    """Read what ``save_prior`` wrote.

    Raises:
        DataError: the file is missing or does not hold 313 non-negative numbers.
    """
    try:
        values = np.loadtxt(path, dtype=np.float64, ndmin=1)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no colour prior ({error}); make one with: autochrome prior PHOTOS -o {path}") from error
    if values.shape != (AB_BINS,) or (values < 0).any() or values.sum() <= 0:
        raise DataError(f"{path} should hold {AB_BINS} non-negative numbers; make it anew with: autochrome prior")
    return torch.from_numpy(values).float()
