"""Calibration of predicted probabilities: reliability of the distributions of CIC and LRAC.

Distributions are measured as trained, from a single view of the photo. The truth is the mean color of each
cell of the model's grid, 4 x 4 of its input pixels; with single pixels the figures change by less than .01.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.bins import AB_BINS, soft_encode
from autochrome.color.spaces import HUE_CHROMA, lab_to_rgb, rgb_to_lab
from autochrome.evaluation.files import load_rgb
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.guidance import Vibrance
from autochrome.laboratory.run import Run, System
from autochrome.metrics.reliability import (
    CONFIDENCE_EDGES,
    PROBABILITY_EDGES,
    best_temperature,
    calibration_error,
    loss_at,
    misplaced_mass,
    overconfidence,
    reliability_curve,
    reliability_sums,
    temperature_losses,
)
from autochrome.models.base import DistributionColorizer
from autochrome.pipeline.settings import resolve
from autochrome.report.html import Figure, Part, Table
from autochrome.report.html.charts import lines
from autochrome.types import RGB

_PLACES = 1000  # approximate number per photo, evenly spaced over the model's grid
_FEWEST = 50.0  # expected or counted events of a bin below which it is not drawn


@dataclass(frozen=True, eq=False)
class AxisPredictions:
    """What a model predicts at places of one photo on one axis of its bins, and the truth there.

    Attributes:
        logits: log-probabilities.
        events: the true bins; several if the truth is shared among them.
        shares: the share of each of these.
        weight: of each place.
    """

    logits: Float[Tensor, "n q"]
    events: Int[Tensor, "n k"]
    shares: Float[Tensor, "n k"]
    weight: Float[Tensor, " n"]


@dataclass(frozen=True)
class TemperatureScaling:
    """The effect of dividing the logits by one temperature.

    Attributes:
        temperature: the best one, fitted on every second photo.
        gain: nats a place that it saves on the other photos.
        error_before: expected calibration error of the most probable bin on these other photos.
        error_after: the same with that temperature.
    """

    temperature: Estimate
    gain: Estimate
    error_before: Estimate
    error_after: Estimate


@dataclass(frozen=True)
class Reliability:
    """Calibration of a distribution.

    Attributes:
        confidence: mean probability of the most probable bin.
        overconfidence: that minus the frequency with which it is true.
        error: expected calibration error of the most probable bin.
        misplaced: see `autochrome.metrics.reliability.misplaced_mass`.
        scaling: the effect of temperature scaling.
        top: mean confidence and frequency of the bins of `CONFIDENCE_EDGES`; nan for bins of too few events.
        every: mean probability and frequency of the bins of `PROBABILITY_EDGES`; likewise.
        every_ends: ends of the interval of that frequency.
    """

    confidence: Estimate
    overconfidence: Estimate
    error: Estimate
    misplaced: Estimate
    scaling: TemperatureScaling
    top: Float[Tensor, "2 bins"]
    every: Float[Tensor, "2 fine"]
    every_ends: Float[Tensor, "2 fine"]


def judge(photos: Sequence[AxisPredictions], bootstrap: Bootstrap) -> Reliability:
    """Return the figures with their intervals over the photos, of which there are at least four."""
    counts = bootstrap.counts(len(photos))
    top, every = (torch.stack([sums(photo) for photo in photos]) for sums in (top_sums, all_sums))
    totals, spread = (torch.tensordot(counts, sums, dims=1) for sums in (top, every))
    curve = _drawn(spread)
    ends = [Estimate.of(frequency) for frequency in curve[:, 1].unbind(-1)]
    return Reliability(
        confidence=Estimate.of(totals[:, 1].sum(-1) / totals[:, 0].sum(-1)),
        overconfidence=Estimate.of(overconfidence(totals)),
        error=bootstrap.crossed(top, calibration_error, _weight),
        misplaced=bootstrap.crossed(every, misplaced_mass, _weight),
        scaling=_fit_temperature(photos, top, bootstrap),
        top=_drawn(totals)[0],
        every=curve[0],
        every_ends=torch.tensor([[e.low for e in ends], [e.high for e in ends]]).double(),
    )


def _weight(sums: Float[Tensor, "rows 3 bins"]) -> Float[Tensor, " rows"]:
    return sums[:, 0].sum(-1)


def top_sums(photo: AxisPredictions, temperature: float = 1.0) -> Float[Tensor, "3 bins"]:
    """Return `reliability_sums` of the most probable bin of each place."""
    probability, top = (photo.logits / temperature).softmax(1).max(1)
    happened = photo.shares.where(photo.events == top[:, None], 0).sum(1)
    return reliability_sums(probability, happened, CONFIDENCE_EDGES, photo.weight)


def all_sums(photo: AxisPredictions) -> Float[Tensor, "3 fine"]:
    """Return `reliability_sums` of every bin of every place."""
    probability = photo.logits.softmax(1)
    happened = torch.zeros_like(probability).scatter_(1, photo.events, photo.shares)
    weight = photo.weight[:, None].expand_as(probability)
    return reliability_sums(probability.flatten(), happened.flatten(), PROBABILITY_EDGES, weight.flatten())


def _fit_temperature(
    photos: Sequence[AxisPredictions], top: Float[Tensor, "photos 3 bins"], bootstrap: Bootstrap
) -> TemperatureScaling:
    """Fit a temperature on every second photo and test it on the others; both halves are resampled."""
    losses = torch.stack(
        [temperature_losses(each.logits, each.events, each.shares, each.weight) for each in photos]
    )
    fit, test = bootstrap.halves(len(photos))
    temperature = best_temperature(fit @ losses[::2])
    tested = test @ losses[1::2]
    weights = test @ torch.tensor([float(photo.weight.sum()) for photo in photos[1::2]], dtype=torch.float64)
    gain = (loss_at(tested, torch.ones_like(temperature)) - loss_at(tested, temperature)) / weights
    scaled = torch.stack([top_sums(photo, float(temperature[0])) for photo in photos[1::2]])
    return TemperatureScaling(
        Estimate.of(temperature),
        Estimate.of(gain),
        *(bootstrap.crossed(sums, calibration_error, _weight) for sums in (top[1::2], scaled)),
    )


def _drawn(sums: Float[Tensor, "*n 3 bins"]) -> Float[Tensor, "*n 2 bins"]:
    """Return the curve without the bins of so few events that chance alone makes them."""
    enough = sums[..., 1:, :].amax(-2, keepdim=True) >= _FEWEST
    return torch.where(enough, reliability_curve(sums), torch.nan)


# What a model predicts --------------------------------------------------------------------------------


@torch.inference_mode()
def predictions_of(system: System, run: Run, name: str) -> dict[str, AxisPredictions]:
    """Return what a model with a distribution predicts for a photo, by axis and definition of the truth.

    CIC's targets share a color among ten bins (section 3.1), which limits how confident it can become; it is
    compared with these shares, and with the nearest bin alone, as people read its probabilities. Vibrance, if
    any, is measured as well. LRAC's hue is weighted by the true chroma, as in its training (equation 3).
    """
    painter = run.painter(system)
    model = painter.model
    assert isinstance(model, DistributionColorizer)
    prediction = painter.predict(run.photo(name), replace(run.settings_of(system), fuse="none"))
    logits = prediction.answer.float().cpu()
    step = max(1, round((logits[0, 0].numel() / _PLACES) ** 0.5))
    logits = logits[..., ::step, ::step]
    truth = load_rgb(run.reference(name))
    top, left, bottom, right = prediction.extent.box  # without the border, which the model does not see
    lab = _cells(truth[..., top:bottom, left:right], prediction.luma, prediction.answer)[..., ::step, ::step]
    vibrance = resolve(system.settings, model.spec).vibrance or 0.0
    vivid = Vibrance(model.prior.cpu(), vibrance)(logits)
    predictions = {}
    for axis, label in zip(model.axes, axis_names(model), strict=True):
        weight = torch.ones(lab[0, 0].numel())
        if label == "hue":
            weight = _rows(HUE_CHROMA.split(lab_to_rgb(lab).clamp(0, 1))[1])[:, 1]
        if axis.stop - axis.start == AB_BINS:
            shares, events = (_rows(each) for each in soft_encode(lab[:, 1:]))
            predictions[f"{label}, shared"] = _predictions(logits[:, axis], events, shares, weight)
            nearest = events[:, :1]
        else:
            closeness = model.log_kernel(_rows(lab).to(model.prior), 1.0)
            nearest = closeness[:, axis].argmax(1, keepdim=True).cpu()
        certain = torch.ones(nearest.shape)
        predictions[label] = _predictions(logits[:, axis], nearest, certain, weight)
        if vibrance:
            predictions[f"{label}, vibrance {vibrance:g}"] = _predictions(
                vivid[:, axis], nearest, certain, weight
            )
    return predictions


def axis_names(model: DistributionColorizer) -> list[str]:
    """Return what the axes of a model's bins are, in a word each."""
    if len(model.axes) == 1:
        return ["ab"]
    return ["hue", "chroma"] if model.spec.space == "hue_chroma" else ["a", "b"]


