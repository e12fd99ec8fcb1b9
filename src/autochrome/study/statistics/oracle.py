"""PixColor's oracle: the best-liked of three samples of each photo, judged again by other raters.

Of three samples with five votes each, the best-liked is best partly by luck: its rate falls when others judge
it (regression to the mean). So the oracle's rate is that of phase 2; that of phase 1 shows by how much.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autochrome.study.records import ORACLE, Judgment
from autochrome.study.statistics.columns import by_system, tested
from autochrome.study.statistics.comparisons import Comparison, compare
from autochrome.study.statistics.intervals import BOOTSTRAP, Bootstrap
from autochrome.study.statistics.questionnaire import percentages
from autochrome.study.statistics.rates import Rate, fooling_rates

_SAMPLE = re.compile(r"(?P<name>.+)\.(?P<number>\d+)")


@dataclass(frozen=True)
class Oracle:
    """A system's samples, and the best-liked of them.

    Attributes:
        name: of the system.
        samples: rate of each sample in phase 1.
        all_samples: rate of all of them together.
        best_in_phase_1: mean over photos of the best-liked sample's share of the votes that chose it: biased
            upward.
        rate: of the best-liked samples, by the raters of phase 2; None before phase 2 has votes.
        gain: the oracle against all samples of the same photos; None before phase 2 has votes.
        regression: best_in_phase_1 minus the rate of phase 2, over the photos of phase 2.
    """

    name: str
    samples: dict[str, Rate]
    all_samples: Rate
    best_in_phase_1: float
    rate: Rate | None
    gain: Comparison | None
    regression: float | None


def oracles(judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP) -> dict[str, Oracle]:
    """Return the results of every system with samples named NAME.1, NAME.2, ..., and NAME.oracle."""
    groups = by_system(tested(judgments))
    samples: dict[str, dict[str, list[Judgment]]] = {}
    for label, rows in groups.items():
        match = _SAMPLE.fullmatch(label)
        if match:
            samples.setdefault(match["name"], {})[label] = [j for j in rows if j.phase == 1]
    return {
        name: _oracle(name, parts, groups.get(f"{name}.{ORACLE}", []), bootstrap)
        for name, parts in samples.items()
        if len(parts) > 1
    }


def _oracle(
    name: str, samples: dict[str, list[Judgment]], again: Sequence[Judgment], bootstrap: Bootstrap
) -> Oracle:
    pooled = [replace(j, system=name) for rows in samples.values() for j in rows]
    shares = [percentages(rows) for rows in samples.values()]
    best = {photo: max(share.get(photo, 0.0) for share in shares) for photo in {j.picture for j in pooled}}
    second = percentages(again)
    both = sorted(best.keys() & second.keys())
    return Oracle(
        name=name,
        samples=fooling_rates([j for rows in samples.values() for j in rows], bootstrap),
        all_samples=fooling_rates(pooled, bootstrap)[name],
        best_in_phase_1=float(np.mean(list(best.values()))),
        rate=fooling_rates(again, bootstrap).get(f"{name}.{ORACLE}"),
        gain=compare(again, pooled, bootstrap),
        regression=float(np.mean([best[photo] - second[photo] for photo in both])) if both else None,
    )
