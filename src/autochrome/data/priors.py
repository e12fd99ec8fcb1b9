"""Color statistics of a set of photos: how often each of the 313 ab bins occurs (CIC, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.bins import AB_BINS, count_bins
from autochrome.color.spaces import LAB
from autochrome.data.photos import as_rgb, read_rgb, shrunk
from autochrome.data.sources import PhotoSource, expand_path
from autochrome.errors import DataError
from autochrome.io.whole_file import write_whole


def estimate_prior(
    source: PhotoSource,
    *,
    side: int = 64,
    numbers: Sequence[int] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Float[Tensor, "313"]:
    """Return the share of each ab bin over photos; sums to 1, not smoothed.

    All photos have the same weight, whatever their size.

    Args:
        source: the photos.
        side: shorter side, in pixels, to which photos are shrunk before colors are counted.
        numbers: which photos to count; None counts each once.
        progress: called with the photos done and the photos in all.

    Raises:
        DataError: a photo cannot be read.
    """
    numbers = range(len(source)) if numbers is None else numbers
    total = torch.zeros(AB_BINS, dtype=torch.float64)
    for done, number in enumerate(numbers, start=1):
        counts = count_bins(LAB.split(_shrunk(source, number, side))[1]).double()
        total += counts / counts.sum()
        progress(done, len(numbers))
    return (total / total.sum()).float()


def _shrunk(source: PhotoSource, number: int, side: int) -> Float[Tensor, "1 3 h w"]:
    # The decoder shrinks quickly to twice the size, antialiased resizing does the rest.
    photo = as_rgb(read_rgb(source, number, max_side=2 * side))
    shorter = min(photo.shape[2:])
    if shorter <= side:
        return photo
    height, width = (max(1, round(length * side / shorter)) for length in photo.shape[2:])
    return shrunk(photo, height, width)


def save_prior(counts: Float[Tensor, "313"], path: Path, *, about: str) -> None:
    """Write a prior as text: a line of explanation, then one share per bin."""
    shares = (counts.double() / counts.double().sum()).tolist()
    text = f"# {about}\n" + "\n".join(f"{share:.8g}" for share in shares) + "\n"
    write_whole(text, path)


def load_prior(place: str | Path) -> Float[Tensor, "313"]:
    """Read what ``save_prior`` wrote.

    Raises:
        DataError: the file is missing or does not hold 313 non-negative numbers.
    """
    path = expand_path(place)
    try:
        values = np.loadtxt(path, dtype=np.float64, ndmin=1)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not a color prior ({error}); make one with: autochrome prior PHOTOS -o {path}"
        ) from error
    if values.shape != (AB_BINS,) or not (values >= 0).all() or not 0 < values.sum() < np.inf:
        raise DataError(
            f"{path} should hold {AB_BINS} non-negative numbers; make it again with: "
            f"autochrome prior PHOTOS -o {path}"
        )
    return torch.from_numpy(values).float()
