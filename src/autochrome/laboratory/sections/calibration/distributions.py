"""Whether predicted probabilities are true: reliability of the distributions of CIC and LRAC.

The distributions are judged as they were trained, from one look at the photo, before anything that decoding
does to them. What is true is the mean color of each cell of the model's grid, which covers 4 x 4 of the
pixels that it sees; single pixels instead change the figures by less than .01.
`autochrome.metrics.reliability` has the measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, Shaped
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.bins import AB_BINS, soft_encode
from autochrome.color.spaces import HUE_CHROMA, lab_to_rgb, rgb_to_lab
from autochrome.evaluation.scores import Estimate, load_rgb
from autochrome.guidance import Vibrance
from autochrome.laboratory.estimates import cell, crossed_estimate, estimate_of, halves, resamples
from autochrome.laboratory.run import LabSettings, Run
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
from autochrome.models.base import HasDistribution
from autochrome.pipeline.settings import resolve
from autochrome.report.html import Figure, Part, Table
from autochrome.report.html.charts import lines
from autochrome.types import RGB

_PLACES = 1000  # of a photo, about, evenly over the model's grid
_FEWEST = 50.0  # expected or counted events of a bin that is drawn


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of places of one photo on one axis of its bins, and what is true there.

    Attributes:
        logits: log-probabilities.
        events: the true bins; several where the truth is shared among them.
        shares: in what shares.
        weight: what each place counts.
    """

    logits: Float32[np.ndarray, "n q"]
    events: Int64[np.ndarray, "n k"]
    shares: Float32[np.ndarray, "n k"]
    weight: Float32[np.ndarray, " n"]


