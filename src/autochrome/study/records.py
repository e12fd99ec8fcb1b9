"""The records of a study: what is judged (`Unit`), by whom and when (`Trial`), and the answer (`Vote`).

This module imports nothing of the package, so the server, the store and the analysis can share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

TRUTH = "truth"
"""The version name of the true photo."""

RANDOM = "random"
"""The name of the random-color baseline: the photo in another photo's colors. No system may have it."""

ORACLE = "oracle"
"""What follows a system's name where its best-liked samples are judged again: "pixcolor.oracle"."""


class Protocol(StrEnum):
    """How raters judge pictures."""

    TWO_AFC = "two-afc"
    """CIC, section 4.1 (3): true and generated one after the other; which was generated?"""
    TURING = "turing"
    """PixColor, section 4: true and generated one after the other; which has the true colors?"""
    QUESTIONNAIRE = "questionnaire"
    """Cao et al., section 5.2: one true and several generated pictures; which look poor?"""
    PREFERENCE = "preference"
    """Two systems side by side; which has the better colors?"""


class Stage(StrEnum):
    """What a unit is shown for."""

    PRACTICE = "practice"
    """With feedback; never counted."""
    TEST = "test"
    VIGILANCE = "vigilance"
    """An attention check: looks like a test trial, but anyone attentive gets it right. Counted separately."""


@dataclass(frozen=True)
class Unit:
    """A photo and the versions of it that are judged against each other.

    Attributes:
        id: unique in the study.
        phase: 1, or 2 for the re-rating of the samples that phase 1 liked best (PixColor's oracle).
        picture: name of the photo.
        versions: names of what is shown: `TRUTH` first, if the true photo is shown, then systems.
    """

    id: int
    phase: int
    stage: Stage
    picture: str
    versions: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """A unit in front of one rater.

    Attributes:
        id: opaque and unguessable; all that the browser learns about the unit.
        order: ``order[slot]`` is the index in ``unit.versions`` of what is shown in that slot.
        number, total: place among the rater's trials, from 1, and their number.
    """

    id: str
    unit: Unit
    order: tuple[int, ...]
    number: int
    total: int

    def shown(self, slot: int) -> str:
        """Return the name of the version in a slot."""
        return self.unit.versions[self.order[slot]]


@dataclass(frozen=True)
class Vote:
    """What a rater answered.

    Attributes:
        chosen: slot of the chosen picture (two-afc: taken for generated; turing: taken for true; preference:
            the better one), or those marked as poor (questionnaire; may be empty).
        shown_ms: how long each slot's picture was actually on the screen; empty if the protocol is not timed.
        response_ms: from the end of the display to the answer.
        slipped: the timing was not as designed: a display was outside the tolerance, or the page was hidden.
    """

    chosen: tuple[int, ...]
    shown_ms: tuple[float, ...] = ()
    response_ms: float = 0.0
    slipped: bool = False


@dataclass(frozen=True)
class Answer:
    """An answered trial, as the analysis and the export see it.

    Attributes:
        rater: number of the rater in the study, from 1; nothing else about them is stored.
        answered_at: UTC, ISO 8601, to the second.
    """

    rater: int
    trial: Trial
    vote: Vote
    answered_at: str


@dataclass(frozen=True)
class Judgment:
    """One verdict on one version of one photo: what every statistic is computed from.

    Attributes:
        picture: name of the photo.
        system: what was judged; `TRUTH` for the true photo (questionnaire only).
        success: the generated picture was taken for the true one (two-afc, turing), the picture was not
            marked as poor (questionnaire), or ``system`` was preferred to ``rival`` (preference).
        stage, phase: of the unit.
        rival: the other system (preference), else empty.
        first: the version was in the first slot.
    """

    rater: int
    picture: str
    system: str
    success: bool
    stage: Stage = Stage.TEST
    phase: int = 1
    rival: str = ""
    slipped: bool = False
    first: bool = False


def judgments(protocol: Protocol, answers: Iterable[Answer]) -> list[Judgment]:
    """Return the verdicts in the answers, in order.

    An answer gives one verdict on the generated picture (two-afc, turing), one on each picture shown
    (questionnaire), or one on the first-named system over its rival (preference).
    """
    return [verdict for answer in answers for verdict in _verdicts(protocol, answer)]


def _verdicts(protocol: Protocol, answer: Answer) -> list[Judgment]:
    trial, unit = answer.trial, answer.trial.unit
    chosen = {trial.shown(slot) for slot in answer.vote.chosen}

    def verdict(system: str, success: bool, rival: str = "") -> Judgment:
        return Judgment(
            rater=answer.rater,
            picture=unit.picture,
            system=system,
            success=success,
            stage=unit.stage,
            phase=unit.phase,
            rival=rival,
            slipped=answer.vote.slipped,
            first=trial.shown(0) == system,
        )

    if protocol is Protocol.QUESTIONNAIRE:
        return [verdict(version, version not in chosen) for version in unit.versions]
    if protocol is Protocol.PREFERENCE:
        system, rival = unit.versions
        return [verdict(system, system in chosen, rival)]
    generated = unit.versions[1]
    fooled = generated in chosen if protocol is Protocol.TURING else generated not in chosen
    return [verdict(generated, fooled)]


def passed(verdict: Judgment) -> bool:
    """Return whether the random colors were recognized in a vigilance trial."""
    # Of (system, random) the system was preferred; of (truth, random) the random picture was not believed.
    return verdict.success if verdict.rival == RANDOM else not verdict.success
