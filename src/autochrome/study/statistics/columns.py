"""Verdicts as columns, from which the statistics are computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from autochrome.study.records import TRUTH, Judgment, Stage


@dataclass(frozen=True, eq=False)
class Columns:
    """Verdicts as arrays; entry k of every array belongs to verdict k.

    Attributes:
        success: 0 or 1.
        picture: index of the photo, in the order of the photos' names.
        rater: number of the rater.
    """

    success: Float[np.ndarray, " votes"]
    picture: Int[np.ndarray, " votes"]
    rater: Int[np.ndarray, " votes"]

    @classmethod
    def of(cls, judgments: Sequence[Judgment], success: Sequence[bool] | None = None) -> Columns:
        """Return the columns of verdicts, perhaps with another success, such as choosing the first slot."""
        _, picture = np.unique([j.picture for j in judgments], return_inverse=True)
        rater = np.array([j.rater for j in judgments], dtype=np.int64)
        if success is None:
            success = [j.success for j in judgments]
        return cls(np.array(success, dtype=float), picture.astype(np.int64), rater)

    def __len__(self) -> int:
        return len(self.picture)


def tested(judgments: Iterable[Judgment]) -> list[Judgment]:
    """Return the verdicts of test trials: practice is never counted, vigilance separately."""
    return [j for j in judgments if j.stage is Stage.TEST]


def by_system(judgments: Iterable[Judgment]) -> dict[str, list[Judgment]]:
    """Return the verdicts on each version, the truth first, then by name."""
    groups: dict[str, list[Judgment]] = {}
    for judgment in judgments:
        groups.setdefault(judgment.system, []).append(judgment)
    return {name: groups[name] for name in sorted(groups, key=lambda name: (name != TRUTH, name))}


def cluster_sums(
    values: Shaped[np.ndarray, " votes"], clusters: Int[np.ndarray, " votes"]
) -> Float[np.ndarray, " clusters"]:
    """Sum over the votes of each cluster, with clusters in ascending order of their numbers."""
    return np.bincount(np.unique(clusters, return_inverse=True)[1], values)