@dataclass(frozen=True)
class Warming:
    """What a single temperature, by which the logits are divided, makes of a distribution.

    Attributes:
        temperature: the best, found on every second photo.
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
    """How far the probabilities of a distribution are to be trusted.

    Attributes:
        confidence: mean probability of the most probable bin.
        overconfidence: that minus how often it is the true one.
        error: expected calibration error of the most probable bin.
        misplaced: share of all predicted probability that lies at other probabilities than the events do.
        warming: what a temperature would mend.
        top: mean confidence and frequency of the bins of `CONFIDENCE_EDGES`; nan where few fell.
        every: mean probability and frequency of those of `PROBABILITY_EDGES`; likewise.
        every_ends: ends of the interval of that frequency.
    """

    confidence: Estimate
    overconfidence: Estimate
    error: Estimate
    misplaced: Estimate
    warming: Warming
    top: Float[Tensor, "2 bins"]
    every: Float[Tensor, "2 fine"]
    every_ends: Float[Tensor, "2 fine"]

    def to_dict(self) -> dict[str, object]:
        """The figures by name."""
        return {**vars(self), "warming": vars(self.warming)}


def judge(photos: Sequence[Answers], settings: LabSettings) -> Reliability:
    """Measure, with intervals over the photos; four at least."""
    counts = resamples(len(photos), settings)
    top, every = (torch.stack([sums(photo) for photo in photos]) for sums in (top_sums, all_sums))
    totals, spread = (torch.tensordot(counts, sums, dims=1) for sums in (top, every))
    curve = _drawn(spread)
    ends = [estimate_of(frequency) for frequency in curve[:, 1].unbind(-1)]
    return Reliability(
        confidence=estimate_of(totals[:, 1].sum(-1) / totals[:, 0].sum(-1)),
        overconfidence=estimate_of(overconfidence(totals)),
        error=crossed_estimate(top, calibration_error, _weight, settings),
        misplaced=crossed_estimate(every, misplaced_mass, _weight, settings),
        warming=_warm(photos, top, settings),
        top=_drawn(totals)[0],
        every=curve[0],
        every_ends=torch.tensor([[e.low for e in ends], [e.high for e in ends]]).double(),
    )


def _weight(sums: Float[Tensor, "rows 3 bins"]) -> Float[Tensor, " rows"]:
    return sums[:, 0].sum(-1)


def top_sums(photo: Answers, temperature: float = 1.0) -> Float[Tensor, "3 bins"]:
    """`reliability_sums` of the most probable bin of each place."""
    probability, top = (torch.from_numpy(photo.logits) / temperature).softmax(1).max(1)
    happened = torch.from_numpy(photo.shares).where(torch.from_numpy(photo.events) == top[:, None], 0).sum(1)
    return reliability_sums(probability, happened, CONFIDENCE_EDGES, torch.from_numpy(photo.weight))


def all_sums(photo: Answers) -> Float[Tensor, "3 fine"]:
    """`reliability_sums` of every bin of every place."""
    probability = torch.from_numpy(photo.logits).softmax(1)
    happened = torch.zeros_like(probability)
    happened.scatter_(1, torch.from_numpy(photo.events), torch.from_numpy(photo.shares))
    weight = torch.from_numpy(photo.weight)[:, None].expand_as(probability)
    return reliability_sums(probability.flatten(), happened.flatten(), PROBABILITY_EDGES, weight.flatten())


def _warm(photos: Sequence[Answers], top: Float[Tensor, "photos 3 bins"], settings: LabSettings) -> Warming:
    """Fit a temperature on every second photo, and see what it does to the others.

    Both halves are resampled. The error after is that of the temperature of the set itself.
    """
    losses = torch.stack([_losses(photo) for photo in photos])
    fit, test = halves(len(photos), settings)
    temperature = best_temperature(fit @ losses[::2])
    tested = test @ losses[1::2]
    weights = test @ torch.tensor([float(photo.weight.sum()) for photo in photos[1::2]], dtype=torch.float64)
    gain = (loss_at(tested, torch.ones_like(temperature)) - loss_at(tested, temperature)) / weights
    warmed = torch.stack([top_sums(photo, float(temperature[0])) for photo in photos[1::2]])
    return Warming(
        estimate_of(temperature),
        estimate_of(gain),
        *(crossed_estimate(sums, calibration_error, _weight, settings) for sums in (top[1::2], warmed)),
    )


def _losses(photo: Answers) -> Float[Tensor, " t"]:
    logits, events, shares, weight = map(
        torch.from_numpy, (photo.logits, photo.events, photo.shares, photo.weight)
    )
    return temperature_losses(logits, events, shares, weight)


def _drawn(sums: Float[Tensor, "*n 3 bins"]) -> Float[Tensor, "*n 2 bins"]:
    """The curve, without bins of so few events that chance alone makes them."""
    enough = sums[..., 1:, :].amax(-2, keepdim=True) >= _FEWEST
    return torch.where(enough, reliability_curve(sums), torch.nan)


# What a model says --------------------------------------------------------------------------------


@torch.inference_mode()
def answers_of(system_name: str, run: Run, name: str) -> dict[str, Answers]:
    """What a model with a distribution says of a photo, axis by axis, each by the name of what is asked.

    CIC learned from true colors that are shared among ten bins (section 3.1), and so never to be surer than
    that; it is asked for the share of each, and for the nearest alone, which is what people take its
    probabilities for. Where there is vibrance, asked for or by default, what that leaves of it is asked, too.
    The hue of LRAC was learned with the true chroma as weight (equation 3), and is judged so.
    """
    system = run.system(system_name)
    painter = run.painter(system)
    assert painter is not None
    model = painter.model
    assert isinstance(model, HasDistribution)
    prediction = painter.predict(run.photo(name), replace(run.asked(system), fuse="none"))
    logits = prediction.answer.float().cpu()
    step = max(1, round((logits[0, 0].numel() / _PLACES) ** 0.5))
    logits = logits[..., ::step, ::step]
    truth = load_rgb(run.pairs[run.names.index(name)].reference)
    top, left, bottom, right = prediction.extent.box  # a border is not asked about
    lab = _cells(truth[..., top:bottom, left:right], prediction.luma, prediction.answer)[..., ::step, ::step]
    vibrance = resolve(system.asked, model.spec).vibrance or 0.0
    vivid = Vibrance(model.prior.cpu(), vibrance)(logits)
    found = {}
    for axis, label in zip(model.axes, axis_names(model), strict=True):
        weight = torch.ones(lab[0, 0].numel())
        if label == "hue":
            weight = _rows(HUE_CHROMA.split(lab_to_rgb(lab).clamp(0, 1))[1])[:, 1]
        if axis.stop - axis.start == AB_BINS:
            shares, events = (_rows(each) for each in soft_encode(lab[:, 1:]))
            found[f"{label}, shared"] = _answers(logits[:, axis], events, shares, weight)
            nearest = events[:, :1]
        else:
            closeness = model.closeness(_rows(lab).to(model.prior), 1.0)
            nearest = closeness[:, axis].argmax(1, keepdim=True).cpu()
        certain = torch.ones(nearest.shape)
        found[label] = _answers(logits[:, axis], nearest, certain, weight)
        if vibrance:
            found[f"{label}, vibrance {vibrance:g}"] = _answers(vivid[:, axis], nearest, certain, weight)
    return found


def axis_names(model: HasDistribution) -> list[str]:
    """What the axes of a model's bins are, in a word each."""
    if len(model.axes) == 1:
        return ["ab"]
    return ["hue", "chroma"] if model.spec.space == "hue_chroma" else ["a", "b"]


