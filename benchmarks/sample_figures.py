"""What is measured of several samples of one photo: how near to the truth, how far from each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.spaces import rgb_to_lab
from autochrome.metrics.distribution import chroma_histogram
from autochrome.metrics.diversity import (
    ab_spread,
    pair_values,
    pairwise_delta_e,
    sample_errors,
    sample_pairs,
)
from autochrome.metrics.ms_ssim import pairwise_ms_ssim_channels
from autochrome.report.diversity_sheet import Examples


@dataclass(frozen=True)
class SampleFigures:
    """Figures of the samples of photos, one row a photo.

    Attributes:
        psnr: in dB.
        auc: in percent.
        ciede2000: mean over pixels.
        ms_ssim: of the pairs of samples in R, G and B; no pairs if there is one sample.
        spread: of the samples in ab, in CIE units.
        delta_e: CIEDE2000 of the pairs.
        histograms: of a and of b, in pixels.
        histograms_truth: those of the photos themselves.
    """

    psnr: Float[Tensor, "photos n"]
    auc: Float[Tensor, "photos n"]
    ciede2000: Float[Tensor, "photos n"]
    ms_ssim: Float[Tensor, "photos pairs 3"]
    spread: Float[Tensor, "photos s"]
    delta_e: Float[Tensor, "photos pairs"]
    histograms: Float[Tensor, "photos n 2 bins"]
    histograms_truth: Float[Tensor, "photos 2 bins"]


Figures = TypeVar("Figures", bound=SampleFigures)


def stack(kind: type[Figures], rows: Iterable[Mapping[str, Tensor]]) -> Figures:
    """The figures of many photos in double precision, from those of each; every row has all of the kind's."""
    rows = list(rows)
    return kind(**{f.name: torch.stack([row[f.name] for row in rows]).double() for f in fields(kind)})


def figures_of(
    rgb: Float[Tensor, "n 3 h w"],
    truth: Float[Tensor, "1 3 h w"],
    examples: Examples | None = None,
    *,
    structure: bool = True,
) -> dict[str, Tensor]:
    """Measure the samples of one photo.

    Args:
        rgb: sRGB in [0, 1].
        truth: the photo itself.
        examples: is offered the pairs of samples.
        structure: whether to compare pairs by MS-SSIM, which needs sides of 176 pixels; no pairs if not.

    Returns:
        The attributes of ``SampleFigures``, each without its first dimension.

    Raises:
        ValueError: a side is below 176 pixels and pairs are to be compared.
    """
    lab, lab_truth = rgb_to_lab(rgb), rgb_to_lab(truth)
    several = len(rgb) > 1
    channels = pair_channels(rgb) if several and structure else torch.empty(0, 3)
    if len(channels) and examples:
        pictures = [(p * 255).round().byte().permute(1, 2, 0).contiguous().numpy() for p in rgb]
        examples.offer(channels.mean(1), sample_pairs(len(rgb)), pictures)
    return {
        **sample_errors(rgb, truth),
        "ms_ssim": channels,
        "spread": ab_spread(lab[:, 1:])[None] if several else torch.empty(0),
        "delta_e": pairwise_delta_e(lab) if several else torch.empty(0),
        "histograms": chroma_histogram(lab[:, 1:]),
        "histograms_truth": chroma_histogram(lab_truth[:, 1:])[0],
    }


def pair_channels(planes: Float[Tensor, "n c h w"]) -> Float[Tensor, "pairs c"]:
    """MS-SSIM of every pair of samples in every channel; channels in [0, 1], sides of 176 pixels at least."""
    return torch.stack([pair_values(table) for table in pairwise_ms_ssim_channels(planes).unbind(2)], dim=1)
