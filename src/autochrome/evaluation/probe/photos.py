"""Photos as the probed trunks see them: luma only, as squares of one size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Float16
from torch import Tensor

from autochrome.color.spaces import ColorSpace
from autochrome.data.photos import as_rgb, decode_rgb, shrunk
from autochrome.data.sources import PhotoSource
from autochrome.types import Progress, silent


def read_lumas(
    source: PhotoSource, numbers: Sequence[int], space: ColorSpace, size: int, progress: Progress = silent
) -> Float16[Tensor, "n 1 s s"]:
    """Return the luma of each photo's central square, in the range of the space.

    Half precision lets ten thousand photos fit in memory and is finer than the 8 bits of the files.

    Raises:
        DataError: a photo cannot be read.
    """
    lumas = torch.empty(len(numbers), 1, size, size, dtype=torch.float16)
    for place, number in enumerate(numbers):
        rgb = decode_rgb(source.read(number), name=source.key(number), max_side=2 * size)
        lumas[place] = space.split(_central_square(as_rgb(rgb), size))[0][0]
        progress("reading photos", place + 1, len(numbers))
    return lumas


def _central_square(rgb: Float[Tensor, "1 3 h w"], size: int) -> Float[Tensor, "1 3 s s"]:
    side = min(rgb.shape[2:])
    top, left = (rgb.shape[2] - side) // 2, (rgb.shape[3] - side) // 2
    return shrunk(rgb[:, :, top : top + side, left : left + side], size, size)
