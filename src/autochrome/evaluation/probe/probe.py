"""The three probes, from photos to results: linear classification, fine-tuning, segmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float16, Int
from torch import Tensor

from autochrome.color.spaces import get_space
from autochrome.data.sources import expand_path, open_source
from autochrome.errors import DataError
from autochrome.evaluation.probe.classes import ClassSplit, split_by_class
from autochrome.evaluation.probe.features import DIMS, extract
from autochrome.evaluation.probe.finetune import finetune
from autochrome.evaluation.probe.fitting import FitSettings
from autochrome.evaluation.probe.linear import fit_linear
from autochrome.evaluation.probe.photos import read_lumas
from autochrome.evaluation.probe.results import ProbeResults, Row
from autochrome.evaluation.probe.scores import segmentation_scores, top_accuracies
from autochrome.evaluation.probe.segmentation import Segmenter, full_size_confusions, read_canvases
from autochrome.evaluation.probe.trunks import (
    NORM_PHOTOS,
    RANDOM,
    LayerGroup,
    map_shapes,
    parse_layers,
    subsample,
    update_norms,
)
from autochrome.evaluation.probe.voc import VOC_NAMES, VOCFolder
from autochrome.models.base import Colorizer
from autochrome.types import Progress, silent

Trunks = Mapping[str, Colorizer]
"""By initialization, ``TRAINED`` or ``RANDOM``; all of one network."""


@dataclass(frozen=True)
class Lumas:
    """Luma of the photos, and their classes."""

    luma: Float16[Tensor, "n 1 s s"]
    labels: Int[Tensor, " n"]


@dataclass(frozen=True)
class ProbeSettings:
    """Settings of all probes."""

    size: int = 64
    """Side of the square luma that the trunk sees, in pixels."""
    layers: str = "all"
    """See ``parse_layers``."""
    classes: int = 50
    per_class: int = 120
    dims: int = DIMS
    """Approximate number of features of the linear probe."""
    fit: FitSettings = field(default_factory=FitSettings)
    """Of fine-tuning and segmentation."""
    folds: int = 1
    """Of the cross-validation that chooses the steps of segmentation."""
    replicates: int = 1000
    """Bootstrap resamples of the test photos."""
    seed: int = 0
    """Of the choice of photos, the random trunk, the photos' order and the resamples."""


def linear_probe(
    trunks: Trunks, place: Path, settings: ProbeSettings, progress: Progress = silent
) -> ProbeResults:
    """Train a linear classifier on the frozen features of every trunk and group of layers.

    Raises:
        DataError: photos or their classes are missing or cannot be read.
        ProbeError: a layer does not exist, or the size does not fit the model.
    """
    groups, shapes = _groups(trunks, settings)
    split, train, validation, test = _classified(trunks, place, settings, progress)
    luma = torch.cat([part.luma for part in (train, validation, test)])
    counts = [len(part.labels) for part in (train, validation, test)]
    rows = []
    for kind, trunk in trunks.items():
        if kind == RANDOM:
            update_norms(trunk, subsample(train.luma, NORM_PHOTOS), trunk.features)
        of_groups = extract(trunk, luma, groups, dims=settings.dims, progress=_of(kind, progress))
        for number, (group, features) in enumerate(zip(groups, of_groups, strict=True)):
            x = features.split(counts)
            fitted = fit_linear((x[0], train.labels), (x[1], validation.labels), len(split.names))
            scores = top_accuracies(
                fitted.logits(x[2]), test.labels, replicates=settings.replicates, seed=settings.seed
            )
            details = {"dims": features.shape[1], "decay": fitted.decay}
            rows.append(Row(kind, group.name, scores, details))
            progress(f"{kind}: classifiers", number + 1, len(groups))
    return ProbeResults("linear", rows, _manifest(trunks, split_facts(split), shapes, settings))


def finetuning_probe(
    trunks: Trunks, place: Path, settings: ProbeSettings, progress: Progress = silent
) -> ProbeResults:
    """Fine-tune every trunk end to end with a linear head, with the same steps and photos for each.

    Validation photos are trained on as well, since nothing is chosen with them.

    Raises:
        DataError, ProbeError: as ``linear_probe``.
        TrainingError: the training diverged.
    """
    groups, shapes = _groups(trunks, settings)
    split, train, validation, test = _classified(trunks, place, settings, progress)
    seen = torch.cat([train.luma, validation.luma]), torch.cat([train.labels, validation.labels])
    rows = []
    for kind, trunk in trunks.items():
        for group in groups:
            report = _of(f"{kind}, layers {group.name}", progress)
            logits = finetune(trunk, group, seen, test.luma, len(split.names), settings.fit, report)
            scores = top_accuracies(logits, test.labels, replicates=settings.replicates, seed=settings.seed)
            rows.append(Row(kind, group.name, scores, {"steps": settings.fit.steps}))
    return ProbeResults("finetune", rows, _manifest(trunks, split_facts(split), shapes, settings))


