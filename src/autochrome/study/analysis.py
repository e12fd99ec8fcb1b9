"""The statistics of a study; everything here takes a `Sequence[Judgment]`, and the rows need no order.

``selection``      which votes count: attention checks, slipped timing
``rates``          fooling rates with every form of error
``comparisons``    systems in pairs, and against 50%
``questionnaire``  Cao et al.: Welch's t over pictures, crossed bootstrap, credibility ranks
``preference``     shares, and Bradley-Terry strengths
``oracle``         PixColor's best of three samples
``agreement``      Krippendorff's alpha, Fleiss' kappa
``published``      the papers' figures, computed again
``power``          how large a study must be
``simulation``     raters with known rates

Verdicts are counted as given: pass them through `select` first. Results are frozen dataclasses of plain
values; `to_plain` makes JSON of them. The same verdicts and seed give the same figures.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

from autochrome.study.statistics.agreement import Agreement, agreement, agreement_by_system
from autochrome.study.statistics.comparisons import Comparison, against_half, compare_systems
from autochrome.study.statistics.intervals import LEVEL, REPLICATES, Estimate, Interval
from autochrome.study.statistics.oracle import Oracle, oracles
from autochrome.study.statistics.power import Planned, Question, plan
from autochrome.study.statistics.preference import Preferences, Preferred, preferences
from autochrome.study.statistics.questionnaire import Questionnaire, Rank, questionnaire
from autochrome.study.statistics.rates import Rate, first_slot_share, fooling_rates
from autochrome.study.statistics.selection import (
    MAIN,
    MOST_FAILED,
    Attention,
    Selection,
    attention,
    reported_rates,
    select,
)

__all__ = [
    "LEVEL",
    "MAIN",
    "MOST_FAILED",
    "REPLICATES",
    "Agreement",
    "Attention",
    "Comparison",
    "Estimate",
    "Interval",
    "Oracle",
    "Planned",
    "Preferences",
    "Preferred",
    "Question",
    "Questionnaire",
    "Rank",
    "Rate",
    "Selection",
    "against_half",
    "agreement",
    "agreement_by_system",
    "attention",
    "compare_systems",
    "first_slot_share",
    "fooling_rates",
    "oracles",
    "plan",
    "preferences",
    "questionnaire",
    "reported_rates",
    "select",
    "to_plain",
]


def to_plain(result: Any) -> Any:
    """Results as dictionaries, lists and numbers for JSON; None for what is infinite or undefined."""
    if is_dataclass(result) and not isinstance(result, type):
        return {field.name: to_plain(getattr(result, field.name)) for field in fields(result)}
    if isinstance(result, dict):
        return {key: to_plain(value) for key, value in result.items()}
    if isinstance(result, list | tuple):
        return [to_plain(value) for value in result]
    if isinstance(result, float):
        return result if isfinite(result) else None
    return result
