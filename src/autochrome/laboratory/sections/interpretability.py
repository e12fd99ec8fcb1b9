"""Whether a classifier trained on true photos still recognizes the colorized ones.

Zhang et al. (2016), CIC, section 4.2: top-5 accuracy of a VGG-16, here of EfficientNet-Lite0, and of a VGG-16
if its weights are given. Of photos without a class, agreement with the answer to the true photo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import UInt8

from autochrome.data.photos import as_rgb
from autochrome.data.sources import open_source
from autochrome.errors import DataError, LaboratoryError, WeightsError
from autochrome.evaluation.classifier.interpretability import (
    GRAY,
    TRUTH,
    ClassifierScores,
    Interpretation,
    interpret,
)
from autochrome.evaluation.classifier.judge import Judge, load_efficientnet
from autochrome.evaluation.classifier.labeled import LabeledPhoto, labeled_photos, wordnet_id_of
from autochrome.evaluation.classifier.vgg16 import load_vgg16
from autochrome.io.photo import Photo
from autochrome.laboratory.run import LabSettings, Run
from autochrome.metrics.baselines import derangement, random_colors
from autochrome.report.html import Note, Part, Section, Table, Text
from autochrome.types import RGB

T = TypeVar("T")
NAME = "interpretability"
TITLE = "Semantic interpretability"

RANDOM = "random"

_LEAD = (
    "Does a classifier trained on true photos still recognize the colorized ones? CIC's test (section 4.2):"
    " gray photos score lower than true ones, and **recovery** is the part of that loss that a system's"
    " colors regain: 0 like gray, 1 like the true photos, below 0 where colors mislead. *random*: the colors"
    " of another photo."
)


def section(run: Run) -> Section:
    """Return a table for each judge and set of photos.

    Raises:
        LaboratoryError: a classifier or the labeled photos are missing.
    """
    try:
        judges = load_judges(run.settings)
        labeled = read_labeled(run.settings)
    except (WeightsError, DataError) as error:
        raise LaboratoryError(str(error)) from error
    parts: list[Part] = []
    figures = {}
    for number, judge in enumerate(judges):
        # A VGG-16 takes half a second for each picture of each system.
        names = run.names if number == 0 else run.subset
        result = judge_results(run, judge, names)
        figures[f"{judge.name}, the set"] = result.to_dict()
        parts += _set_tables(result, run)
    if labeled:
        pictures = run.map("coloring labeled photos", color_labeled, [str(k) for k in range(len(labeled))])
        for judge in judges:
            result = judge_labeled(run, judge, labeled, pictures)
            figures[f"{judge.name}, labeled photos"] = result.to_dict()
            parts += _labeled_parts(result, run)
    else:
        parts.append(
            Text("With `--labeled` and photos whose names carry their class, accuracy is measured as well.")
        )
    run.figures[NAME] = figures
    return Section(TITLE, parts, lead=_LEAD)


def load_judges(settings: LabSettings) -> list[Judge]:
    """Return EfficientNet-Lite0, and the VGG-16 if its weights were given; WeightsError if they are wrong."""
    judges = [load_efficientnet()]
    if settings.vgg16 is not None:
        judges.append(load_vgg16(settings.vgg16))
    return judges


@lru_cache(maxsize=1)
def read_labeled(settings: LabSettings) -> tuple[LabeledPhoto, ...]:
    """Return the labeled photos, drawn by seed; DataError if a folder without any was given."""
    if settings.labeled is None:
        return ()
    return tuple(labeled_photos(open_source(settings.labeled), settings.labeled_photos, settings.seed))


def judge_results(run: Run, judge: Judge, names: Sequence[str]) -> Interpretation:
    """Score a run's photos and the first result of each system."""
    label = f"judging by {judge.name}"
    run.progress(label, 0, len(names))
    labels = [wordnet_id_of(name) for name in names]
    results = {system.name: map(partial(run.result, system), names) for system in run.systems}
    return interpret(
        judge,
        map(run.truth, names),
        {RANDOM: _random(run.truth, names, run.settings.seed), **results},
        labels if any(labels) else None,
        replicates=run.settings.replicates,
        seed=run.settings.seed,
        progress=lambda done: run.progress(label, done, len(names)),
    )


Pictures = dict[str, UInt8[np.ndarray, "h w 3"]]
"""A labeled photo as colorized by each system that has a model."""


def color_labeled(run: Run, number: str) -> Pictures:
    """Colorize a labeled photo, given by its number, once with every model."""
    photo = Photo(read_labeled(run.settings)[int(number)].rgb)
    pictures = {}
    for system in run.systems:
        if system.model is not None:
            [colored] = run.painter(system).colorize(photo, run.settings_of(system))
            pictures[system.name] = colored.pixels
    return pictures


def judge_labeled(
    run: Run, judge: Judge, photos: Sequence[LabeledPhoto], pictures: Sequence[Pictures]
) -> Interpretation:
    """Score labeled photos and the models' colorizations of them."""
    truth = [as_rgb(photo.rgb) for photo in photos]
    results = {name: map(as_rgb, map(itemgetter(name), pictures)) for name in pictures[0]}
    return interpret(
        judge,
        truth,
        {RANDOM: _random(truth.__getitem__, range(len(truth)), run.settings.seed), **results},
        [photo.wordnet_id for photo in photos],
        replicates=run.settings.replicates,
        seed=run.settings.seed,
    )


def _random(truth: Callable[[T], RGB], photos: Sequence[T], seed: int) -> Iterator[RGB]:
    """Yield every photo in the colors of another one; in its own if it is the only one."""
    for photo, other in zip(photos, derangement(len(photos), seed), strict=True):
        yield random_colors(truth(photo), truth(photos[other]))


def _table(result: Interpretation, score: Literal["accuracy", "agreement"], caption: str) -> Table:
    body = []
    for name, judged in result.systems.items():
        row: ClassifierScores | None = getattr(judged, score)
        if row is not None:
            baseline = name in (TRUTH, GRAY)
            gains = ["", ""] if baseline else [row.above_gray.cell(3, sign="+"), row.recovery.cell(2)]
            body.append([name, row.top1.cell(3), row.top5.cell(3), *gains])
    head = ["", f"top-1 {score}", f"top-5 {score}", "top-5 above gray", "recovery"]
    return Table(head, body, caption=f"{caption} 95% bootstrap intervals over photos.")


def _set_tables(result: Interpretation, run: Run) -> list[Part]:
    photos = f"photos of {run.references.name}"
    agreement = _table(
        result,
        "agreement",
        f"{result.judge} on {result.photos} {photos}. The right answer is its answer to the true photo:"
        " agreement, not accuracy.",
    )
    known = result.systems[TRUTH].accuracy
    if known is None:
        return [agreement]
    caption = f"{result.judge} on {known.photos} {photos} whose names carry their class."
    return [_table(result, "accuracy", caption), agreement]


def _labeled_parts(result: Interpretation, run: Run) -> list[Part]:
    known = result.systems[TRUTH].accuracy
    if known is None:
        return [Note(f"{result.judge} does not have the classes of the labeled photos.")]
    caption = (
        f"{result.judge} on {known.photos} photos whose class is known. If they are from ImageNet's training"
        " set, the classifier was trained on them, and perhaps the shipped colorizers, without the classes."
    )
    parts: list[Part] = [_table(result, "accuracy", caption)]
    if folders := [system.name for system in run.systems if system.model is None]:
        parts.append(
            Note(f"{', '.join(folders)}: a folder of results, without a model to colorize these photos.")
        )
    return parts
