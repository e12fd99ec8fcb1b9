"""Semantic interpretability: a classifier of true color photos, applied to colorized ones.

Zhang, Isola, Efros 2016, Colorful Image Colorization, arXiv:1603.08511v1.
    section 4.1 (2), section 4.2    interpret: top-5 accuracy on true, gray and colorized photos
    "relative recovery", table 1    recovery

Accuracy needs the photos' true classes. Where they are unknown, agreement takes its place: whether the
classifier's answer is the one that it gave for the true photo, right or wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from autochrome.evaluation.classifier.judge import Judge
from autochrome.evaluation.files import load_rgb
from autochrome.evaluation.intervals import Bootstrap, Estimate, percentile_interval
from autochrome.io.plain import to_plain
from autochrome.metrics.baselines import gray
from autochrome.types import RGB

TRUTH, GRAY = "truth", "gray"

Picture = RGB | Path
"""sRGB in [0, 1], one picture "1 3 h w", or the file of one."""


@dataclass(frozen=True)
class ClassifierScores:
    """A classifier's scores on a system's pictures, with 95% bootstrap intervals over photos.

    Shares are in [0, 1]. ``above_gray`` and ``recovery`` are of ``top5``, on the same resamples.
    """

    photos: int
    """Number of photos."""
    top1: Estimate
    """Share of photos for which the classifier's first answer is right."""
    top5: Estimate
    """Share of photos for which one of its first five answers is right."""
    above_gray: Estimate
    """``top5`` less that of the gray photos."""
    recovery: Estimate
    """See `recovery`; nan where gray photos score no worse than true ones."""


@dataclass(frozen=True)
class Judged:
    """The scores of one system's pictures."""

    accuracy: ClassifierScores | None
    """The right answer is the photo's class; None if no photo has a class that the classifier knows."""
    agreement: ClassifierScores
    """The right answer is the classifier's first answer to the true photo, for which the score is 1."""


@dataclass(frozen=True)
class Interpretation:
    """A classifier's scores on true, gray and colorized photos."""

    judge: str
    weights: str
    sha256: str
    """The classifier's name, its weights and their digest."""
    photos: int
    systems: dict[str, Judged]
    """``truth`` and ``gray`` first, then the systems in their given order."""
    labels: tuple[str | None, ...]
    """WordNet id of each photo's class; None if it is unknown, or unknown to the classifier."""
    answers: dict[str, tuple[tuple[str, ...], ...]]
    """The five answers to each photo of each system, best first, as names."""
    hits: dict[str, tuple[bool | None, ...]]
    """Whether the photo's class is among the five; None for photos without a class."""

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        return to_plain(self)


