"""Semantic interpretability: what a classifier of true color photos makes of colorized ones.

Zhang, Isola, Efros 2016, Colorful Image Colorization, arXiv:1603.08511v1.
    section 4.1 (2), section 4.2    interpret: top-5 accuracy on true, gray and colorized photos
    "relative recovery", table 1    recovery
    figure 8                        class_changes

Accuracy needs the photos' true classes. Where there are none, agreement takes the place of the truth that is
missing: does the classifier answer of a picture what it answered of the true photo? It is no accuracy, as
the classifier may be wrong about the photo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf, nan
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from autochrome.evaluation.classifier.classes import CLASS_NAMES
from autochrome.evaluation.classifier.judge import Judge
from autochrome.evaluation.intervals import percentile_interval, resample_counts
from autochrome.evaluation.scores import Estimate, load_rgb
from autochrome.metrics.baselines import gray
from autochrome.types import RGB

TRUTH, GRAY = "truth", "gray"

Picture = RGB | Path
"""sRGB in [0, 1], one picture "1 3 h w", or the file of one."""


@dataclass(frozen=True)
class Understood:
    """How often a system's pictures are understood, with 95% bootstrap intervals over photos.

    Shares are in [0, 1]. The differences and the recovery are of ``top5``, resampled in pairs.
    """

    photos: int
    """How many were judged."""
    top1: Estimate
    """Share of photos for which the classifier's first answer is the right one."""
    top5: Estimate
    """Share of photos for which the right one is among the first five."""
    above_gray: Estimate
    """By how much ``top5`` is above that of the gray photos."""
    recovery: Estimate
    """Which part it is of what gray photos lack; undefined (nan) where they lack nothing."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        estimates = {
            name: getattr(self, name).to_dict() for name in ("top1", "top5", "above_gray", "recovery")
        }
        return {"photos": self.photos, **estimates}


@dataclass(frozen=True)
class Judged:
    """What a classifier makes of one system's pictures."""

    accuracy: Understood | None
    """The right answer is the photo's class; None where no photo has a class that the classifier knows."""
    agreement: Understood
    """The right answer is what the classifier answers first of the true photo, be it true or not. The true
    photos agree with themselves, so that their row is 1. It is no accuracy."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        accuracy = self.accuracy.to_dict() if self.accuracy else None
        return {"accuracy": accuracy, "agreement": self.agreement.to_dict()}


@dataclass(frozen=True)
class Interpretation:
    """What a classifier makes of true, gray and colorized photos."""

    judge: str
    weights: str
    sha256: str
    """Of the classifier: its name, its weights and their digest."""
    photos: int
    systems: dict[str, Judged]
    """``truth`` and ``gray`` first, then the systems in the order they were given."""
    labels: tuple[str | None, ...]
    """WordNet id of each photo's class, None where none is known or the classifier does not know it."""
    answers: dict[str, tuple[tuple[str, ...], ...]]
    """The five answers to each photo of each system, best first, as names."""
    hits: dict[str, tuple[bool | None, ...]]
    """Whether a photo's class is among the five, None for photos without one."""

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""
        return {**asdict(self), "systems": {name: row.to_dict() for name, row in self.systems.items()}}


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
    """Show a classifier true photos, the same in gray, and the same as systems colored them.

    One photo's pictures are in memory at a time, if the iterables hold no more.

    Args:
        judge: the classifier, such as ``load_classifier()``.
        truth: the true photos.
        systems: of each system a picture for every true photo, in the same order.
        labels: WordNet id of every photo's class (``wordnet_id_of`` its name), None for those without; None
            for no labels at all.
        replicates: bootstrap resamples.
        seed: of the resamples.
        progress: called after each photo with how many are done.

    Raises:
        ValueError: there is no photo, a system has another number of pictures, there are not as many labels
            as photos, or a system is called as a baseline.
        EvaluationError: a file cannot be read.
    """
    if taken := {TRUTH, GRAY} & set(systems):
        raise ValueError(f"{' and '.join(sorted(taken))} cannot be a system's name; call it otherwise")
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
    accuracy = _understood(hits, names, replicates, seed) if labeled else {}
    agreement = _understood(_hits(answers, answers[0, :, 0]), names, replicates, seed)
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
            name: _spread(of_system, labeled, photos)
            for name, of_system in zip(names, hits[:, :, 1].tolist(), strict=True)
        },
    )


@dataclass(frozen=True)
class ClassChange:
    """How well the photos of one class are understood in gray and as a system colored them."""

    wordnet_id: str
    name: str
    photos: int
    gray: float
    """Share of them, in [0, 1], whose class is among the five answers to the gray photo."""
    colorized: float
    """The same of the colorized photo."""


