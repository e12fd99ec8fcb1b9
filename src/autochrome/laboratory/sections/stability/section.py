"""How the predicted colors change when the photo's lightness does: CIC's figure 13, for every system.

Zhang et al. (2016), section 4.4: predictions are "somewhat stable" against changes of lightness and contrast,
and less so against blur, which takes away the texture by which things are known. The same section gives the
network a color chart, to see whether lightness by itself tells it a color (the module `chart`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.difference import ciede2000
from autochrome.errors import LaboratoryError
from autochrome.evaluation.scores import Estimate
from autochrome.io.photo import Photo
from autochrome.laboratory.estimates import cell, mean_estimate, ratio_estimate
from autochrome.laboratory.pictures import picture
from autochrome.laboratory.run import LabSettings, Run, System
from autochrome.laboratory.sections.stability.chart import chart_parts, show_charts
from autochrome.laboratory.sections.stability.perturbations import (
    NEUTRAL,
    PERTURBATIONS,
    gray_photo,
    lightness_of,
)
from autochrome.pipeline.decode import decode
from autochrome.pipeline.painter import Painter
from autochrome.pipeline.settings import ColorizeSettings
from autochrome.report.html import Figure, Gallery, Section, Table
from autochrome.report.html.charts import lines

PICTURED = ("lightness -20", "lightness +20", "gamma 2", "contrast 0.5", "blur 2", "blur 4", "noise 5")
"""Perturbations that are shown."""

_SIDE = 144  # of these pictures
_SHARE = 3  # of the subset, one photo in so many


@dataclass(frozen=True, eq=False)
class Changes:
    """What the perturbations do to the colors of one photo.

    Attributes:
        difference: CIEDE2000 of the colors before and after, at the lightness before; mean over places.
        chroma: C*ab after, mean over places.
        chroma_before: likewise.
        redrawn: the difference between two draws of the photo as it is; nan of a system that does not draw.
    """

    difference: Float64[np.ndarray, " perturbations"]
    chroma: Float64[np.ndarray, " perturbations"]
    chroma_before: float
    redrawn: float


@dataclass(frozen=True)
class Stability:
    """Figures over photos: of each of `PERTURBATIONS`, and the yardsticks."""

    difference: list[Estimate]
    chroma: list[Estimate]
    """Mean chroma after over mean chroma before."""
    from_gray: Estimate
    """Mean chroma before: how far the colors are from none at all."""
    redrawn: Estimate


def color_difference(
    lightness: Float[Tensor, "1 1 h w"], before: Float[Tensor, "1 2 h2 w2"], after: Float[Tensor, "1 2 h2 w2"]
) -> float:
    """Mean CIEDE2000 of two predictions of a and b at one lightness: that of the colors alone."""
    light = F.adaptive_avg_pool2d(lightness, (before.shape[2], before.shape[3])).to(before)
    return float(ciede2000(torch.cat((light, before), 1), torch.cat((light, after), 1)).mean())


def judge(photos: Sequence[Changes], settings: LabSettings) -> Stability:
    """Measure, with intervals over the photos."""
    difference, chroma = (
        np.stack([getattr(photo, key) for photo in photos]) for key in ("difference", "chroma")
    )
    before = np.array([photo.chroma_before for photo in photos])
    return Stability(
        [mean_estimate(column, settings) for column in torch.from_numpy(difference).unbind(1)],
        [
            ratio_estimate(column, torch.from_numpy(before), settings)
            for column in torch.from_numpy(chroma).unbind(1)
        ],
        mean_estimate(before.tolist(), settings),
        mean_estimate([photo.redrawn for photo in photos], settings),
    )


@torch.inference_mode()
def changes_of(system_name: str, run: Run, name: str) -> Changes:
    """Ask a model about a photo as it is and under each perturbation, with one noise where it draws."""
    system = run.system(system_name)
    painter = run.painter(system)
    assert painter is not None
    asked = _asked(run, system)
    lightness = lightness_of(run.photo(name))
    plain = gray_photo(lightness)
    reduced, before = predicted_ab(painter, plain, asked)
    differences, chromas = [], []
    for index, perturb in enumerate(PERTURBATIONS):
        changed = perturb(lightness, torch.Generator().manual_seed(index))
        after = predicted_ab(painter, gray_photo(changed), asked, noise_of=plain)[1]
        differences.append(color_difference(reduced, before, after))
        chromas.append(mean_chroma(after))
    redrawn = float("nan")
    if painter.model.spec.draws:
        other = predicted_ab(painter, plain, replace(asked, seed=asked.seed + 1))[1]
        redrawn = color_difference(reduced, before, other)
    return Changes(np.array(differences), np.array(chromas), mean_chroma(before), redrawn)


def _asked(run: Run, system: System) -> ColorizeSettings:
    """As elsewhere, but for one look at the photo: it is the network that is asked, as in the paper."""
    return replace(run.asked(system), fuse="none")


def predicted_ab(
    painter: Painter, photo: Photo, asked: ColorizeSettings, noise_of: Photo | None = None
) -> tuple[Float[Tensor, "1 1 h w"], Float[Tensor, "1 2 h2 w2"]]:
    """L* as the model saw it, and the a and b that it gives, on its own grid and not yet fitted into sRGB."""
    prediction = painter.predict(photo, asked, as_is=True, noise_of=noise_of)
    return prediction.luma.cpu(), decode(painter.model, prediction, asked, 0, None).ab.float().cpu()


def mean_chroma(ab: Float[Tensor, "1 2 h w"]) -> float:
    """Mean C*ab."""
    return float(ab.square().sum(1).sqrt().mean())


# The section --------------------------------------------------------------------------------------


def section(run: Run) -> Section:
    """Curves, a table and pictures of the perturbations, and the color charts.

    Raises:
        LaboratoryError: there is no model to ask.
    """
    systems = [system for system in run.systems if system.model is not None]
    if not systems:
        raise LaboratoryError("Stability asks the models anew, and there are only folders of results here.")
    names = run.spread(-(-run.settings.subset // _SHARE))
    found = {}
    for system in systems:
        photos = run.map(f"stability of {system.name}", partial(changes_of, system.name), names)
        found[system.name] = judge(photos, run.settings)
    seen = show_charts(run)
    run.figures["stability"] = {
        "perturbations": [perturbation.name for perturbation in PERTURBATIONS],
        "systems": {name: vars(figures) for name, figures in found.items()},
        "charts": seen.to_dict(),
    }
    return Section(
        "Stability",
        [
            *(_chart(family, found) for family in NEUTRAL),
            _difference_table(found, len(names)),
            _chroma_table(found),
            _pictures(run, names[len(names) // 2]),
            *chart_parts(seen, len(run.subset)),
        ],
        "Whether a system still sees the same colors when the photo is darker, flatter, softer or"
        " noisier; and whether lightness by itself tells it a color.",
    )


def _chart(family: str, found: Mapping[str, Stability]) -> Figure:
    """One family's curves, which pass through 0 where nothing is changed."""
    index = [i for i, p in enumerate(PERTURBATIONS) if p.family == family]
    strengths = [PERTURBATIONS[i].strength for i in index]
    place = int(np.searchsorted(strengths, NEUTRAL[family]))
    x = np.insert(np.array(strengths), place, NEUTRAL[family])
    series, bands, said = {}, {}, []
    for name, stability in found.items():
        value, low, high = (
            np.insert(np.array([getattr(stability.difference[i], part) for i in index]), place, 0.0)
            for part in ("value", "low", "high")
        )
        series[name], bands[name] = (x, value), (low, high)
        said.append(f"{name} up to {value.max():.1f}")
    return Figure(
        lines(series, bands=bands, xlabel=_AXES[family], ylabel="CIEDE2000 of the colors"),
        f"Change of the colors against {_AXES[family]}: {', '.join(said)}",
        f"{family.capitalize()}, with 95% bands.",
    )