def _answers(logits: Tensor, events: Tensor, shares: Tensor, weight: Tensor) -> Answers:
    return Answers(_rows(logits).log_softmax(1).numpy(), events.numpy(), shares.numpy(), weight.numpy())


def _rows(grid: Shaped[Tensor, "1 c h w"]) -> Shaped[Tensor, "n c"]:
    """The places of a grid, one after the other."""
    return grid[0].flatten(1).T.contiguous()


def _cells(
    rgb: RGB, luma: Float[Tensor, "1 1 lh lw"], answer: Float[Tensor, "1 q gh gw"]
) -> Float[Tensor, "1 3 gh gw"]:
    """Mean Lab of a photo over the cells of the answer's grid, at the size at which the model saw it."""
    height, width = luma.shape[2:]
    seen = F.interpolate(rgb, (height, width), mode="bilinear", antialias=True).clamp(0, 1)
    return F.adaptive_avg_pool2d(rgb_to_lab(seen), (answer.shape[2], answer.shape[3]))


def measure_distributions(run: Run) -> dict[str, Reliability]:
    """What every model with a distribution is worth, by its system's name and what is asked; each once."""
    judged: dict[str, Reliability] = {}
    seen = set()
    for system in run.systems:
        painter = run.painter(system)
        asked = (system.model, system.weights, system.asked.size)
        if painter is None or not isinstance(painter.model, HasDistribution) or asked in seen:
            continue
        seen.add(asked)
        answers = run.map(f"reliability of {system.name}", partial(answers_of, system.name), run.subset)
        for question in answers[0]:
            photos = [answer[question] for answer in answers]
            judged[f"{system.name} {question}"] = judge(photos, run.settings)
    return judged


def distribution_parts(judged: Mapping[str, Reliability], photos: int) -> list[Part]:
    """Reliability diagrams and tables of predicted distributions."""
    return [*_diagrams(judged), _reliability_table(judged, photos), _temperature_table(judged)]


def _diagrams(judged: Mapping[str, Reliability]) -> list[Figure]:
    every = {name: tuple(found.every.log10().numpy()) for name, found in judged.items()}
    bands = {name: tuple(found.every_ends.log10().numpy()) for name, found in judged.items()}
    top = {name: tuple(found.top.numpy()) for name, found in judged.items()}
    said = ", ".join(f"{name} {100 * found.misplaced.value:.0f}%" for name, found in judged.items())
    errors = ", ".join(f"{name} {found.error.value:.3f}" for name, found in judged.items())
    return [
        Figure(
            lines(
                every,
                bands=bands,
                xlabel="predicted probability, log10",
                ylabel="how often true, log10",
                diagonal=True,
            ),
            f"How often colors are true against their predicted probability; misplaced probability: {said}",
            "Every color of every place. Below the dashed line colors are promised more often than they"
            " come.",
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
            [
                name,
                cell(found.confidence),
                cell(found.overconfidence, 3, "+"),
                cell(found.error, 3),
                cell(found.misplaced, 3),
            ]
            for name, found in judged.items()
        ],
        f"Reliability of the distributions as trained: {photos} photos, one look at each, against the mean"
        " color of each cell of the model's grid; 95% bootstrap intervals over photos. Confidence: mean"
        " probability of the most probable bin. Overconfidence: that minus how often it is true. ECE: the"
        " same bin by bin (15 of confidence), whatever the sign. Misplaced: share of all probability that"
        " would have to move. For each tenth of the photos the others tell the signs, so that chance adds"
        " nothing to the last two; around 0 they may be negative. A bin of ab is true where it is"
        " nearest; CIC learned from colors that are shared among ten bins, and `shared` is measured so:"
        " nothing can be surer than that. Rebalanced training, and vibrance in its place, make rare"
        " colors more probable on purpose, and spoil these figures on purpose.",
    )


def _temperature_table(judged: Mapping[str, Reliability]) -> Table:
    return Table(
        ["", "best T", "nats gained", "ECE before", "ECE with T"],
        [
            [
                name,
                cell(found.warming.temperature),
                cell(found.warming.gain, 3, "+"),
                cell(found.warming.error_before, 3),
                cell(found.warming.error_after, 3),
            ]
            for name, found in judged.items()
        ],
        "The temperature that would calibrate them: logits divided by T (below 1 surer), found on every"
        " second of these photos and tried on the others: nats a place that it saves, and ECE. A T that"
        " gains nothing there is chance. It is no setting for good pictures: the temperatures of decoding"
        " are chosen by looking.",
    )
