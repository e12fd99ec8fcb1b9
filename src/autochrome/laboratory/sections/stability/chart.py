"""Color charts in gray: does lightness alone determine a color?

Zhang et al. (2016), section 4.4: "Given a grayscale Macbeth color chart as input, our network was unable to
recover its colors. This is true, despite the fact that the lightness values vary considerably" (figure 13). A
chart like Macbeth's is used here, and one whose patches all have the same lightness: its gray is plain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from autochrome.color.spaces import LAB, lab_to_rgb
from autochrome.evaluation.files import pixels_of, rgb_of
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.io.photo import Photo
from autochrome.laboratory.run import Run, System
from autochrome.laboratory.sections.stability.perturbations import gray_photo, lightness_of
from autochrome.report.html import Gallery, Part, Table
from autochrome.report.thumbnails import picture
from autochrome.types import RGB

MACBETH = (
    *((115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170)),
    *((214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46)),
    *((56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31), (187, 86, 149), (8, 133, 161)),
    *((243, 243, 242), (200, 200, 200), (160, 160, 160), (122, 122, 121), (85, 85, 85), (52, 52, 52)),
)
"""The 24 patches of the ColorChecker Classic in reading order, 8-bit sRGB, as its maker publishes them.

McCamy, Marcus, Davidson: "A color-rendition chart", J. Applied Photographic Engineering 2 (1976), has the
chart; the sRGB values are in Pascale, "RGB coordinates of the Macbeth ColorChecker", BabelColor (2006)."""

ROWS, COLUMNS = 4, 6
CHROMATIC = 18
"""Patches of `MACBETH` before the last row, which is gray."""

ISOLUMINANT_L, ISOLUMINANT_C = 60.0, 30.0
"""L* and C*ab of all patches of the isoluminant chart; sRGB holds all hues of these."""

TRUTH = "truth"

CARD = (20, 20, 20)
"""The ground of a chart: black card."""

PATCH, GAP = 52, 8
"""Sides in pixels; the chart's shorter side is 248, about that of the photos it is compared with."""

_INNER = 12  # pixels of a patch's border that are ignored: color bleeds over edges
_VIVID = 5.0  # C*ab of a true color that has a hue
_STEP = 4  # of a photo's pixels, in either direction
_SIDE = 220


def isoluminant() -> list[tuple[int, int, int]]:
    """Return 24 hues at one lightness and chroma, 8-bit sRGB, in the order of the circle."""
    angles = [2 * pi * k / (ROWS * COLUMNS) for k in range(ROWS * COLUMNS)]
    lab = torch.tensor([(ISOLUMINANT_L, ISOLUMINANT_C * cos(t), ISOLUMINANT_C * sin(t)) for t in angles])
    rgb = (lab_to_rgb(lab.T[None, :, :, None])[0, :, :, 0].T * 255).round().int()
    return [(int(r), int(g), int(b)) for r, g, b in rgb.tolist()]


