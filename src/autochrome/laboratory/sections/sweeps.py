"""The effect of temperature and vibrance on scores and on a few photos (CIC's figure 4 for every system)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from numpy import ndarray

from autochrome.color.bins import reference_prior
from autochrome.color.decoding import FIGURE_4_TEMPERATURES
from autochrome.errors import LaboratoryError
from autochrome.evaluation.files import sized_rgb
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.evaluation.sums import SCORES, Sums, Truth, summarize
from autochrome.laboratory.run import Run, System
from autochrome.models.registry import model_spec
from autochrome.pipeline.painter import ColorizedPhoto
from autochrome.pipeline.settings import resolve
from autochrome.report.html import Figure, Gallery, Part, Section, Table
from autochrome.report.html.charts import lines
from autochrome.report.thumbnails import picture

NAME = "sweeps"
TITLE = "Temperature and vibrance"

DRAWING_TEMPERATURES = (0.0, 0.3, 0.6, 0.85, 1.0)
"""For models that draw, which need new samples for each: fewer than `FIGURE_4_TEMPERATURES`."""

VIBRANCES = (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0)

SHOWN = {"psnr": 2, "auc": 1, "ciede2000": 1, "intersection_a": 3, "intersection_b": 3, "chroma": 1}
"""Scores of the tables, and their digits after the point."""

CHARTED = ("psnr", "intersection_a", "intersection_b", "chroma")

PICTURED = 3
"""Photos that are shown at every value."""

_SIDE = 160  # of these pictures
_SHARE = 3  # one photo in three of the subset


@dataclass(frozen=True)
class Sweep:
    """One setting of one system, from value to value.

    Attributes:
        setting: "temperature" or "vibrance".
        values: ascending; the system's own is among them.
        own: the value at which the system is compared elsewhere in the report.
    """

    system: str
    setting: str
    values: tuple[float, ...]
    own: float


Swept = tuple[Sweep, dict[str, list[Estimate]]]
"""A sweep, and every score of `SHOWN` at each of its values."""


def sweeps_of(system: System) -> list[Sweep]:
    """Return what can be varied of a system; nothing of a folder of results."""
    if system.model is None or "temperature" not in (spec := model_spec(system.model)).defaults:
        return []
    tried = {"temperature": DRAWING_TEMPERATURES}
    if spec.kind == "distribution":
        tried = {"temperature": FIGURE_4_TEMPERATURES, "vibrance": VIBRANCES}
    sweeps = []
    for setting, values in tried.items():
        own = float(getattr(resolve(system.settings, spec), setting) or 0.0)
        sweeps.append(Sweep(system.name, setting, tuple(sorted({*values, own})), own))
    return sweeps


def paint_sweep(run: Run, sweep: Sweep, name: str) -> list[ColorizedPhoto]:
    """Paint a photo at every value, with the same noise if the model draws."""
    system = run.system(sweep.system)
    painter = run.painter(system)
    photo, own = run.photo(name), run.settings_of(system)
    varied = [replace(own, **{sweep.setting: value}) for value in sweep.values]
    if system.kind == "distribution":
        prediction = painter.predict(photo, own)  # neither setting changes it
        return [painter.paint(prediction, settings) for settings in varied]
    return [painter.colorize(photo, settings)[0] for settings in varied]


@torch.inference_mode()
def measure_photo(sweep: Sweep, run: Run, name: str) -> dict[str, ndarray]:
    """Return the evaluation's `Sums` of a photo at every value, "values ..." under their names."""
    truth = Truth.of(run.truth(name), reference_prior())
    painted = [sized_rgb(photo, run.settings.sizing) for photo in paint_sweep(run, sweep, name)]
    sums = [summarize(rgb, truth) for rgb in painted]
    return {f.name: np.concatenate([getattr(s, f.name).numpy() for s in sums]) for f in fields(Sums)}


def scores_of(photos: Sequence[Mapping[str, ndarray]], bootstrap: Bootstrap) -> dict[str, list[Estimate]]:
    """Return every score of `SHOWN` at every value, with its interval over the photos."""
    # Row by row: the photos, then the values.
    stacked = {name: torch.from_numpy(np.stack([photo[name] for photo in photos])) for name in photos[0]}
    combined = Sums(**stacked).combine(bootstrap.counts(len(photos)))
    return {key: [Estimate.of(v) for v in SCORES[key].compute(combined).unbind(1)] for key in SHOWN}


# The section --------------------------------------------------------------------------------------


