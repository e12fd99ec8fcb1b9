"""Known colors as planes for the generator's layers: Cao's future work, a model that can be told a color.

Three planes: U and V of the known color at every place, enlarged and faded by how much it decides there, and
how much that is. Without known colors all are 0.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import YUV, lab_to_rgb
from autochrome.models.base import KnownColors

PLANES = 3
_GAIN = 6.0  # U and V vary by about .13
_MOST = 5  # colors that a photo is told in training


def planes_of(known: KnownColors, grid: tuple[int, int]) -> Float[Tensor, "1 3 h w"]:
    """Return the planes of colors that are known of one photo, on the generator's grid."""
    weights = F.interpolate(known.weights[None], grid, mode="bilinear", antialias=True)[0]
    uv = YUV.split(lab_to_rgb(known.lab[:, :, None, None]).clamp(0, 1))[1][:, :, 0, 0]
    chroma = torch.einsum("khw,kc->chw", weights, uv)
    return torch.cat([_GAIN * chroma, weights.sum(0, keepdim=True)])[None]


def random_planes(
    luma: Float[Tensor, "b 1 h w"], chroma: Float[Tensor, "b 2 h w"], share: float
) -> Float[Tensor, "b 3 h w"]:
    """Return planes of true colors at random places, as training needs them; from torch's global generator.

    A color reaches about as far as a thing does: to places that are near and as bright, with a reach and a
    tolerance of its own.

    Args:
        luma: of the photos on the generator's grid, in [-1, 1].
        chroma: their U and V.
        share: of the photos that are told of one to five colors; the others of none.
    """
    b, _, h, w = luma.shape
    rows, columns = torch.arange(h, device=luma.device), torch.arange(w, device=luma.device)
    at = torch.rand(b, _MOST, 2, device=luma.device) * luma.new_tensor([h, w])
    y, x = at.long().unbind(2)
    photo = torch.arange(b, device=luma.device)[:, None]
    reach = min(h, w) * (0.05 + 0.45 * torch.rand(b, _MOST, 1, 1, device=luma.device))
    tolerance = 0.05 + 0.3 * torch.rand(b, _MOST, 1, 1, device=luma.device)
    apart = (rows[:, None] - y[..., None, None]) ** 2 + (columns - x[..., None, None]) ** 2
    brighter = luma - luma[photo, 0, y, x][..., None, None]
    weights = torch.exp(-apart / (2 * reach**2) - brighter**2 / (2 * tolerance**2))
    count = torch.randint(1, _MOST + 1, (b, 1), device=luma.device)
    told = (torch.arange(_MOST, device=luma.device) < count) & (torch.rand(b, 1, device=luma.device) < share)
    weights = weights * told[..., None, None]
    weights = weights / weights.sum(1, keepdim=True).clamp_min(1)
    colors = chroma[photo, :, y, x]  # b k 2
    planes = torch.einsum("bkhw,bkc->bchw", weights, colors)
    return torch.cat([_GAIN * planes, weights.sum(1, keepdim=True)], 1)
