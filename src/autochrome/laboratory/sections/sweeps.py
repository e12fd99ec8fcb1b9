"""What temperature and vibrance do: to the scores, and to a few photos (CIC's figure 4 for every system)."""

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
from autochrome.evaluation.scores import Estimate
from autochrome.evaluation.sums import SCORES, Sums, Truth, summarize
from autochrome.laboratory.estimates import cell, estimate_of, resamples
from autochrome.laboratory.pictures import picture, rgb_of
from autochrome.laboratory.run import LabSettings, Run, System
from autochrome.metrics.sizing import Protocol
from autochrome.models.base import HasDistribution
from autochrome.pipeline.painter import ColorizedPhoto
from autochrome.pipeline.settings import resolve
from autochrome.report.html import Figure, Gallery, Part, Section, Table
from autochrome.report.html.charts import lines

DRAWING_TEMPERATURES = (0.0, 0.3, 0.6, 0.85, 1.0)
"""Of the models that draw; each is a draw of its own, so there are fewer than of `FIGURE_4_TEMPERATURES`."""

VIBRANCES = (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0)

SHOWN = {"psnr": 2, "auc": 1, "ciede2000": 1, "intersection_a": 3, "intersection_b": 3, "chroma": 1}
"""Scores of the tables, and their digits."""

CHARTED = ("psnr", "intersection_a", "intersection_b", "chroma")

PICTURED = 3
"""Photos that are shown at every value."""

_SIDE = 160  # of these pictures
_SHARE = 3  # of the subset, one photo in so many


@dataclass(frozen=True)
class Sweep:
    """One setting of one system, from value to value.

    Attributes:
        system: its name.
        setting: "temperature" or "vibrance".
        values: ascending; the system's own is among them.
        own: the value at which the system is compared elsewhere in the report.
    """

    system: str
    setting: str
    values: tuple[float, ...]
    own: float


def sweeps_of(run: Run, system: System) -> list[Sweep]:
    """What can be varied of a system; nothing of a folder of results, or of what the model does not have."""
    painter = run.painter(system)
    if painter is None or "temperature" not in painter.model.spec.defaults:
        return []
    decoder = resolve(system.asked, painter.model.spec)
    if not isinstance(painter.model, HasDistribution):
        return [_sweep(system, "temperature", DRAWING_TEMPERATURES, decoder.temperature)]
    temperature = _sweep(system, "temperature", FIGURE_4_TEMPERATURES, decoder.temperature)
    return [temperature, _sweep(system, "vibrance", VIBRANCES, decoder.vibrance)]


def _sweep(system: System, setting: str, values: Sequence[float], own: float | None) -> Sweep:
    own = float(own or 0.0)
    return Sweep(system.name, setting, tuple(sorted({*values, own})), own)


def paint_sweep(run: Run, sweep: Sweep, name: str) -> list[ColorizedPhoto]:
    """A photo at every value. A model that draws does so from one noise throughout."""
    system = run.system(sweep.system)
    painter = run.painter(system)
    assert painter is not None
    photo, asked = run.photo(name), run.asked(system)
    wishes = [replace(asked, **{sweep.setting: value}) for value in sweep.values]
    if isinstance(painter.model, HasDistribution):
        prediction = painter.predict(photo, asked)  # neither setting changes it
        return [painter.paint(prediction, wish) for wish in wishes]
    return [painter.colorize(photo, wish)[0] for wish in wishes]


@torch.inference_mode()
def measure_photo(sweep: Sweep, run: Run, name: str) -> dict[str, ndarray]:
    """The evaluator's `Sums` of a photo at every value, "values ..." under their names."""
    truth = Truth.of(run.truth(name), reference_prior())
    protocol = Protocol.parse(run.settings.protocol)
    painted = [protocol.apply(rgb_of(photo), photo.size) for photo in paint_sweep(run, sweep, name)]
    sums = [summarize(rgb, truth) for rgb in painted]
    return {f.name: np.concatenate([getattr(s, f.name).numpy() for s in sums]) for f in fields(Sums)}


def scores_of(photos: Sequence[Mapping[str, ndarray]], settings: LabSettings) -> dict[str, list[Estimate]]:
    """Every score of `SHOWN` at every value, with its interval over the photos."""
    # Row by row: the photos, then the values.
    stacked = {name: torch.from_numpy(np.stack([photo[name] for photo in photos])) for name in photos[0]}
    combined = Sums(**stacked).combine(resamples(len(photos), settings))
    return {key: [estimate_of(v) for v in SCORES[key].compute(combined).unbind(1)] for key in SHOWN}


# The section --------------------------------------------------------------------------------------