def interpret(
    judge: Judge,
    truth: Iterable[Picture],
    systems: Mapping[str, Iterable[Picture]],
    labels: Sequence[str | None] | None = None,
    *,
    replicates: int = 1000,
    seed: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> Interpretation:
    """Score a classifier on true photos, on the same photos in gray, and as systems colored them.

    Only one photo's pictures are in memory at a time, if the iterables are lazy.

    Args:
        judge: the classifier, such as ``load_efficientnet()``.
        truth: the true photos.
        systems: for each system a picture of every true photo, in the same order.
        labels: WordNet id of every photo's class (``wordnet_id_of`` its name), or None where unknown.
        replicates: bootstrap resamples.
        seed: of the resamples.
        progress: called after each photo with the number done.

    Raises:
        ValueError: there are no photos, or not one picture and label per photo, or a system is called like a
            baseline.
        EvaluationError: a file cannot be read.
    """
    if taken := {TRUTH, GRAY} & set(systems):
        raise ValueError(f"{' and '.join(sorted(taken))} cannot be a system's name; choose another one")
    names = (TRUTH, GRAY, *systems)
    answers = _ask(judge, truth, systems, progress)
    photos = answers.shape[1]
    if labels is not None and len(labels) != photos:
        raise ValueError(
            f"{len(labels)} labels for {photos} photos: give one for each, None where there is none"
        )
    outputs = [judge.output_of(label) for label in labels or [None] * photos]
    labeled = [number for number, output in enumerate(outputs) if output is not None]
    right = torch.tensor([output for output in outputs if output is not None], dtype=torch.int64)
    hits = _hits(answers[:, labeled], right)
    accuracy = _scores_of(hits, names, replicates, seed) if labeled else {}
    agreement = _scores_of(_hits(answers, answers[0, :, 0]), names, replicates, seed)
    return Interpretation(
        judge=judge.name,
        weights=judge.weights,
        sha256=judge.sha256,
        photos=photos,
        systems={name: Judged(accuracy.get(name), agreement[name]) for name in names},
        labels=tuple(None if output is None else judge.classes[output] for output in outputs),
        answers={
            name: tuple(tuple(map(judge.class_name, photo)) for photo in of_system)
            for name, of_system in zip(names, answers.tolist(), strict=True)
        },
        hits={
            name: tuple(map(dict(zip(labeled, of_system, strict=True)).get, range(photos)))
            for name, of_system in zip(names, hits[:, :, 1].tolist(), strict=True)
        },
    )


def recovery(score: Tensor, of_gray: Tensor, of_truth: Tensor) -> Tensor:
    """Return (score - gray) / (truth - gray), the part of the loss without colors that is regained.

    0 for gray photos, 1 for the true ones, below 0 for a colorization that scores worse than gray; nan if
    gray photos score no worse than true ones.
    """
    lost = of_truth - of_gray
    return ((score - of_gray) / lost).where(lost > 0, nan)


def _ask(
    judge: Judge,
    truth: Iterable[Picture],
    systems: Mapping[str, Iterable[Picture]],
    progress: Callable[[int], None],
) -> Int[Tensor, "systems photos k"]:
    """Return the answers to the true photos, the gray ones, and every system's."""
    rows = []
    for pictures in zip(truth, *systems.values(), strict=True):
        photo, *colored = map(_load, pictures)
        shown = [photo, gray(photo), *colored]
        rows.append(judge.answers(torch.cat([judge.view(picture) for picture in shown])))
        progress(len(rows))
    if not rows:
        raise ValueError("there are no photos to judge: give one or more")
    return torch.stack(rows, 1)


def _load(picture: Picture) -> RGB:
    return load_rgb(picture) if isinstance(picture, Path) else picture


def _hits(
    answers: Int[Tensor, "systems photos k"], right: Int[Tensor, " photos"]
) -> Bool[Tensor, "systems photos 2"]:
    """Return whether the right answer is the first one, and whether it is among all."""
    equal = answers == right[:, None]
    return torch.stack([equal[:, :, 0], equal.any(2)], 2)


def _scores_of(
    hits: Bool[Tensor, "systems photos 2"], names: Sequence[str], replicates: int, seed: int
) -> dict[str, ClassifierScores]:
    """Return the scores of every system; the first is the truth, the second gray."""
    photos = hits.shape[1]
    shares = Bootstrap(replicates, seed).counts(photos) @ hits.double() / photos  # systems, rows, 2
    truth5, gray5 = shares[0, :, 1], shares[1, :, 1]
    return {
        name: ClassifierScores(
            photos=photos,
            top1=Estimate.of(top1),
            top5=Estimate.of(top5),
            above_gray=Estimate.of(top5 - gray5),
            recovery=_recovery(top5, gray5, truth5),
        )
        for name, (top1, top5) in zip(names, (each.unbind(1) for each in shares), strict=True)
    }


def _recovery(
    scores: Float[Tensor, " rows"], of_gray: Float[Tensor, " rows"], of_truth: Float[Tensor, " rows"]
) -> Estimate:
    """Return the recovery. Resamples in which gray photos lack nothing widen its interval on both sides."""
    rows = recovery(scores, of_gray, of_truth)
    low, _ = percentile_interval(rows[1:].nan_to_num(-inf))
    _, high = percentile_interval(rows[1:].nan_to_num(inf))
    return Estimate(float(rows[0]), low, high)