def _predictions(logits: Tensor, events: Tensor, shares: Tensor, weight: Tensor) -> AxisPredictions:
    return AxisPredictions(_rows(logits).log_softmax(1), events, shares, weight)


def _rows(grid: Shaped[Tensor, "1 c h w"]) -> Shaped[Tensor, "n c"]:
    """Return the places of a grid, one after the other."""
    return grid[0].flatten(1).T.contiguous()


def _cells(
    rgb: RGB, luma: Float[Tensor, "1 1 lh lw"], answer: Float[Tensor, "1 q gh gw"]
) -> Float[Tensor, "1 3 gh gw"]:
    """Return the mean Lab of a photo over the cells of the answer's grid, at the model's input size."""
    height, width = luma.shape[2:]
    seen = F.interpolate(rgb, (height, width), mode="bilinear", antialias=True).clamp(0, 1)
    return F.adaptive_avg_pool2d(rgb_to_lab(seen), (answer.shape[2], answer.shape[3]))


def measure_distributions(run: Run) -> dict[str, Reliability]:
    """Return the reliability of every model with a distribution, by system and axis; each model once."""
    judged: dict[str, Reliability] = {}
    seen = set()
    for system in run.systems:
        key = (system.model, system.weights, system.settings.size)
        if system.kind != "distribution" or key in seen:
            continue
        seen.add(key)
        photos = run.map(f"reliability of {system.name}", partial(predictions_of, system), run.subset)
        for axis in photos[0]:
            judged[f"{system.name} {axis}"] = judge([photo[axis] for photo in photos], run.settings.bootstrap)
    return judged


