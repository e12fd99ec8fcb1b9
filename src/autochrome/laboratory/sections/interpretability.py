"""Whether a classifier that knows true color photos understands the colorized ones.

Zhang et al. (2016), CIC, section 4.2: top-5 accuracy of a VGG-16 on true, gray and colorized photos. Here by
the bundled classifier (`autochrome.evaluation.classifier`), and by a VGG-16 where the person has one. Photos
without a class are judged by agreement with what the classifier says of the true photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from autochrome.data.sources import open_source
from autochrome.errors import DataError, LaboratoryError, WeightsError
from autochrome.evaluation.classifier.interpretability import Interpretation, Understood, interpret
from autochrome.evaluation.classifier.judge import Judge
from autochrome.evaluation.classifier.labeled import LabeledPhoto, held_out, wordnet_id_of
from autochrome.evaluation.classifier.network import load_classifier
from autochrome.evaluation.classifier.vgg16 import load_vgg16
from autochrome.io.photo import Photo
from autochrome.laboratory.estimates import cell
from autochrome.laboratory.run import LabSettings, Run
from autochrome.report.html import Note, Part, Section, Table, Text
from autochrome.types import RGB

_LEAD = (
    "Does a classifier of true color photos understand the colorized ones? CIC's test (section 4.2): gray"
    " photos are understood worse than true ones, and **recovery** is the part of that loss that a system's"
    " colors give back: 0 as gray, 1 as the true photos, below 0 where colors mislead."
)


def section(run: Run) -> Section:
    """A table for each judge and set of photos.

    Raises:
        LaboratoryError: a classifier or the labeled photos cannot be had.
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
        found = judge_results(run, judge, names)
        figures[f"{judge.name}, the set"] = found.to_dict()
        parts += _set_tables(found, run)
    if labeled:
        pictures = run.map("coloring labeled photos", color_labeled, [str(k) for k in range(len(labeled))])
        for judge in judges:
            found = judge_labeled(run, judge, labeled, pictures)
            figures[f"{judge.name}, labeled photos"] = found.to_dict()
            parts += _labeled_parts(found, run)
    else:
        parts.append(
            Text("With `--labeled` and photos whose names carry their class, accuracy is measured too.")
        )
    run.figures["interpretability"] = figures
    return Section("Semantic interpretability", parts, lead=_LEAD)


def load_judges(settings: LabSettings) -> list[Judge]:
    """The bundled classifier, and the VGG-16 where there is one.

    Raises:
        WeightsError: weights are missing, damaged or another network's.
    """
    judges = [load_classifier()]
    if settings.vgg16 is not None:
        judges.append(load_vgg16(settings.vgg16, settings.synsets))
    return judges


def read_labeled(settings: LabSettings) -> tuple[LabeledPhoto, ...]:
    """Labeled photos that the bundled classifier has never seen; none where none were given.

    Raises:
        DataError: the folder holds none.
    """
    if settings.labeled is None:
        return ()
    return _read_labeled(settings.labeled, settings.labeled_photos, settings.seed)


@lru_cache(maxsize=1)
def _read_labeled(folder: Path, count: int, seed: int) -> tuple[LabeledPhoto, ...]:
    return tuple(held_out(open_source(folder), count, seed))


def judge_results(run: Run, judge: Judge, names: Sequence[str]) -> Interpretation:
    """What a judge makes of a run's photos and of the first answer of each system to them."""
    label = f"judging by {judge.name}"
    run.progress(label, 0, len(names))
    labels = [wordnet_id_of(name) for name in names]
    return interpret(
        judge,
        map(run.truth, names),
        {system.name: map(partial(run.result, system), names) for system in run.systems},
        labels if any(labels) else None,
        replicates=run.settings.replicates,
        seed=run.settings.seed,
        progress=lambda done: run.progress(label, done, len(names)),
    )


Pictures = dict[str, UInt8[np.ndarray, "h w 3"]]
"""A labeled photo's first answer by each system that has a model."""


def color_labeled(run: Run, number: str) -> Pictures:
    """One answer of every model to a labeled photo, which is told by its number."""
    photo = Photo(read_labeled(run.settings)[int(number)].rgb)
    found = {}
    for system in run.systems:
        if (painter := run.painter(system)) is not None:
            asked = replace(system.asked, samples=1, seed=run.settings.seed)
            found[system.name] = painter.colorize(photo, asked)[0].pixels
    return found


def judge_labeled(
    run: Run, judge: Judge, photos: Sequence[LabeledPhoto], pictures: Sequence[Pictures]
) -> Interpretation:
    """What a judge makes of labeled photos and of the models' answers to them."""
    return interpret(
        judge,
        map(_rgb, (photo.rgb for photo in photos)),
        {name: map(_rgb, map(itemgetter(name), pictures)) for name in pictures[0]},
        [photo.wordnet_id for photo in photos],
        replicates=run.settings.replicates,
        seed=run.settings.seed,
    )


def accuracy_table(found: Interpretation, caption: str) -> Table:
    """Top-1 and top-5 accuracy of every system, and how much of what gray photos lack they give back."""
    rows = {name: judged.accuracy for name, judged in found.systems.items()}
    return _table({name: row for name, row in rows.items() if row is not None}, "accuracy", caption)


def agreement_table(found: Interpretation, caption: str) -> Table:
    """How often the judge's answer to the true photo is its first, or among its first five, of a system's."""
    return _table({name: judged.agreement for name, judged in found.systems.items()}, "agreement", caption)


def _table(rows: dict[str, Understood], what: str, caption: str) -> Table:
    body = []
    for name, row in rows.items():
        beside = (
            [cell(row.above_gray, 3, sign="+"), cell(row.recovery, 2)]
            if name not in ("truth", "gray")
            else ["", ""]
        )
        body.append([name, cell(row.top1, 3), cell(row.top5, 3), *beside])
    return Table(
        ["", f"top-1 {what}", f"top-5 {what}", "top-5 above gray", "recovery"], body, caption=caption
    )


def _set_tables(found: Interpretation, run: Run) -> list[Part]:
    agreement = agreement_table(
        found,
        f"{found.judge} on {found.photos} photos of {run.references.name}. They carry no class, so the right"
        " answer is what it says of the true photo: agreement, not accuracy. 95% bootstrap intervals over"
        " photos.",
    )
    if found.systems["truth"].accuracy is None:
        return [agreement]
    known = sum(label is not None for label in found.labels)
    return [
        accuracy_table(
            found, f"{found.judge} on {known} photos of {run.references.name} whose names carry their class."
        ),
        replace(agreement, caption=f"{found.judge}: agreement with what it says of the true photo."),
    ]


def _labeled_parts(found: Interpretation, run: Run) -> list[Part]:
    table = accuracy_table(
        found,
        f"{found.judge} on {found.photos} held-out photos whose class is known. The classifier has not seen"
        " them; the shipped colorizers may have, as photos without their class. 95% bootstrap intervals.",
    )
    folders = [system.name for system in run.systems if system.model is None]
    if not folders:
        return [table]
    return [table, Note(f"{', '.join(folders)}: results in a folder, no model to color these photos by.")]


def _rgb(pixels: UInt8[np.ndarray, "h w 3"]) -> RGB:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