_AXES = {
    "lightness": "L* added",
    "gamma": "gamma of L*",
    "contrast": "contrast, times",
    "blur": "blur, sigma in pixels of 256",
    "noise": "noise, standard deviation in L*",
}


def _difference_table(found: Mapping[str, Stability], photos: int) -> Table:
    rows = [
        [perturbation.name, *(cell(each.difference[i], 1) for each in found.values())]
        for i, perturbation in enumerate(PERTURBATIONS)
    ]
    rows.append(["another draw", *(cell(each.redrawn, 1) for each in found.values())])
    return Table(
        ["", *found],
        rows,
        "How the colors change with the input: mean CIEDE2000 of a and b before and after, both at the"
        f" lightness before, on the model's grid; {photos} photos, one look at each; 95% bootstrap"
        " intervals over photos. Lightness and noise in L*, gamma and contrast of L*, blur in pixels of a"
        " photo of 256. A system that leaves all gray never changes: hold the figures against the chroma"
        " below. Of one that draws the noise is the same throughout, and another draw is the yardstick: a"
        " change as large as that may be chance of the drawing rather than another opinion.",
    )


def _chroma_table(found: Mapping[str, Stability]) -> Table:
    rows = [["as it is, C*ab", *(cell(each.from_gray, 1) for each in found.values())]]
    rows += [
        [perturbation.name, *(cell(each.chroma[i]) for each in found.values())]
        for i, perturbation in enumerate(PERTURBATIONS)
    ]
    return Table(
        ["", *found],
        rows,
        "Mean chroma of the photos as they are, and by what factor each change of the input multiplies"
        " it; the same photos and intervals. Chroma here is what the network says, before it is fitted"
        " into what sRGB holds at the lightness.",
    )


def _pictures(run: Run, name: str) -> Gallery:
    """One photo under some of the perturbations: the input, and what each system makes of it."""
    lightness = lightness_of(run.photo(name))
    chosen = [(i, p) for i, p in enumerate(PERTURBATIONS) if p.name in PICTURED]
    inputs = {"as it is": gray_photo(lightness)}
    inputs |= {p.name: gray_photo(p(lightness, torch.Generator().manual_seed(i))) for i, p in chosen}
    grays = [(photo.pixels * 255).round().astype(np.uint8) for photo in inputs.values()]
    rows = [
        (
            "input",
            [picture(p, f"photo {name}, {how}", side=_SIDE) for p, how in zip(grays, inputs, strict=True)],
        )
    ]
    for system in run.systems:
        painter = run.painter(system)
        if painter is not None:
            asked, plain = _asked(run, system), inputs["as it is"]
            painted = [
                painter.paint(painter.predict(photo, asked, as_is=True, noise_of=plain), asked)
                for photo in inputs.values()
            ]
            shown = [
                picture(
                    (p.pixels * 255).round().astype(np.uint8),
                    f"photo {name} by {system.name}, {how}",
                    side=_SIDE,
                )
                for p, how in zip(painted, inputs, strict=True)
            ]
            rows.append((system.name, shown))
    return Gallery(
        rows,
        list(inputs),
        f"Photo {name} under some of the perturbations; systems that draw do so from one noise.",
    )
