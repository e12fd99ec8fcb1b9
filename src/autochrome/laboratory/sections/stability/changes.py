"""How predicted colors change with the photo's lightness: CIC's figure 13, for every system.

Zhang et al. (2016), section 4.4: predictions are "somewhat stable" against changes of lightness and contrast,
and less so against blur, which removes texture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.difference import ciede2000
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.io.photo import Photo
from autochrome.laboratory.run import Run, System
from autochrome.laboratory.sections.stability.perturbations import (
    NEUTRAL,
    PERTURBATIONS,
    gray_photo,
    lightness_of,
)
from autochrome.pipeline.painter import Painter
from autochrome.pipeline.settings import ColorizeSettings
from autochrome.report.html import Figure, Gallery, Part, Table
from autochrome.report.html.charts import lines
from autochrome.report.thumbnails import picture

PICTURED = ("lightness -20", "lightness +20", "gamma 2", "contrast 0.5", "blur 2", "blur 4", "noise 5")
"""Perturbations that are shown."""

_SIDE = 144  # of these pictures


@dataclass(frozen=True, eq=False)
class Changes:
    """Effect of the perturbations on the colors of one photo.

    Attributes:
        difference: CIEDE2000 of the colors before and after, at the lightness before; mean over places.
        chroma, chroma_before: C*ab after and before, mean over places.
        redrawn: the difference between two samples of the unchanged photo; nan if the system does not draw.
    """

    difference: Float64[np.ndarray, " perturbations"]
    chroma: Float64[np.ndarray, " perturbations"]
    chroma_before: float
    redrawn: float


@dataclass(frozen=True)
class Stability:
    """Figures over photos: of each of `PERTURBATIONS`, and for comparison."""

    difference: list[Estimate]
    chroma: list[Estimate]
    """Mean chroma after over mean chroma before."""
    from_gray: Estimate
    """Mean chroma before: the distance of the colors from gray."""
    redrawn: Estimate


def color_difference(
    lightness: Float[Tensor, "1 1 h w"], before: Float[Tensor, "1 2 h2 w2"], after: Float[Tensor, "1 2 h2 w2"]
) -> float:
    """Return the mean CIEDE2000 of two predictions of a and b at one lightness: that of the colors alone."""
    light = F.adaptive_avg_pool2d(lightness, (before.shape[2], before.shape[3])).to(before)
    return float(ciede2000(torch.cat((light, before), 1), torch.cat((light, after), 1)).mean())


def judge(photos: Sequence[Changes], bootstrap: Bootstrap) -> Stability:
    """Return the figures with their intervals over the photos."""
    difference, chroma = (
        np.stack([getattr(photo, key) for photo in photos]) for key in ("difference", "chroma")
    )
    before = np.array([photo.chroma_before for photo in photos])
    return Stability(
        [bootstrap.mean(column) for column in torch.from_numpy(difference).unbind(1)],
        [bootstrap.ratio(column, torch.from_numpy(before)) for column in torch.from_numpy(chroma).unbind(1)],
        bootstrap.mean(before.tolist()),
        bootstrap.mean([photo.redrawn for photo in photos]),
    )


@torch.inference_mode()
def changes_of(system: System, run: Run, name: str) -> Changes:
    """Compare predictions for a photo and its perturbations, with one noise if the model draws."""
    painter = run.painter(system)
    settings = single_view(run, system)
    lightness = lightness_of(run.photo(name))
    plain = gray_photo(lightness)
    reduced, before = predicted_ab(painter, plain, settings)
    differences, chromas = [], []
    for index, perturb in enumerate(PERTURBATIONS):
        changed = perturb(lightness, torch.Generator().manual_seed(index))
        after = predicted_ab(painter, gray_photo(changed), settings, noise_of=plain)[1]
        differences.append(color_difference(reduced, before, after))
        chromas.append(mean_chroma(after))
    redrawn = float("nan")
    if painter.model.spec.kind == "samples":
        other = predicted_ab(painter, plain, replace(settings, seed=settings.seed + 1))[1]
        redrawn = color_difference(reduced, before, other)
    return Changes(np.array(differences), np.array(chromas), mean_chroma(before), redrawn)


def single_view(run: Run, system: System) -> ColorizeSettings:
    """Return a system's settings with a single view of the photo: the network alone, as in the paper."""
    return replace(run.settings_of(system), fuse="none")


def predicted_ab(
    painter: Painter, photo: Photo, settings: ColorizeSettings, noise_of: Photo | None = None
) -> tuple[Float[Tensor, "1 1 h w"], Float[Tensor, "1 2 h2 w2"]]:
    """Return L* as the model saw it, and its a and b on its own grid, not yet fitted into sRGB."""
    prediction = painter.predict(photo, settings, as_is=True, noise_of=noise_of)
    return prediction.luma.cpu(), painter.decode(prediction, settings).ab.float().cpu()