def section(run: Run) -> Section:
    """Return curves, tables and pictures over the temperatures, and over the vibrances where there are any.

    Raises:
        LaboratoryError: nothing can be varied.
    """
    # A model that appears twice with different settings is varied once, from the settings of the first.
    models: dict[object, System] = {}
    for system in run.systems:
        models.setdefault((system.model, system.weights), system)
    sweeps = [sweep for system in models.values() for sweep in sweeps_of(system)]
    if not sweeps:
        raise LaboratoryError(
            "No system has a temperature or vibrance: add one of cic, lrac, pixcolor, cgan."
        )
    names = run.spread(-(-run.settings.subset // _SHARE))
    results: dict[str, dict[str, Swept]] = {}
    for sweep in sweeps:
        label = f"{sweep.setting} of {sweep.system}"
        photos = run.map(label, partial(measure_photo, sweep), names)
        results.setdefault(sweep.setting, {})[sweep.system] = sweep, scores_of(photos, run.settings.bootstrap)
    run.figures[NAME] = {
        setting: {
            name: {"values": sweep.values, "own": sweep.own, **scores} for name, (sweep, scores) in of.items()
        }
        for setting, of in results.items()
    }
    parts: list[Part] = []
    for setting, of_systems in results.items():
        parts += [_chart(key, setting, of_systems) for key in CHARTED]
        parts.append(_table(setting, of_systems, names, run))
        parts += [_pictures(run, sweep) for sweep, _ in of_systems.values()]
    return Section(TITLE, parts, "What accuracy costs in color, and color in accuracy.")


def _chart(key: str, setting: str, systems: Mapping[str, Swept]) -> Figure:
    series, summary = {}, []
    for name, (sweep, scores) in systems.items():
        values = np.array([each.value for each in scores[key]])
        series[name] = np.array(sweep.values), values
        ends = zip(values[[0, -1]], (sweep.values[0], sweep.values[-1]), strict=True)
        summary.append(f"{name} {' to '.join(f'{score:.3g} at {value:g}' for score, value in ends)}")
    label = SCORES[key].label
    return Figure(
        lines(series, xlabel=setting, ylabel=label),
        f"{label} against {setting}: {'; '.join(summary)}",
        f"{label} against {setting}; intervals are in the table.",
    )


def _table(setting: str, systems: Mapping[str, Swept], names: Sequence[str], run: Run) -> Table:
    rows = []
    for name, (sweep, scores) in systems.items():
        for index, value in enumerate(sweep.values):
            own = value == sweep.own
            label = f"{name} {_label(sweep, value)}"
            cells = [scores[key][index].cell(digits) for key, digits in SHOWN.items()]
            rows.append([f"**{label}**" if own else label, *cells])
    meaning = {
        "temperature": "For a model with a distribution 1 decodes the mean and 0 the mode; one that draws"
        " does so as it learned at 1, and always the same at 0",
        "vibrance": "0 is the model's own prediction, 1 prefers rare colors as full rebalancing would",
    }[setting]
    return Table(
        [setting, *(SCORES[key].label for key in SHOWN)],
        rows,
        f"Scores over {setting}; bold: the system's own. {meaning}. {len(names)} photos,"
        f" {run.settings.protocol}; 95% bootstrap intervals over photos, the same resamples in each row."
        " Pale results score best pixel by pixel: PSNR and CIEDE2000 prefer gray to a vivid color that is"
        " half wrong.",
    )


def _pictures(run: Run, sweep: Sweep) -> Gallery:
    rows = []
    for name in run.spread(PICTURED):
        painted = paint_sweep(run, sweep, name)
        alt = f"photo {name} by {sweep.system}, {sweep.setting}"
        shown = [
            picture(photo.pixels, f"{alt} {_label(sweep, value)}", side=_SIDE)
            for photo, value in zip(painted, sweep.values, strict=True)
        ]
        rows.append((name, [*shown, picture(run.photo(name).pixels, f"photo {name}", side=_SIDE)]))
    own = " One seed throughout." if run.system(sweep.system).has_several else ""
    head = [
        f"{_label(sweep, value)} (own)" if value == sweep.own else _label(sweep, value)
        for value in sweep.values
    ]
    return Gallery(rows, [*head, "truth"], f"{sweep.system}: {sweep.setting}.{own}")


def _label(sweep: Sweep, value: float) -> str:
    """Return a fraction of the paper as a fraction, anything else as a decimal."""
    if sweep.setting == "temperature" and value in FIGURE_4_TEMPERATURES:
        return str(Fraction(value).limit_denominator(12))
    return f"{value:g}"
