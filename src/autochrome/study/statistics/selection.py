"""Which votes count: those of attentive raters, on pictures that were shown for as long as designed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from autochrome.study.records import Judgment, Stage, passed
from autochrome.study.statistics.columns import Columns
from autochrome.study.statistics.intervals import BOOTSTRAP, Bootstrap
from autochrome.study.statistics.rates import Rate, rate_of

MOST_FAILED = 0.25
"""Share of vigilance trials that a rater may fail.

CIC's raters caught 96% of the random colors, and whoever guesses catches 50%. Of four such trials an
attentive rater fails two or more with a probability of .9%, one who guesses with 69%: one may be failed."""


@dataclass(frozen=True)
class Attention:
    """The raters' results on pictures in another photo's colors.

    Attributes:
        caught: share that was recognized (CIC: 96%); None if no such trial was answered.
        failed: share of such trials that each rater failed, by the rater's number.
        inattentive: raters who failed more than ``most_failed`` of theirs.
    """

    caught: Rate | None
    failed: dict[str, float]
    inattentive: tuple[int, ...]
    most_failed: float = MOST_FAILED


@dataclass(frozen=True)
class Selection:
    """Verdicts that count, and what was left out of the test trials.

    Attributes:
        judgments: of all stages, without those left out.
        slipped: test verdicts left out because the display was not as designed.
        inattentive: raters left out.
    """

    judgments: tuple[Judgment, ...]
    slipped: int
    inattentive: tuple[int, ...]


def attention(judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP) -> Attention:
    """Check raters by their vigilance trials; trials that slipped say nothing about a rater."""
    rows = [j for j in judgments if j.stage is Stage.VIGILANCE and not j.slipped]
    caught = [passed(j) for j in rows]
    answers: dict[int, list[bool]] = defaultdict(list)
    for judgment, right in zip(rows, caught, strict=True):
        answers[judgment.rater].append(right)
    failed = {rater: 1 - sum(right) / len(right) for rater, right in sorted(answers.items())}
    return Attention(
        caught=rate_of("caught", Columns.of(rows, caught), bootstrap) if rows else None,
        failed={str(rater): share for rater, share in failed.items()},
        inattentive=tuple(rater for rater, share in failed.items() if share > MOST_FAILED),
    )


def select(judgments: Sequence[Judgment], *, slipped: bool = False, inattentive: bool = False) -> Selection:
    """Return the verdicts that count.

    Args:
        judgments: of a whole study.
        slipped: also count trials whose timing slipped.
        inattentive: also count raters who failed more than `MOST_FAILED` of their vigilance trials.
    """
    out = () if inattentive else attention(judgments, Bootstrap(1)).inattentive
    kept = [j for j in judgments if j.rater not in out]
    lost = 0 if slipped else sum(j.slipped and j.stage is Stage.TEST for j in kept)
    return Selection(tuple(j for j in kept if slipped or not j.slipped), lost, out)


MAIN = "main"
SELECTIONS = {
    MAIN: (False, False),
    "slipped trials too": (True, False),
    "inattentive raters too": (False, True),
    "every vote": (True, True),
}
"""Name of each way to count, and whether it includes slipped trials and inattentive raters."""