def mean_chroma(ab: Float[Tensor, "1 2 h w"]) -> float:
    """Return the mean C*ab."""
    return float(ab.square().sum(1).sqrt().mean())


# Parts of the section -----------------------------------------------------------------------------


def change_parts(judged: Mapping[str, Stability], run: Run, names: Sequence[str]) -> list[Part]:
    """Return curves, tables and pictures of the perturbations."""
    return [
        *(_chart(family, judged) for family in NEUTRAL),
        _difference_table(judged, len(names)),
        _chroma_table(judged),
        _pictures(run, names[len(names) // 2]),
    ]


def _chart(family: str, judged: Mapping[str, Stability]) -> Figure:
    """Draw one family's curves, which pass through 0 where nothing is changed."""
    index = [i for i, p in enumerate(PERTURBATIONS) if p.family == family]
    strengths = [PERTURBATIONS[i].strength for i in index]
    place = int(np.searchsorted(strengths, NEUTRAL[family]))
    x = np.insert(np.array(strengths), place, NEUTRAL[family])
    series, bands, largest = {}, {}, []
    for name, stability in judged.items():
        value, low, high = (
            np.insert(np.array([getattr(stability.difference[i], part) for i in index]), place, 0.0)
            for part in ("value", "low", "high")
        )
        series[name], bands[name] = (x, value), (low, high)
        largest.append(f"{name} up to {value.max():.1f}")
    return Figure(
        lines(series, bands=bands, xlabel=_AXES[family], ylabel="CIEDE2000 of the colors"),
        f"Change of the colors against {_AXES[family]}: {', '.join(largest)}",
        f"{family.capitalize()}, with 95% bands.",
    )


_AXES = {
    "lightness": "L* added",
    "gamma": "gamma of L*",
    "contrast": "contrast, times",
    "blur": "blur, sigma in pixels of 256",
    "noise": "noise, standard deviation in L*",
}


def _difference_table(judged: Mapping[str, Stability], photos: int) -> Table:
    rows = [
        [perturbation.name, *(each.difference[i].cell(1) for each in judged.values())]
        for i, perturbation in enumerate(PERTURBATIONS)
    ]
    rows.append(["another draw", *(each.redrawn.cell(1) for each in judged.values())])
    return Table(
        ["", *judged],
        rows,
        "How the colors change with the input: mean CIEDE2000 of a and b before and after, both at the"
        f" lightness before, on the model's grid; {photos} photos, a single view of each; 95% bootstrap"
        " intervals over photos. Lightness and noise in L*, gamma and contrast of L*, blur in pixels of a"
        " photo of 256. A system that leaves everything gray never changes: compare the figures with the"
        " chroma below. For systems that draw, the noise is the same throughout; a change as large as that"
        " of another draw may be due to chance.",
    )


def _chroma_table(judged: Mapping[str, Stability]) -> Table:
    rows = [["as it is, C*ab", *(each.from_gray.cell(1) for each in judged.values())]]
    rows += [
        [perturbation.name, *(each.chroma[i].cell() for each in judged.values())]
        for i, perturbation in enumerate(PERTURBATIONS)
    ]
    return Table(
        ["", *judged],
        rows,
        "Mean chroma of the photos as they are, and by what factor each change of the input multiplies"
        " it; the same photos and intervals. Chroma here is what the network predicts, before it is fitted"
        " into sRGB at the photo's lightness.",
    )


def _pictures(run: Run, name: str) -> Gallery:
    """Show one photo under some of the perturbations: the input, and every system's colors."""
    lightness = lightness_of(run.photo(name))
    chosen = [(i, p) for i, p in enumerate(PERTURBATIONS) if p.name in PICTURED]
    inputs = {"as it is": gray_photo(lightness)}
    inputs |= {p.name: gray_photo(p(lightness, torch.Generator().manual_seed(i))) for i, p in chosen}

    def row(photos: Iterable[Photo], what: str) -> list[Figure]:
        return [
            picture((photo.pixels * 255).round().astype(np.uint8), f"{what}, {how}", side=_SIDE)
            for photo, how in zip(photos, inputs, strict=True)
        ]

    rows = [("input", row(inputs.values(), f"photo {name}"))]
    for system in run.systems:
        if system.model is not None:
            painter, settings = run.painter(system), single_view(run, system)
            painted = (
                painter.paint(
                    painter.predict(photo, settings, as_is=True, noise_of=inputs["as it is"]), settings
                )
                for photo in inputs.values()
            )
            rows.append((system.name, row(painted, f"photo {name} by {system.name}")))
    return Gallery(
        rows,
        list(inputs),
        f"Photo {name} under some of the perturbations; systems that draw do so from one noise.",
    )
