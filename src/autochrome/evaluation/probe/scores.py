"""Scores with bootstrap intervals over test photos, and differences of two trunks on the same resamples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from autochrome.evaluation.intervals import percentile_interval, resample_counts


@dataclass(frozen=True)
class Score:
    """A score of all test photos and of every resample of them."""

    value: float
    resampled: Float[Tensor, " replicates"]

    def interval(self) -> tuple[float, float]:
        """95% percentile interval."""
        return percentile_interval(self.resampled)

    def __sub__(self, other: Score) -> Score:
        return Score(self.value - other.value, self.resampled - other.resampled)

    def to_dict(self) -> dict[str, float]:
        """Value and interval."""
        low, high = self.interval()
        return {"value": self.value, "low": low, "high": high}


Scores = Mapping[str, Score]


def top_accuracies(
    logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"], *, replicates: int, seed: int
) -> Scores:
    """``top1`` and ``top5`` in [0, 1]: how often the truth is the first answer, or among the first five.

    Of five classes or fewer there is no ``top5``. A tie counts against the classifier, so that one that
    answers everything alike scores nothing.
    """
    logits = logits.detach().cpu()
    truth = logits.gather(1, labels[:, None])
    before = (logits >= truth).sum(1) - 1  # the truth itself is among them
    ranks = [rank for rank in (1, 5) if rank < logits.shape[1]]
    hits = torch.stack([before < rank for rank in ranks], 1).double()
    resampled = resample_counts(len(hits), replicates, seed) @ hits / len(hits)
    values = hits.mean(0).tolist()
    return {f"top{rank}": Score(values[i], resampled[:, i]) for i, rank in enumerate(ranks)}


def confusion(
    predicted: Integer[Tensor, "h w"], truth: Integer[Tensor, "h w"], classes: int
) -> Float[Tensor, "k k"]:
    """Pixels of each true class (row) by their answer (column); ``truth`` beyond the classes is void."""
    known = truth < classes
    pairs = truth[known].long() * classes + predicted[known].long()
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes).double()


def intersection_over_union(confusions: Float[Tensor, "*n k k"]) -> Float[Tensor, "*n k"]:
    """IU of each class: what is right over what is of the class or called so; nan for a class of neither."""
    right = confusions.diagonal(dim1=-2, dim2=-1)
    return right / (confusions.sum(-1) + confusions.sum(-2) - right)


def segmentation_scores(
    confusions: Float[Tensor, "n k k"], names: tuple[str, ...], *, replicates: int, seed: int
) -> Scores:
    """``mean_iu`` over the classes and ``iu/NAME`` of each, in [0, 1].

    Pixels of all photos are pooled, as PASCAL VOC does; photos are what is resampled. The mean leaves a class
    out that neither is there nor was answered.
    """
    photos, classes = confusions.shape[:2]
    counts = resample_counts(photos, replicates, seed)
    of_resamples = intersection_over_union((counts @ confusions.flatten(1)).unflatten(1, (classes, classes)))
    of_all = intersection_over_union(confusions.sum(0))
    scores = {"mean_iu": Score(float(of_all.nanmean()), of_resamples.nanmean(1))}
    for index, name in enumerate(names):
        if not of_all[index].isnan():
            # Where a resample lacks the class its IU is unknown: as it is in all photos.
            known = of_resamples[:, index].nan_to_num(float(of_all[index]))
            scores[f"iu/{name}"] = Score(float(of_all[index]), known)
    return scores
