"""Sums of one photo, and every score as a function of such sums.

All scores, even those over pooled pixels, depend on sums over photos only. So a photo is read once, its
`Sums` are kept (some 20 kB), and a bootstrap resample is one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from autochrome.color.bins import AB_BINS, nearest_bin, rebalancing_weights, smooth_prior
from autochrome.color.difference import ciede2000
from autochrome.color.spaces import LAB
from autochrome.metrics.casts import THRESHOLD as CAST
from autochrome.metrics.casts import has_cast
from autochrome.metrics.colorfulness import colorfulness
from autochrome.metrics.distribution import (
    HISTOGRAM_BINS,
    HISTOGRAM_LIMIT,
    area_under_cmf,
    chroma_histogram,
    cumulative_mass,
    histogram_intersection,
    score_by_bin,
)
from autochrome.metrics.pixel import alpha_beta_error, psnr
from autochrome.metrics.places import THRESHOLD, helped_and_harmed

FINE_BINS = 2 * HISTOGRAM_BINS
"""Histograms are kept at half the standard bin width: coarser ones follow by adding neighbors."""


@dataclass(frozen=True)
class Sums:
    """Additive statistics, float64; the leading dimensions are photos or resamples."""

    photos: Float[Tensor, "*n"]
    pixels: Float[Tensor, "*n"]
    mass: Float[Tensor, "*n 151"]
    mass_rebalanced: Float[Tensor, "*n 151"]
    weight: Float[Tensor, "*n"]
    bins: Float[Tensor, "*n 313"]
    bin_scores: Float[Tensor, "*n 313"]
    """AuC of every pixel, in [0, 1], added up by the ab bin of its true color."""
    histogram: Float[Tensor, "*n 2 fine"]
    histogram_truth: Float[Tensor, "*n 2 fine"]
    psnr: Float[Tensor, "*n"]
    psnr_photos: Float[Tensor, "*n"]
    alpha_beta: Float[Tensor, "*n"]
    delta_e: Float[Tensor, "*n"]
    chroma: Float[Tensor, "*n"]
    chroma_truth: Float[Tensor, "*n"]
    helped: Float[Tensor, "*n"]
    harmed: Float[Tensor, "*n"]
    casts: Float[Tensor, "*n"]
    lightness: Float[Tensor, "*n"]
    color: Float[Tensor, "*n"]
    color_truth: Float[Tensor, "*n"]
    color_change: Float[Tensor, "*n"]
    color_absolute: Float[Tensor, "*n"]
    color_absolute_truth: Float[Tensor, "*n"]
    color_absolute_change: Float[Tensor, "*n"]

    def zeros_like_batch(self, photos: int) -> Sums:
        """Return zero-filled sums for ``photos`` photos, of the same dtype and on the same device."""
        values = (getattr(self, f.name) for f in fields(self))
        return Sums(*(value.new_zeros(photos, *value.shape[1:]) for value in values))

    def __setitem__(self, index: int, one: Sums) -> None:
        """Write the sums of one photo in place.

        One batch for all, since small tensors kept between the large ones of each photo would fragment
        memory.
        """
        for f in fields(self):
            getattr(self, f.name)[index] = getattr(one, f.name)[0]

    def combine(self, counts: Float[Tensor, "replicates photos"]) -> Sums:
        """Return sums of resamples in which each photo occurs ``counts`` times."""
        return Sums(*(torch.tensordot(counts, getattr(self, f.name), dims=1) for f in fields(self)))


@dataclass(frozen=True)
class Truth:
    """What is computed once from true photos to score all of their colorizations."""

    rgb: Float[Tensor, "b 3 h w"]
    light: Float[Tensor, "b 1 h w"]
    ab: Float[Tensor, "b 2 h w"]
    bin_of: Int[Tensor, "b h w"]
    weight: Float[Tensor, "b h w"]
    bins: Float[Tensor, "b 313"]
    histogram: Float[Tensor, "b 2 fine"]

    @classmethod
    def of(cls, rgb: Float[Tensor, "b 3 h w"], prior: Float[Tensor, "313"]) -> Truth:
        """Prepare sRGB photos in [0, 1]; the rebalanced AuC needs a smoothed ``prior`` of the 313 ab bins."""
        light, ab = LAB.split(rgb)
        bins = nearest_bin(ab)
        counts = torch.stack([torch.bincount(photo.flatten(), minlength=AB_BINS) for photo in bins])
        weight = rebalancing_weights(prior, mix=0.0).double().to(ab.device)[bins]
        return cls(rgb, light, ab, bins, weight, counts.double(), chroma_histogram(ab, FINE_BINS))


def summarize(rgb: Float[Tensor, "b 3 h w"], truth: Truth) -> Sums:
    """Return the sums of each photo of a batch of colorizations, sRGB in [0, 1]."""
    light, ab = LAB.split(rgb)
    noise = psnr(rgb, truth.rgb).double()
    finite = noise.isfinite()
    signed, signed_truth = (colorfulness(x).double() for x in (rgb, truth.rgb))
    helped, harmed = helped_and_harmed(ab, truth.ab)
    absolute, absolute_truth = (colorfulness(x, absolute=True).double() for x in (rgb, truth.rgb))
    return Sums(
        photos=torch.ones_like(noise),
        pixels=torch.full_like(noise, light[0].numel()),
        mass=cumulative_mass(ab, truth.ab),
        mass_rebalanced=cumulative_mass(ab, truth.ab, truth.weight),
        weight=truth.weight.sum((1, 2)),
        bins=truth.bins,
        bin_scores=score_by_bin(ab, truth.ab, truth.bin_of),
        histogram=chroma_histogram(ab, FINE_BINS),
        histogram_truth=truth.histogram,
        psnr=torch.where(finite, noise, 0.0),
        psnr_photos=finite.double(),
        alpha_beta=_total(alpha_beta_error(rgb, truth.rgb)),
        delta_e=_total(ciede2000(torch.cat([light, ab], 1), torch.cat([truth.light, truth.ab], 1))),
        chroma=_total(ab.square().sum(1).sqrt()),
        chroma_truth=_total(truth.ab.square().sum(1).sqrt()),
        helped=helped,
        harmed=harmed,
        casts=has_cast(ab, truth.ab).double(),
        lightness=_total((light - truth.light).abs().squeeze(1)),
        color=signed,
        color_truth=signed_truth,
        color_change=(signed - signed_truth).abs(),
        color_absolute=absolute,
        color_absolute_truth=absolute_truth,
        color_absolute_change=(absolute - absolute_truth).abs(),
    )


def _total(map_: Float[Tensor, "b h w"]) -> Float[Tensor, " b"]:
    return map_.double().sum((1, 2))


@dataclass(frozen=True)
class Score:
    """One score: its name, which direction is better, its definition, and its formula."""

    label: str
    better: str  # "higher", "lower", or "truth": the nearer to the truth's own figure
    definition: str
    compute: Callable[[Sums], Float[Tensor, "*n"]]
    against_gray: bool = False
    """Whether it measures against gray already; then it has no difference from gray."""


def _intersection(axis: Literal["a", "b"], bins: int = HISTOGRAM_BINS) -> Score:
    """Return the intersection of the histograms of one axis."""
    channel = "ab".index(axis)

    def compute(s: Sums) -> Tensor:
        both = (s.histogram[..., channel, :], s.histogram_truth[..., channel, :])
        return histogram_intersection(*(h.unflatten(-1, (bins, -1)).sum(-1) for h in both))

    label = f"Intersection {axis}" + ("" if bins == HISTOGRAM_BINS else f", {bins} bins")
    definition = (
        f"histograms of Lab {axis} over pooled pixels, sum of min(p, q), {bins} bins of width"
        f" {2 * HISTOGRAM_LIMIT / bins:g} over [-100, 100]"
    )
    return Score(label, "higher", definition, compute)


@lru_cache(maxsize=1)
def _smoothing() -> Float[Tensor, "313 313"]:
    return torch.stack([smooth_prior(one) for one in torch.eye(AB_BINS, dtype=torch.float64)], dim=1)


def _own_rebalanced(s: Sums) -> Tensor:
    prior = (s.bins @ _smoothing().T) / s.pixels[..., None]
    weight = 1 / prior.clamp(min=1e-30)
    return 100 * (s.bin_scores * weight).sum(-1) / (s.bins * weight).sum(-1)


def _mean_psnr(s: Sums) -> Tensor:
    return torch.where(s.psnr_photos > 0, s.psnr / s.psnr_photos.clamp(min=1), torch.inf)


def _colorfulness(variant: str, label: str, definition: str) -> dict[str, Score]:
    """Return the scores of a variant of colorfulness by their keys."""

    def of_photos(name: str) -> Callable[[Sums], Tensor]:
        return lambda s: getattr(s, f"color{variant}{name}") / s.photos

    result, truth = of_photos(""), of_photos("_truth")
    scores = {
        "": Score(label, "truth", f"{definition}, mean over photos", result),
        "_truth": Score(f"{label} (truth)", "truth", "the same of the references", truth),
        "_delta": Score(
            f"{label}, delta of means",
            "lower",
            "|mean of the results - mean of the references|",
            lambda s: (result(s) - truth(s)).abs(),
        ),
        "_delta_per_photo": Score(
            f"{label}, mean delta",
            "lower",
            "mean over photos of |that of the result - that of its reference|",
            of_photos("_change"),
        ),
    }
    return {f"colorfulness{variant}{end}": score for end, score in scores.items()}


_PLACES = (
    "share of the places (pixels at half size, mean ab of 2 x 2) whose distance in ab from the truth is at"
    f" least {THRESHOLD:g} CIE units {{}} than that of gray, mean over photos"
)
_POOLED = "over the pooled pixels of all photos"

SCORES: dict[str, Score] = {
    "auc": Score(
        "AuC",
        "higher",
        f"mean over t = 0..150 of the share of pixels whose ab error is at most t, {_POOLED}, in percent",
        lambda s: area_under_cmf(s.mass, s.pixels),
    ),
    "auc_rebalanced": Score(
        "AuC rebalanced",
        "higher",
        "AuC with every pixel weighted by 1 / (smoothed share, in the references themselves, of the ab bin of"
        " its true color): every bin that occurs weighs about alike; not comparable between sets",
        _own_rebalanced,
    ),
    "auc_rebalanced_fixed": Score(
        "AuC rebalanced, fixed prior",
        "higher",
        "the same with the fixed prior of the manifest: comparable between sets, but a single photo of"
        " colors that are rare in that prior can decide it",
        lambda s: area_under_cmf(s.mass_rebalanced, s.weight),
    ),
    "psnr": Score(
        "PSNR dB",
        "higher",
        "RGB in [0, 1], per photo over its three channels, arithmetic mean of the dB over photos; photos"
        " equal to the truth (infinite) are left out and counted in psnr_perfect_photos",
        _mean_psnr,
    ),
    "alpha_beta_rmse": Score(
        "RMSE alpha-beta",
        "lower",
        f"sqrt((d_alpha^2 + d_beta^2) / 2) per pixel, eps 1e-4, mean {_POOLED}",
        lambda s: s.alpha_beta / s.pixels,
    ),
    "intersection_a": _intersection("a"),
    "intersection_b": _intersection("b"),
    "ciede2000": Score("CIEDE2000", "lower", f"mean {_POOLED}", lambda s: s.delta_e / s.pixels),
    "chroma": Score("Chroma", "truth", f"mean C*ab of the results {_POOLED}", lambda s: s.chroma / s.pixels),
    "chroma_truth": Score(
        "Chroma (truth)",
        "truth",
        f"mean C*ab of the references {_POOLED}",
        lambda s: s.chroma_truth / s.pixels,
    ),
    "chroma_kept": Score(
        "Chroma kept",
        "truth",
        "chroma / chroma_truth; 1 is as much as the references have",
        lambda s: s.chroma / s.chroma_truth,
    ),
    "helped": Score(
        "Helped", "higher", _PLACES.format("smaller"), lambda s: s.helped / s.photos, against_gray=True
    ),
    "harmed": Score(
        "Harmed", "lower", _PLACES.format("greater"), lambda s: s.harmed / s.photos, against_gray=True
    ),
    "helped_harmed": Score(
        "Helped / harmed",
        "higher",
        "helped / harmed, a ratio of the two means; infinite where nothing is harmed, undefined where nothing"
        " is helped either",
        lambda s: s.helped / s.harmed,
        against_gray=True,
    ),
    "casts": Score(
        "Casts",
        "lower",
        "share of the photos whose mean color lies more than"
        f" {CAST:g} CIE units of ab from that of their reference",
        lambda s: s.casts / s.photos,
    ),
    **_colorfulness("", "Colorfulness", "Hasler and Suesstrunk 2003 with signed opponents"),
    **_colorfulness(
        "_absolute", "Colorfulness (abs)", "the variant that takes |R - G| and |(R + G) / 2 - B|"
    ),
    "lightness_drift": Score(
        "Lightness drift",
        "lower",
        f"mean |dL*| {_POOLED}; rounding to 8 bits alone leaves some 0.1",
        lambda s: s.lightness / s.pixels,
    ),
    "intersection_a_100": _intersection("a", 100),
    "intersection_b_100": _intersection("b", 100),
    "intersection_a_400": _intersection("a", 400),
    "intersection_b_400": _intersection("b", 400),
}
"""Every score of the evaluation, in the order of the table."""
