"""Photos as the probed trunks see them: luma only, as squares of one size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float16
from torch import Tensor

from autochrome.color.spaces import ColorSpace
from autochrome.data.photos import read_square
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
        lumas[place] = space.split(read_square(source, number, size, max_side=2 * size))[0][0]
        progress("reading photos", place + 1, len(numbers))
    return lumas
