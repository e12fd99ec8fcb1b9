"""What models that draw borrow from others on the same trunk: a distribution for guides, a judge of samples.

The photo is encoded already, so that a companion costs little more than its head.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.conversion import luma_of_lightness
from autochrome.color.spaces import get_space, lab_to_rgb
from autochrome.guidance.hint_files import Hint
from autochrome.guidance.hints import HintGuide
from autochrome.models.base import Colorizer, DistributionColorizer, SamplingColorizer, log_probabilities
from autochrome.models.registry import create_model
from autochrome.models.shared_trunk import LENDER
from autochrome.nn.folding import fold_norms
from autochrome.pipeline.extent import Extent
from autochrome.types import Luma

JUDGE = "pixcolor.compact"
"""The model whose ranker judges the samples of models without one."""


def guide_samples(
    hints: Sequence[Hint], lightness: Luma, seen: Luma, extent: Extent, device: torch.device
) -> HintGuide:
    """Return a guide for a model that draws, which has no distribution to tell how far hints reach.

    CIC's distribution tells it, which stands on the same trunk and so costs next to nothing more.

    Args:
        hints: on the picture, at least one.
        lightness: L* "1 1 h w" of the extent's box.
        seen: the same as models see it.
        extent: where the picture is in the photo.
        device: where the model computes.
    """
    model, log_p = companion_distribution(seen, device)
    guide = HintGuide(hints, model, lightness, extent.size, extent.box)
    guide(log_p)
    return guide


def companion_distribution(
    seen: Luma, device: torch.device
) -> tuple[DistributionColorizer, Float[Tensor, "1 q h4 w4"]]:
    """Return the model with a distribution that stands on the same trunk, and what it says of a photo.

    Args:
        seen: L* "1 1 h w" as models see the photo, sides multiples of 16.
        device: where the model computes.
    """
    model = _loaded(LENDER, device)
    assert isinstance(model, DistributionColorizer)
    luma = luma_of_lightness(seen, model.spec.space).to(device)
    return model, log_probabilities(model.predict(luma).float(), model.axes)


def judge_samples(seen: Luma, ab: Float[Tensor, "n 2 h2 w2"], device: torch.device) -> Float[Tensor, " n"]:
    """Score samples of a photo, whatever drew them: the higher, the more plausible.

    Args:
        seen: L* "1 1 h w" as models see the photo.
        ab: the samples' a* and b* on any grid.
        device: where the judge computes.
    """
    judge = _loaded(JUDGE, device)
    assert isinstance(judge, SamplingColorizer)
    space = judge.spec.space
    size = (seen.shape[2], seen.shape[3])
    colors = F.interpolate(ab.float(), size, mode="bilinear", antialias=True)
    lab = torch.cat([seen.to(colors).expand(len(colors), -1, -1, -1), colors], 1)
    chroma = get_space(space).split(lab_to_rgb(lab).clamp(0, 1))[1]
    return judge.rank(luma_of_lightness(seen, space).to(device), chroma[None].to(device))[0]


@lru_cache(maxsize=4)
def _loaded(name: str, device: torch.device) -> Colorizer:
    return fold_norms(create_model(name)).to(device).eval()
