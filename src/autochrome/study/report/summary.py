"""The figures of a study as plain values: everything that its report shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autochrome.io.plain import to_plain
from autochrome.study.design import Design
from autochrome.study.records import TRUTH, Answer, Judgment, Protocol, Stage, judgments
from autochrome.study.statistics.agreement import Agreement, agreement, agreement_by_system
from autochrome.study.statistics.comparisons import Comparison, against_half, compare_systems
from autochrome.study.statistics.intervals import BOOTSTRAP, Bootstrap
from autochrome.study.statistics.oracle import Oracle, oracles
from autochrome.study.statistics.preference import Preferences, preferences
from autochrome.study.statistics.questionnaire import Questionnaire, questionnaire
from autochrome.study.statistics.rates import Rate, first_slot_share, fooling_rates
from autochrome.study.statistics.selection import SELECTIONS, Attention, attention, select
from autochrome.study.storage.store import Status, Study

EXAMPLES = 6
"""Photos at either end of each system's gallery; fewer if there are many systems."""
_GALLERY_ROWS = 48
_RESPONSE_S = 15.0


@dataclass(frozen=True)
class Histogram:
    """Counts between edges; values beyond the edges are in the outermost bins."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Timing:
    """How long pictures were actually shown, and how long raters took.

    Attributes:
        answers, slipped: number of test answers, and of those whose timing was not as designed.
        shown_ms, shown_middle: durations of single displays, and the least, median and greatest of them; None
            if nothing is timed.
        response_s, response_median_s: from the end of the display to the answer.
    """

    answers: int
    slipped: int
    shown_ms: Histogram | None
    shown_middle: tuple[float, float, float] | None
    response_s: Histogram
    response_median_s: float


@dataclass(frozen=True)
class Example:
    """A photo at one end of a gallery: what was shown of it, and how often it succeeded.

    Attributes:
        picture, system, rival: as in `Judgment`.
        successes, votes: of the votes that count.
        shown, beside: files of the judged version and of what it was judged against, as raters saw them.
    """

    picture: str
    system: str
    rival: str
    successes: int
    votes: int
    shown: Path
    beside: Path


@dataclass(frozen=True)
class Summary:
    """A study in figures, computed from the ``counted`` of its ``judged`` test verdicts.

    Attributes:
        study: its id.
        pictures: number of photos to be judged.
        raters: number of raters whose test votes count.
        slipped_out, inattentive_out: test verdicts left out because their timing slipped, and raters because
            they failed the attention checks.
        days: first and last day of votes, or None.
        rates: fooling rates (questionnaire: not marked as poor) of each system, for each way to count votes
            (`selection.SELECTIONS`); in a preference study the shares of "A over B".
        halves: each system against 50% (two-afc, turing).
        agreement: of raters, on each system's pictures (preference: on all pairs).
        timing: None without test answers.
        first_slot: share of votes for what was shown first; None for questionnaires.
        questionnaire, preferences: results of these protocols, None for others.
        oracles: results of the systems that have samples.
        galleries: the "best" and the "worst" photos, by system (preference: by pair).
    """

    study: str
    design: Design
    pictures: int
    status: Status
    raters: int
    judged: int
    counted: int
    slipped_out: int
    inattentive_out: int
    days: tuple[str, str] | None
    rates: dict[str, dict[str, Rate]]
    halves: list[Comparison]
    comparisons: list[Comparison]
    agreement: dict[str, Agreement]
    attention: Attention
    timing: Timing | None
    first_slot: Rate | None
    questionnaire: Questionnaire | None
    preferences: Preferences | None
    oracles: dict[str, Oracle]
    galleries: dict[str, dict[str, list[Example]]]

    def to_json(self) -> dict[str, Any]:
        """Return everything but the pictures, as dictionaries, lists and numbers."""
        values = {name: to_plain(value) for name, value in vars(self).items() if name != "design"}
        for gallery in values["galleries"].values():
            for example in (*gallery["best"], *gallery["worst"]):
                del example["shown"], example["beside"]
        paths = {"references", "systems"}  # folders on somebody's computer
        design = {key: value for key, value in self.design.to_dict().items() if key not in paths}
        return {"design": {**design, "systems": list(self.design.folders())}, **values}


def summarize(study: Study, *, replicates: int = 2000, seed: int = 0) -> Summary:
    """Compute everything that is reported about an open study, finished or not.

    ``replicates`` and ``seed`` are those of the bootstraps; the permutation tests share the seed.
    """
    protocol = study.design.protocol
    answers = list(study.answers())
    tested = [answer for answer in answers if answer.trial.unit.stage is Stage.TEST]
    verdicts = judgments(protocol, answers)
    chosen = select(verdicts)
    counted = [j for j in chosen.judgments if j.stage is Stage.TEST]
    fooling = protocol in (Protocol.TWO_AFC, Protocol.TURING)
    preferring = protocol is Protocol.PREFERENCE
    asking = protocol is Protocol.QUESTIONNAIRE
    bootstrap = Bootstrap(replicates, seed)
    days = sorted(answer.answered_at[:10] for answer in tested)
    status = study.status()
    rates = {}
    if tested:
        for name, (slipped, inattentive) in SELECTIONS.items():
            kept = select(verdicts, slipped=slipped, inattentive=inattentive).judgments
            rates[name] = rates_by_name(protocol, kept, bootstrap)
    return Summary(
        study=study.id,
        design=study.design,
        pictures=status.units // study.design.units_per_photo(status.phase),
        status=status,
        raters=len({j.rater for j in counted}),
        judged=sum(j.stage is Stage.TEST for j in verdicts),
        counted=len(counted),
        slipped_out=chosen.slipped,
        inattentive_out=len(chosen.inattentive),
        days=(days[0], days[-1]) if days else None,
        rates=rates,
        halves=against_half(counted, bootstrap) if fooling else [],
        comparisons=[] if preferring else compare_systems(counted, bootstrap),
        agreement=_agreement(protocol, counted, bootstrap),
        attention=attention(verdicts, bootstrap),
        timing=_timing(study.design, tested) if tested else None,
        first_slot=None if asking else first_slot_share(protocol, counted, bootstrap),
        questionnaire=questionnaire(counted, bootstrap) if asking and counted else None,
        preferences=preferences(counted, bootstrap) if preferring and counted else None,
        oracles=oracles(counted, bootstrap),
        galleries=_galleries(study, tested, counted),
    )


def rates_by_name(
    protocol: Protocol, verdicts: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP
) -> dict[str, Rate]:
    """Return each system's fooling rate; in a preference study the share of each "A over B"."""
    if protocol is not Protocol.PREFERENCE:
        return fooling_rates(verdicts, bootstrap)
    pairs = preferences(verdicts, bootstrap).pairs
    return {f"{pair.system} over {pair.rival}": pair.share for pair in pairs}


