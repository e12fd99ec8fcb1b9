"""Photos as the probed trunks see them: luma only, as squares of one size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float16, UInt8
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import ColorSpace
from autochrome.data.photos import decode_rgb
from autochrome.data.sources import PhotoSource

Progress = Callable[[str, int, int], None]
"""Called with the name of the task, the amount done, and the total."""


def silent(what: str, done: int, total: int) -> None:
    """Report nothing."""


def read_lumas(
    source: PhotoSource,
    numbers: Sequence[int],
    space: ColorSpace,
    size: int,
    progress: Progress = silent,
) -> Float16[Tensor, "n 1 s s"]:
    """Return the luma of each photo's central square, in the range of the space.

    Half precision lets ten thousand photos fit in memory and is finer than the 8 bits of the files.

    Raises:
        DataError: a photo cannot be read.
    """
    lumas = torch.empty(len(numbers), 1, size, size, dtype=torch.float16)
    for place, number in enumerate(numbers):
        rgb = decode_rgb(source.read(number), name=source.key(number), max_side=2 * size)
        lumas[place] = space.split(_central_square(as_tensor(rgb), size))[0][0]
        progress("reading photos", place + 1, len(numbers))
    return lumas


def as_tensor(rgb: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "1 3 h w"]:
    """Return a decoded photo as sRGB in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255


def shrunk(rgb: Float[Tensor, "1 3 h w"], height: int, width: int) -> Float[Tensor, "1 3 height width"]:
    """Return a photo at another size, antialiased."""
    if rgb.shape[2:] == (height, width):
        return rgb
    return F.interpolate(rgb, (height, width), mode="bilinear", antialias=True).clamp(0, 1)


def _central_square(rgb: Float[Tensor, "1 3 h w"], size: int) -> Float[Tensor, "1 3 s s"]:
    side = min(rgb.shape[2:])
    top, left = (rgb.shape[2] - side) // 2, (rgb.shape[3] - side) // 2
    return shrunk(rgb[:, :, top : top + side, left : left + side], size, size)