def segmentation_probe(
    trunks: Trunks, place: Path, settings: ProbeSettings, progress: Progress = silent
) -> ProbeResults:
    """Fine-tune every trunk for the segmentation of a folder in PASCAL VOC's format; mean IU on its ``val``.

    Raises:
        DataError: the folder is not in that format, or a file cannot be read.
        ProbeError, TrainingError: as ``finetuning_probe``.
    """
    groups, shapes = _groups(trunks, settings)
    folder = VOCFolder(expand_path(place))
    names = {split: folder.names(split) for split in ("train", "val")}
    if shared := sorted(set(names["train"]) & set(names["val"])):
        raise DataError(f"{len(shared)} photos are in train.txt and in val.txt, such as {shared[0]}")
    if len(names["train"]) < 5:
        raise DataError(f"train.txt names {len(names['train'])} photos, where at least 5 are needed")
    space = get_space(next(iter(trunks.values())).spec.space)
    train, val = (
        read_canvases(folder, names[split], space, settings.size, progress) for split in ("train", "val")
    )
    labels = label_names(max(train.classes, val.classes))
    rows = []
    for kind, trunk in trunks.items():
        if kind == RANDOM:
            update_norms(trunk, subsample(train.luma, NORM_PHOTOS), trunk.features)
        for group in groups:
            report = _of(f"{kind}, layers {group.name}", progress)
            segmenter = Segmenter(group, len(labels), settings.fit, settings.folds)
            network, steps = segmenter.fit(trunk, train, report)
            tables = full_size_confusions(network, folder, names["val"], val, len(labels), report)
            scores = segmentation_scores(tables, labels, replicates=settings.replicates, seed=settings.seed)
            rows.append(Row(kind, group.name, scores, {"steps": steps}))
    facts = {"train": len(train.luma), "test": len(val.luma), "classes": list(labels)}
    return ProbeResults("segment", rows, _manifest(trunks, facts, shapes, settings))


def label_names(count: int) -> tuple[str, ...]:
    """Return the names of the classes of label maps: VOC's if there are 21, else background and numbers.

    Raises:
        DataError: there are fewer than two.
    """
    if count < 2:
        raise DataError("the label maps hold fewer than two classes: there is nothing to segment")
    if count == len(VOC_NAMES):
        return VOC_NAMES
    return ("background", *(f"class {number}" for number in range(1, count)))


def split_facts(split: ClassSplit) -> dict[str, Any]:
    """Return the number of photos in each part, and the classes."""
    counts = {name: len(getattr(split, name).numbers) for name in ("train", "validation", "test")}
    return {**counts, "classes": list(split.names)}


def _groups(trunks: Trunks, settings: ProbeSettings) -> tuple[list[LayerGroup], list[tuple[int, int, int]]]:
    shapes = map_shapes(next(iter(trunks.values())), settings.size)
    return parse_layers(settings.layers, len(shapes)), shapes


def _classified(
    trunks: Trunks, place: Path, settings: ProbeSettings, progress: Progress
) -> tuple[ClassSplit, Lumas, Lumas, Lumas]:
    split = split_by_class(
        open_source(place), classes=settings.classes, per_class=settings.per_class, seed=settings.seed
    )
    parts = (split.train, split.validation, split.test)
    space = get_space(next(iter(trunks.values())).spec.space)
    counts = [len(part.numbers) for part in parts]
    numbers = np.concatenate([part.numbers for part in parts]).tolist()
    luma = read_lumas(split.source, numbers, space, settings.size, progress).split(counts)
    labels = (torch.from_numpy(part.labels.astype(np.int64)) for part in parts)
    train, validation, test = (Lumas(*pair) for pair in zip(luma, labels, strict=True))
    return split, train, validation, test


def _of(kind: str, progress: Progress) -> Progress:
    return lambda what, done, total: progress(f"{kind}: {what}", done, total)


def _manifest(
    trunks: Trunks, data: dict[str, Any], shapes: Sequence[tuple[int, int, int]], settings: ProbeSettings
) -> dict[str, Any]:
    specs = {kind: trunk.spec for kind, trunk in trunks.items()}
    any_spec = next(iter(specs.values()))
    return {
        "model": any_spec.name,
        "weights_sha256": {kind: spec.sha256 for kind, spec in specs.items() if kind != RANDOM},
        "maps": [list(shape) for shape in shapes],
        "data": data,
        "settings": asdict(settings),
    }