def draw_chart(
    patches: Sequence[tuple[int, int, int]], ground: tuple[int, int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw patches in `ROWS` rows of `COLUMNS`, on a ground that also lies between them."""
    pitch = PATCH + GAP
    chart = np.empty((GAP + ROWS * pitch, GAP + COLUMNS * pitch, 3), np.uint8)
    chart[:] = ground
    for index, patch in enumerate(patches):
        top, left = GAP + index // COLUMNS * pitch, GAP + index % COLUMNS * pitch
        chart[top : top + PATCH, left : left + PATCH] = patch
    return chart


def patch_means(planes: Float[Tensor, "1 c h w"]) -> Float[Tensor, "patches c"]:
    """Return the mean over the inner part of each patch of a chart."""
    pitch, inner = PATCH + GAP, PATCH - 2 * _INNER
    means = []
    for index in range(ROWS * COLUMNS):
        top, left = (GAP + _INNER + pitch * place for place in divmod(index, COLUMNS))
        means.append(planes[0, :, top : top + inner, left : left + inner].mean((1, 2)))
    return torch.stack(means)


def hue_agreement(ab: Float[Tensor, "*n 2"], truth: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n"]:
    """Return the cosine of the angle between two colors as seen from gray: 1 is one hue, -1 the opposite.

    It is 0 by chance, and if one of the two is gray.
    """
    lengths = ab.norm(dim=-1) * truth.norm(dim=-1)
    return (ab * truth).sum(-1) / lengths.clamp(min=1e-6)


@dataclass(frozen=True)
class Recovered:
    """How much of the colors is recovered: means over what has a hue.

    Attributes:
        chroma: C*ab of the results.
        hue: `hue_agreement` with the truth.
    """

    chroma: Estimate
    hue: Estimate


def judge_patches(
    ab: Float[Tensor, "draws patches 2"], truth: Float[Tensor, "patches 2"], bootstrap: Bootstrap
) -> Recovered:
    """Return means over the patches with their intervals; of several samples, each patch's mean."""
    chroma = ab.norm(dim=-1).mean(0)
    hue = hue_agreement(ab, truth.expand_as(ab)).mean(0)
    return Recovered(bootstrap.mean(chroma), bootstrap.mean(hue))


@torch.inference_mode()
def recovered_of_photo(run: Run, name: str) -> Float64[np.ndarray, "systems 2"]:
    """Return mean chroma and hue agreement of each system's first result and, last, of the truth.

    They are over the pixels whose true color has a hue; nan if there are none.
    """
    truth = _ab(run.truth(name))
    vivid = truth.norm(dim=-1) > _VIVID
    rows = []
    for rgb in (*(run.result(system, name) for system in run.systems), run.truth(name)):
        ab = _ab(rgb)
        rows.append([float(each[vivid].mean()) for each in (ab.norm(dim=-1), hue_agreement(ab, truth))])
    return np.array(rows)


def _ab(rgb: RGB) -> Float[Tensor, "h2 w2 2"]:
    return LAB.split(rgb[..., ::_STEP, ::_STEP])[1][0].permute(1, 2, 0)


# Parts of the section -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart in color, in gray as the models see it, and how many of its patches have a hue."""

    name: str
    color: Photo
    gray: Photo
    hued: int


def charts() -> list[Chart]:
    """Return Macbeth's on its black card, and the isoluminant one on such a card and on a plain gray."""
    macbeth = Photo(draw_chart(MACBETH, CARD))
    on_card, plain = (Photo(draw_chart(isoluminant(), ground)) for ground in (CARD, _neutral(ISOLUMINANT_L)))
    # 8-bit colors keep the lightness to about .2; here it is made exactly equal.
    is_patch = torch.from_numpy((on_card.pixels != np.array(CARD, np.uint8)).any(2))
    equal = torch.full(is_patch.shape, ISOLUMINANT_L)
    lightness = torch.where(is_patch, equal, lightness_of(on_card))
    count = ROWS * COLUMNS
    return [
        Chart("Macbeth", macbeth, gray_photo(lightness_of(macbeth)), CHROMATIC),
        Chart("isoluminant", on_card, gray_photo(lightness), count),
        Chart("isoluminant, no card", plain, gray_photo(equal), count),
    ]


def _neutral(lightness: float) -> tuple[int, int, int]:
    gray = round(255 * float(lab_to_rgb(torch.tensor([lightness, 0.0, 0.0])[None, :, None, None]).mean()))
    return gray, gray, gray


@dataclass(frozen=True)
class ChartResults:
    """The charts as the models colored them, and how much of the colors is recovered.

    Attributes:
        painted: every sample, by chart and model.
        recovered: by system and chart; the truth's own figures last.
        photos: the same of photos, for all systems and the truth.
    """

    painted: dict[str, dict[str, Sequence[Photo]]]
    recovered: dict[str, dict[str, Recovered]]
    photos: dict[str, Recovered]


def show_charts(run: Run) -> ChartResults:
    """Color the charts by every model and measure; photos are those of the subset."""
    systems = [system for system in run.systems if system.model is not None]
    drawn, bootstrap = charts(), run.settings.bootstrap
    painted = {chart.name: {system.name: _paint(run, system, chart) for system in systems} for chart in drawn}
    recovered = {
        system.name: {
            chart.name: _judge(chart, painted[chart.name][system.name], bootstrap) for chart in drawn
        }
        for system in systems
    }
    recovered[TRUTH] = {chart.name: _judge(chart, [chart.color], bootstrap) for chart in drawn}
    measured = torch.from_numpy(np.stack(run.map("hues of photos", recovered_of_photo, run.subset)))
    names = [*(system.name for system in run.systems), TRUTH]
    photos = {
        name: Recovered(*(bootstrap.mean(column) for column in measured[:, index].unbind(1)))
        for index, name in enumerate(names)
    }
    return ChartResults(painted, recovered, photos)


def chart_parts(results: ChartResults, photos: int) -> list[Part]:
    """Return pictures and a table."""
    return [_pictures(results.painted), _table(results, photos)]


def _paint(run: Run, system: System, chart: Chart) -> Sequence[Photo]:
    """Color a chart, given in gray, as many times as the run has samples."""
    painter, settings = run.painter(system), run.settings_of(system, len(system.samples))
    # As it is: the chart's ground is a part of the experiment, not a border.
    return list(painter.paint_all(painter.predict(chart.gray, settings, as_is=True), settings))


def _judge(chart: Chart, results: Sequence[Photo], bootstrap: Bootstrap) -> Recovered:
    ab = torch.stack([patch_means(LAB.split(rgb_of(photo))[1])[: chart.hued] for photo in results])
    truth = patch_means(LAB.split(rgb_of(chart.color))[1])[: chart.hued]
    return judge_patches(ab, truth, bootstrap)


def _pictures(painted: Mapping[str, Mapping[str, Sequence[Photo]]]) -> Gallery:
    rows = []
    for chart in charts():
        shown = {"input": chart.gray, **{name: results[0] for name, results in painted[chart.name].items()}}
        shown[TRUTH] = chart.color
        pictures = [
            picture(pixels_of(rgb_of(photo)), f"{chart.name}: {name}", side=_SIDE)
            for name, photo in shown.items()
        ]
        rows.append((chart.name, pictures))
    return Gallery(
        rows,
        ["input", *next(iter(painted.values())), TRUTH],
        "Color charts, given in gray. The patches of the isoluminant one have one lightness, so that"
        " nothing distinguishes them; without the card it is a plain gray, which may be taken for a"
        " clear sky. Of systems that draw, the first sample.",
    )


def _table(results: ChartResults, count: int) -> Table:
    rows = []
    for name, of_charts in results.recovered.items():
        places = [*of_charts.values(), results.photos[name]]
        rows.append([name, *(text for each in places for text in (each.chroma.cell(1), each.hue.cell()))])
    named = [*results.recovered[TRUTH], "photos"]
    return Table(
        ["", *(f"{where}: {what}" for where in named for what in ("chroma", "hue"))],
        rows,
        "Mean chroma, and hue agreement (cosine of the angle between the true and the given color; 0 is"
        " chance), of the colored patches of the charts, with 95% bootstrap intervals over patches and"
        f" all samples of systems that draw; and of the pixels of {count} photos whose true C*ab is above"
        f" {_VIVID:g}, with intervals over photos. CIC's paper found its network unable to recover the"
        " colors of Macbeth's chart. Chroma without agreement is color by habit, which vibrance and"
        " drawing increase; a little agreement on Macbeth's may come from yellows being light and blues"
        " dark, as in photos.",
    )