def distribution_parts(judged: Mapping[str, Reliability], photos: int) -> list[Part]:
    """Return reliability diagrams and tables of predicted distributions."""
    return [*_diagrams(judged), _reliability_table(judged, photos), _temperature_table(judged)]


def _diagrams(judged: Mapping[str, Reliability]) -> list[Figure]:
    every = {name: tuple(each.every.log10().numpy()) for name, each in judged.items()}
    bands = {name: tuple(each.every_ends.log10().numpy()) for name, each in judged.items()}
    top = {name: tuple(each.top.numpy()) for name, each in judged.items()}
    xlabel = "predicted probability, log10"
    misplaced = ", ".join(f"{name} {100 * each.misplaced.value:.0f}%" for name, each in judged.items())
    errors = ", ".join(f"{name} {each.error.value:.3f}" for name, each in judged.items())
    return [
        Figure(
            lines(every, bands=bands, diagonal=True, xlabel=xlabel, ylabel="how often true, log10"),
            f"How often colors are true against their predicted probability; misplaced: {misplaced}",
            "Every color of every place. Below the dashed line colors are predicted more often than they"
            " occur.",
        ),
        Figure(
            lines(
                top, xlabel="probability of the most probable color", ylabel="how often true", diagonal=True
            ),
            f"How often the most probable color is true against its probability; ECE: {errors}",
            "The most probable color of every place. Below the dashed line the system is too sure of it.",
        ),
    ]


def _reliability_table(judged: Mapping[str, Reliability], photos: int) -> Table:
    return Table(
        ["", "confidence", "overconfidence", "ECE", "misplaced"],
        [
            [name, r.confidence.cell(), r.overconfidence.cell(3, "+"), r.error.cell(3), r.misplaced.cell(3)]
            for name, r in judged.items()
        ],
        f"Reliability of the distributions as trained: {photos} photos, a single view of each, against the"
        " mean color of each cell of the model's grid; 95% bootstrap intervals over photos. Confidence: mean"
        " probability of the most probable bin. Overconfidence: that minus how often it is true. ECE: the"
        " same bin by bin (15 of confidence), whatever the sign. Misplaced: share of all probability that"
        " would have to move. For each tenth of the photos the signs come from the others, so that chance"
        " adds nothing to the last two; around 0 they may be negative. A bin of ab is true if it is"
        " nearest; CIC learned from colors that are shared among ten bins, and `shared` is measured so:"
        " nothing can be surer than that. Rebalanced training, and vibrance in its place, make rare"
        " colors more probable on purpose, which worsens these figures.",
    )


def _temperature_table(judged: Mapping[str, Reliability]) -> Table:
    scalings = {name: each.scaling for name, each in judged.items()}
    return Table(
        ["", "best T", "nats gained", "ECE before", "ECE with T"],
        [
            [name, s.temperature.cell(), s.gain.cell(3, "+"), s.error_before.cell(3), s.error_after.cell(3)]
            for name, s in scalings.items()
        ],
        "Temperature scaling: logits divided by T (below 1: more confident), fitted on every second of"
        " these photos and tested on the others: nats a place that it saves, and ECE. A T that gains"
        " nothing there is chance. It is not a setting for good pictures: the temperatures of decoding"
        " are chosen by eye.",
    )