def _agreement(protocol: Protocol, counted: Sequence[Judgment], how: Bootstrap) -> dict[str, Agreement]:
    if protocol is not Protocol.PREFERENCE:
        return agreement_by_system(counted, how)
    overall = agreement(counted, how)
    return {"all pairs": overall} if overall else {}


def _timing(design: Design, answers: Sequence[Answer]) -> Timing:
    shown = np.array([ms for answer in answers for ms in answer.vote.shown_ms])
    seconds = np.array([answer.vote.response_ms / 1000 for answer in answers])
    edges = design.exposure_ms + design.tolerance_ms / 5 * np.arange(-25, 26)
    return Timing(
        answers=len(answers),
        slipped=sum(answer.vote.slipped for answer in answers),
        shown_ms=_histogram(shown, edges[edges >= 0]) if len(shown) else None,
        shown_middle=(float(shown.min()), float(np.median(shown)), float(shown.max()))
        if len(shown)
        else None,
        response_s=_histogram(seconds, np.linspace(0, _RESPONSE_S, 31)),
        response_median_s=float(np.median(seconds)),
    )


def _histogram(values: np.ndarray, edges: np.ndarray) -> Histogram:
    counts, _ = np.histogram(values.clip(edges[0], edges[-1]), edges)
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))


def _galleries(
    study: Study, answers: Sequence[Answer], counted: Sequence[Judgment]
) -> dict[str, dict[str, list[Example]]]:
    """Return the photos with the highest and lowest share of successes, for each system or pair."""
    files = {
        (trial.unit.picture, trial.shown(slot)): study.picture_path(trial, slot)
        for trial in (answer.trial for answer in answers)
        for slot in range(len(trial.order))
    }
    votes: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for j in counted:
        if j.system != TRUTH:
            votes[j.system, j.rival, j.picture].append(j.success)
    examples: dict[str, list[Example]] = defaultdict(list)
    for (system, rival, picture), successes in sorted(votes.items()):
        label = f"{system} against {rival}" if rival else system
        shown, beside = files[picture, system], files[picture, rival or TRUTH]
        example = Example(picture, system, rival, sum(successes), len(successes), shown, beside)
        examples[label].append(example)
    rows = max(1, min(EXAMPLES, _GALLERY_ROWS // (2 * max(len(examples), 1))))
    return {label: _extremes(each, rows) for label, each in examples.items()}


def _extremes(examples: Sequence[Example], rows: int) -> dict[str, list[Example]]:
    """Return the best and worst; no photo is at both ends, and ties go to the photo with more votes."""
    rows = min(rows, len(examples) // 2) or min(1, len(examples))
    best = sorted(examples, key=lambda e: (-e.successes / e.votes, -e.votes, e.picture))[:rows]
    rest = [example for example in examples if example not in best]
    worst = sorted(rest, key=lambda e: (e.successes / e.votes, -e.votes, e.picture))[:rows]
    return {"best": best, "worst": worst}


def live_rates(study: Study) -> dict[str, Rate]:
    """Return the rate of each system so far (preference: of each pair), from the votes that count."""
    kept = select(judgments(study.design.protocol, study.answers())).judgments
    return rates_by_name(study.design.protocol, kept)
