"""Verdicts as columns: what the statistics compute with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from autochrome.study.records import TRUTH, Judgment, Stage


@dataclass(frozen=True, eq=False)
class Columns:
    """Entry k of every array belongs to verdict k.

    Attributes:
        success: 0 or 1. The first axis is that of studies with the same layout, so that a thousand simulated
            ones take the way of a real one; a real one has one row.
        picture: number of the photo, in the order of the photos' names.
        rater: number of the rater.
    """

    success: Float[np.ndarray, "studies votes"]
    picture: Int[np.ndarray, " votes"]
    rater: Int[np.ndarray, " votes"]

    @classmethod
    def of(cls, judgments: Sequence[Judgment]) -> Columns:
        """Columns of one study's verdicts."""
        return cls.where(judgments, [j.success for j in judgments])

    @classmethod
    def where(cls, judgments: Sequence[Judgment], success: Sequence[bool]) -> Columns:
        """Columns with something else for a success, as that the first slot was chosen."""
        _, picture = np.unique([j.picture for j in judgments], return_inverse=True)
        rater = np.array([j.rater for j in judgments], dtype=np.int64)
        return cls(np.array([success], dtype=float), picture.astype(np.int64), rater)

    def __len__(self) -> int:
        return len(self.picture)


def tested(judgments: Iterable[Judgment]) -> list[Judgment]:
    """The verdicts of test trials: practice is never counted, and vigilance apart."""
    return [j for j in judgments if j.stage is Stage.TEST]


def by_system(judgments: Iterable[Judgment]) -> dict[str, list[Judgment]]:
    """Verdicts of each version, the truth first, then by name."""
    found: dict[str, list[Judgment]] = {}
    for judgment in judgments:
        found.setdefault(judgment.system, []).append(judgment)
    return {name: found[name] for name in sorted(found, key=lambda name: (name != TRUTH, name))}


def cluster_sums(
    values: Float[np.ndarray, "studies votes"], clusters: Int[np.ndarray, " votes"]
) -> Float[np.ndarray, "studies clusters"]:
    """Sum over the votes of each cluster, the clusters in ascending order of their numbers."""
    order = np.argsort(clusters, kind="stable")
    ordered = clusters[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    return np.add.reduceat(values[:, order], starts, axis=1)