def section(run: Run) -> Section:
    """Curves, tables and pictures over the temperatures, and over the vibrances where there are any.

    Raises:
        LaboratoryError: nothing can be varied.
    """
    # A model that is there twice, in other settings, is varied once: from the settings of the first.
    models: dict[object, System] = {}
    for system in run.systems:
        models.setdefault((system.model, system.weights), system)
    sweeps = [sweep for system in models.values() for sweep in sweeps_of(run, system)]
    if not sweeps:
        raise LaboratoryError(
            "No system has a temperature or vibrance: take one of cic, lrac, pixcolor, cgan."
        )
    names = run.spread(-(-run.settings.subset // _SHARE))
    found: dict[str, dict[str, tuple[Sweep, dict[str, list[Estimate]]]]] = {}
    for sweep in sweeps:
        label = f"{sweep.setting} of {sweep.system}"
        photos = run.map(label, partial(measure_photo, sweep), names)
        found.setdefault(sweep.setting, {})[sweep.system] = sweep, scores_of(photos, run.settings)
    run.figures["sweeps"] = {
        setting: {
            name: {"values": sweep.values, "own": sweep.own, **scores} for name, (sweep, scores) in of.items()
        }
        for setting, of in found.items()
    }
    parts: list[Part] = []
    for setting, of_systems in found.items():
        parts += [_chart(key, setting, of_systems) for key in CHARTED]
        parts.append(_table(setting, of_systems, names, run))
        parts += [_pictures(run, sweep) for sweep, _ in of_systems.values()]
    return Section(
        "Temperature and vibrance",
        parts,
        "What accuracy costs in color, and color in accuracy.",
    )


def _chart(key: str, setting: str, found: Mapping[str, tuple[Sweep, Mapping[str, list[Estimate]]]]) -> Figure:
    series, said = {}, []
    for name, (sweep, scores) in found.items():
        values = np.array([each.value for each in scores[key]])
        series[name] = np.array(sweep.values), values
        ends = zip(values[[0, -1]], (sweep.values[0], sweep.values[-1]), strict=True)
        said.append(f"{name} {' to '.join(f'{score:.3g} at {value:g}' for score, value in ends)}")
    label = SCORES[key].label
    return Figure(
        lines(series, xlabel=setting, ylabel=label),
        f"{label} against {setting}: {'; '.join(said)}",
        f"{label} against {setting}; intervals are in the table.",
    )


def _table(
    setting: str,
    found: Mapping[str, tuple[Sweep, Mapping[str, list[Estimate]]]],
    names: Sequence[str],
    run: Run,
) -> Table:
    rows = []
    for name, (sweep, scores) in found.items():
        for index, value in enumerate(sweep.values):
            own = value == sweep.own
            label = f"{name} {_said(sweep, value)}"
            cells = [cell(scores[key][index], digits) for key, digits in SHOWN.items()]
            rows.append([f"**{label}**" if own else label, *cells])
    meaning = {
        "temperature": "Of a model with a distribution 1 decodes the mean and 0 the mode; one that draws does"
        " so as it learned at 1, and always alike at 0",
        "vibrance": "0 is the model's own answer, 1 prefers rare colors as full rebalancing would",
    }[setting]
    return Table(
        [setting, *(SCORES[key].label for key in SHOWN)],
        rows,
        f"Scores over {setting}; bold: the system's own. {meaning}. {len(names)} photos,"
        f" {run.settings.protocol}; 95% bootstrap intervals over photos, the same resamples in each row."
        " What scores best pixel by pixel is pale: PSNR and CIEDE2000 prefer gray to a vivid color that"
        " is half wrong.",
    )


def _pictures(run: Run, sweep: Sweep) -> Gallery:
    rows = []
    for name in run.spread(PICTURED):
        painted = paint_sweep(run, sweep, name)
        alt = f"photo {name} by {sweep.system}, {sweep.setting}"
        shown = [
            picture(photo.pixels, f"{alt} {_said(sweep, value)}", side=_SIDE)
            for photo, value in zip(painted, sweep.values, strict=True)
        ]
        rows.append((name, [*shown, picture(run.photo(name).pixels, f"photo {name}", side=_SIDE)]))
    own = " One seed throughout." if len(run.system(sweep.system).samples) > 1 else ""
    head = [
        f"{_said(sweep, value)} (own)" if value == sweep.own else _said(sweep, value)
        for value in sweep.values
    ]
    return Gallery(rows, [*head, "truth"], f"{sweep.system}: {sweep.setting}.{own}")


def _said(sweep: Sweep, value: float) -> str:
    """A fraction of the paper's as one, anything else as a decimal."""
    if sweep.setting == "temperature" and value in FIGURE_4_TEMPERATURES:
        return str(Fraction(value).limit_denominator(12))
    return f"{value:g}"