def class_changes(result: Interpretation, system: str) -> list[ClassChange]:
    """The classes, from the one that a system's colors help most to the one that they hurt most (figure 8).

    Empty without labels.
    """
    members: dict[str, list[int]] = {}
    for number, label in enumerate(result.labels):
        if label is not None:
            members.setdefault(label, []).append(number)

    def share(name: str, numbers: list[int]) -> float:
        return sum(result.hits[name][number] is True for number in numbers) / len(numbers)

    changes = [
        ClassChange(
            label, CLASS_NAMES.get(label, label), len(numbers), share(GRAY, numbers), share(system, numbers)
        )
        for label, numbers in members.items()
    ]
    return sorted(changes, key=lambda each: (each.gray - each.colorized, each.wordnet_id))


def recovery(score: float, of_gray: float, of_truth: float) -> float:
    """Part of what the loss of color takes from a classifier that a colorization gives back.

    0 for gray photos, 1 for the true ones, below 0 for a colorization that is understood worse than gray:
    (score - gray) / (truth - gray). Undefined (nan) where gray photos are understood no worse than true ones.
    """
    lost = of_truth - of_gray
    return (score - of_gray) / lost if lost > 0 else nan


def _ask(
    judge: Judge,
    truth: Iterable[Picture],
    systems: Mapping[str, Iterable[Picture]],
    progress: Callable[[int], None],
) -> Int[Tensor, "systems photos k"]:
    """Answers to the true photos, the gray ones, and every system's."""
    rows = []
    for true, *colored in _side_by_side(truth, systems):
        photo = _load(true)
        shown = [photo, gray(photo), *map(_load, colored)]
        rows.append(judge.answers(torch.cat([judge.view(picture) for picture in shown])))
        progress(len(rows))
    if not rows:
        raise ValueError("there are no photos to judge: give one or more")
    return torch.stack(rows, 1)


def _side_by_side(
    truth: Iterable[Picture], systems: Mapping[str, Iterable[Picture]]
) -> Iterator[list[Picture]]:
    """Every true photo, followed by its picture of each system."""
    iterators = {name: iter(pictures) for name, pictures in systems.items()}
    done = 0
    for done, true in enumerate(truth, 1):
        row = [true]
        for name, pictures in iterators.items():
            picture = next(pictures, None)
            if picture is None:
                raise ValueError(
                    f"{name} has {done - 1} pictures, but there are more true photos: give one for each"
                )
            row.append(picture)
        yield row
    for name, pictures in iterators.items():
        if next(pictures, None) is not None:
            raise ValueError(f"{name} has more pictures than the {done} true photos: give one for each")


def _load(picture: Picture) -> RGB:
    return load_rgb(picture) if isinstance(picture, Path) else picture


def _hits(
    answers: Int[Tensor, "systems photos k"], right: Int[Tensor, " photos"]
) -> Bool[Tensor, "systems photos 2"]:
    """Whether the right answer is the first one, and whether it is among all."""
    found = answers == right[:, None]
    return torch.stack([found[:, :, 0], found.any(2)], 2)


def _understood(
    hits: Bool[Tensor, "systems photos 2"], names: Sequence[str], replicates: int, seed: int
) -> dict[str, Understood]:
    """The shares of every system; the first is the truth, the second gray."""
    photos = hits.shape[1]
    counts = resample_counts(photos, replicates, seed)
    shares = hits.double().mean(1).tolist()
    resampled = counts @ hits.double() / photos  # systems, replicates, 2
    truth5, gray5 = resampled[0, :, 1], resampled[1, :, 1]
    rows = {}
    for name, (top1, top5), drawn in zip(names, shares, resampled, strict=True):
        rows[name] = Understood(
            photos=photos,
            top1=Estimate(top1, *percentile_interval(drawn[:, 0])),
            top5=Estimate(top5, *percentile_interval(drawn[:, 1])),
            above_gray=Estimate(top5 - shares[1][1], *percentile_interval(drawn[:, 1] - gray5)),
            recovery=Estimate(
                recovery(top5, shares[1][1], shares[0][1]), *_recovery_interval(drawn[:, 1], gray5, truth5)
            ),
        )
    return rows


def _recovery_interval(
    scores: Float[Tensor, " replicates"],
    of_gray: Float[Tensor, " replicates"],
    of_truth: Float[Tensor, " replicates"],
) -> tuple[float, float]:
    """A resample in which gray photos lack nothing tells nothing: it widens the interval on both sides."""
    lost = of_truth - of_gray
    ratio = (scores - of_gray) / lost
    low, _ = percentile_interval(ratio.where(lost > 0, -inf))
    _, high = percentile_interval(ratio.where(lost > 0, inf))
    return low, high


def _spread(hits: list[bool], labeled: list[int], photos: int) -> tuple[bool | None, ...]:
    found = dict(zip(labeled, hits, strict=True))
    return tuple(found.get(number) for number in range(photos))
