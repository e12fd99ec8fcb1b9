"""Scores of all test photos and of their resamples, so that two trunks are compared on the same resamples."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from autochrome.evaluation.intervals import Bootstrap

Scores = Mapping[str, Float[Tensor, " rows"]]
"""Each score for every row of `Bootstrap.counts`: of all test photos, and of their resamples."""


def top_accuracies(
    logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"], *, replicates: int, seed: int
) -> Scores:
    """Return ``top1`` and, for more than five classes, ``top5`` accuracy in [0, 1].

    Ties count against the classifier, so that constant logits score 0.
    """
    logits = logits.detach().cpu()
    truth = logits.gather(1, labels[:, None])
    before = (logits >= truth).sum(1) - 1  # the truth itself is among them
    ranks = [rank for rank in (1, 5) if rank < logits.shape[1]]
    hits = torch.stack([before < rank for rank in ranks], 1).double()
    shares = Bootstrap(replicates, seed).counts(len(hits)) @ hits / len(hits)
    return {f"top{rank}": share for rank, share in zip(ranks, shares.unbind(1), strict=True)}


def confusion(
    predicted: Integer[Tensor, "*places"], truth: Integer[Tensor, "*places"], classes: int
) -> Float[Tensor, "k k"]:
    """Return pixel counts by true class (row) and predicted class (column); larger ``truth`` is void."""
    known = truth < classes
    pairs = truth[known].long() * classes + predicted[known].long()
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes).double()


def intersection_over_union(confusions: Float[Tensor, "*n k k"]) -> Float[Tensor, "*n k"]:
    """Return the intersection over union of each class; nan if it is neither present nor predicted."""
    right = confusions.diagonal(dim1=-2, dim2=-1)
    return right / (confusions.sum(-1) + confusions.sum(-2) - right)


def segmentation_scores(
    confusions: Float[Tensor, "n k k"], names: tuple[str, ...], *, replicates: int, seed: int
) -> Scores:
    """Return ``mean_iu`` over the classes and ``iu/NAME`` of each, in [0, 1].

    Pixels of all photos are pooled, as in PASCAL VOC; photos are resampled. The mean leaves out classes that
    are neither present nor predicted.
    """
    photos, classes = confusions.shape[:2]
    counts = Bootstrap(replicates, seed).counts(photos)
    rows = intersection_over_union((counts @ confusions.flatten(1)).unflatten(1, (classes, classes)))
    scores = {"mean_iu": rows.nanmean(1)}
    for index, name in enumerate(names):
        of_all = float(rows[0, index])
        if not isnan(of_all):
            # Where a resample lacks the class its IU is unknown: as it is in all photos.
            scores[f"iu/{name}"] = rows[:, index].nan_to_num(of_all)
    return scores
