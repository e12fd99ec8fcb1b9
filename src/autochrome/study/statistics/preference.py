"""Preference: which of two systems' pictures of a photo is better, and the scale that the votes imply."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from autochrome.study.records import Judgment
from autochrome.study.statistics.columns import Columns, tested
from autochrome.study.statistics.comparisons import holm, measure_difference, sign_flip
from autochrome.study.statistics.intervals import (
    BOOTSTRAP,
    OVER_PICTURES,
    Bootstrap,
    Estimate,
    Interval,
    percentile_bounds,
)
from autochrome.study.statistics.rates import Rate, rate_of

PSEUDO_VOTES = 0.5
"""Added to both sides of every pair that was compared, like the Haldane-Anscombe correction of log odds, so
that a system that won every vote has a finite strength."""


@dataclass(frozen=True)
class Preferred:
    """Two systems side by side.

    Attributes:
        system, rival: what was compared.
        share: of votes for ``system``.
        binomial_p: two-sided exact binomial test against 50%, as if all votes were independent.
        p: two-sided, of the sign-flip permutation test over photos.
        p_holm: p, corrected by Holm's method for all pairs.
    """

    system: str
    rival: str
    share: Rate
    binomial_p: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Preferences:
    """Results of a preference study.

    Attributes:
        pairs: every pair that has votes.
        strengths: Bradley-Terry log strengths, best first, with mean 0: system i is preferred to j with
            probability 1 / (1 + exp(strength j - strength i)). Empty for fewer than three systems or two
            photos, and if votes do not link all systems.
    """

    pairs: list[Preferred]
    strengths: dict[str, Estimate]


def preferences(judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP) -> Preferences:
    """Return the results of the test verdicts."""
    groups: dict[tuple[str, str], list[Judgment]] = defaultdict(list)
    for judgment in tested(judgments):
        groups[judgment.system, judgment.rival].append(judgment)
    pairs = [_preferred(*names, rows, bootstrap) for names, rows in sorted(groups.items())]
    p_values = holm([pair.p for pair in pairs])
    return Preferences(
        pairs=[replace(pair, p_holm=p) for pair, p in zip(pairs, p_values, strict=True)],
        strengths=bradley_terry(judgments, bootstrap),
    )


def _preferred(system: str, rival: str, rows: Sequence[Judgment], bootstrap: Bootstrap) -> Preferred:
    from scipy import stats

    columns = Columns.of(rows)
    share = rate_of(system, columns, bootstrap)
    per_picture = measure_difference(columns, None, Bootstrap(1)).per_picture
    p, _ = sign_flip(per_picture, seed=bootstrap.seed)
    test = stats.binomtest(int(columns.success.sum()), len(rows))
    return Preferred(system, rival, share, float(test.pvalue), p, p)


def bradley_terry(judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP) -> dict[str, Estimate]:
    """Return the log strengths of three or more systems, with bootstrap intervals over photos."""
    from scipy.sparse.csgraph import connected_components

    rows = tested(judgments)
    names = sorted({name for j in rows for name in (j.system, j.rival)})
    photos = sorted({j.picture for j in rows})
    if len(names) < 3 or len(photos) < 2:
        return {}
    place = {name: k for k, name in enumerate(names)}
    number = {photo: k for k, photo in enumerate(photos)}
    wins = np.zeros((len(photos), len(names), len(names)))
    for j in rows:
        winner, loser = (j.system, j.rival) if j.success else (j.rival, j.system)
        wins[number[j.picture], place[winner], place[loser]] += 1
    total = wins.sum(0)
    compared = (total + total.T) > 0
    if connected_components(compared, directed=False)[0] > 1:
        return {}
    cells = wins.reshape(len(photos), -1)
    resampled = (bootstrap.counts(len(photos)) @ cells).reshape(-1, *total.shape)
    pseudo = PSEUDO_VOTES * compared
    strengths = log_strengths(total[None] + pseudo)[0]
    low, high = percentile_bounds(log_strengths(resampled + pseudo), len(photos))
    order = np.argsort(-strengths, kind="stable")
    return {
        names[k]: Estimate(float(strengths[k]), Interval(float(low[k]), float(high[k]), OVER_PICTURES))
        for k in order
    }


def log_strengths(wins: Float[np.ndarray, "tables n n"]) -> Float[np.ndarray, "tables n"]:
    """Return the maximum likelihood log strengths of the Bradley-Terry model, with mean 0.

    Hunter's (2004) minorize-maximize steps, p_i = wins_i / sum_j (n_ij / (p_i + p_j)), which always ascend.
    ``wins[t, i, j]`` is how often i was preferred to j in table t; wins must link every system with every
    other, or strengths are infinite.
    """
    games = wins + wins.transpose(0, 2, 1)
    won = wins.sum(2)
    strengths = np.ones(wins.shape[:2])
    for _ in range(100_000):
        sums = strengths[:, :, None] + strengths[:, None, :]
        new = won / (games / sums).sum(2)
        new /= np.exp(np.log(new).mean(1, keepdims=True))
        moved = np.abs(np.log(new / strengths)).max()
        strengths = new
        if moved < 1e-9:
            break
    return np.log(strengths)
