"""Accuracies and intersections over unions, by hand and against torchmetrics."""

from __future__ import annotations

import pytest
import torch
from torchmetrics.functional.classification import multiclass_jaccard_index

from autochrome.evaluation.intervals import Estimate
from autochrome.evaluation.probe.scores import (
    confusion,
    intersection_over_union,
    segmentation_scores,
    top_accuracies,
)


def test_top1_and_top5_by_hand() -> None:
    logits = torch.arange(7.0).repeat(4, 1)  # the classes from the last to the first
    scores = top_accuracies(logits, torch.tensor([6, 6, 3, 1]), replicates=500, seed=0)
    assert scores["top1"][0] == 0.5
    assert scores["top5"][0] == 0.75
    assert Estimate.of(scores["top1"]) == Estimate(0.5, 0.0, 1.0)  # 4 photos tell little
    few = top_accuracies(logits[:, :5], torch.tensor([4, 4, 3, 1]), replicates=5, seed=0)
    assert list(few) == ["top1"]  # all five are always among the first five


def test_the_interval_is_the_binomial_s() -> None:
    """Of 400 photos half are right: the standard error is sqrt(.25 / 400) = .025."""
    logits = torch.eye(2).repeat(200, 1)
    scores = top_accuracies(logits, torch.zeros(400, dtype=torch.int64), replicates=2000, seed=1)
    top1 = Estimate.of(scores["top1"])
    assert (top1.low, top1.high) == pytest.approx((0.5 - 1.96 * 0.025, 0.5 + 1.96 * 0.025), abs=0.008)


def test_an_answer_that_is_the_same_for_all_classes_is_no_hit() -> None:
    scores = top_accuracies(torch.zeros(5, 9), torch.arange(5), replicates=5, seed=0)
    assert (scores["top1"][0], scores["top5"][0]) == (0, 0)


def test_differences_are_of_the_same_resamples() -> None:
    """Two classifiers that err on the same photos differ by nothing, with certainty."""
    logits, labels = torch.eye(3).repeat(10, 1), torch.zeros(30, dtype=torch.int64)
    one, other = (top_accuracies(logits * scale, labels, replicates=50, seed=4)["top1"] for scale in (1, 2))
    assert Estimate.of(one - other) == Estimate(0.0, 0.0, 0.0)


def test_intersection_over_union_is_torchmetrics_s(generator: torch.Generator) -> None:
    truth, answer = (torch.randint(0, 4, (9, 11), generator=generator) for _ in range(2))
    truth[0] = 255
    table = confusion(answer, truth.to(torch.uint8), 4)
    assert table.sum() == 8 * 11
    expected = multiclass_jaccard_index(
        answer[None], truth[None], num_classes=4, average=None, ignore_index=255
    )
    torch.testing.assert_close(intersection_over_union(table).float(), expected)


def test_pixels_are_pooled_and_absent_classes_left_out() -> None:
    # Class 1: 3 right of 3 + 1 false; class 0: 4 right of 5; class 2 does not occur; 3 is missed altogether.
    tables = torch.zeros(2, 4, 4, dtype=torch.float64)
    tables[0, 0, 0], tables[0, 0, 1], tables[1, 1, 1], tables[1, 3, 0] = 4, 1, 3, 1
    scores = segmentation_scores(tables, ("a", "b", "c", "d"), replicates=50, seed=0)
    assert list(scores) == ["mean_iu", "iu/a", "iu/b", "iu/d"]
    assert float(scores["iu/a"][0]) == pytest.approx(4 / 6)
    assert float(scores["iu/b"][0]) == pytest.approx(3 / 4)
    assert scores["iu/d"][0] == 0
    assert float(scores["mean_iu"][0]) == pytest.approx((4 / 6 + 3 / 4 + 0) / 3)
    assert all(score.isfinite().all() for score in scores.values())
