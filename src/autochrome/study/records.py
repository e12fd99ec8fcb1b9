"""The words of a study: what is judged (`Unit`), by whom and when (`Trial`), and what they said (`Vote`).

This module imports nothing, so that the server, the store and the analysis share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

TRUTH = "truth"
"""The name under which the true photo takes part in a unit."""

RANDOM = "random"
"""The name of the random-color baseline: the photo in another photo's colors. No system is called so."""


class Protocol(StrEnum):
    """How people are asked."""

    TWO_AFC = "two-afc"
    """CIC, section 4.1 (3): true and generated one after the other; which was generated?"""
    TURING = "turing"
    """PixColor, section 4: true and generated one after the other; which has the true colors?"""
    QUESTIONNAIRE = "questionnaire"
    """Cao et al., section 5.2: one true and several generated pictures; which look poor?"""
    PREFERENCE = "preference"
    """Two systems side by side; which is better?"""


class Stage(StrEnum):
    """For what a unit is shown."""

    PRACTICE = "practice"
    """With feedback; never counted."""
    TEST = "test"
    VIGILANCE = "vigilance"
    """Looks like a test to the rater; anyone attentive gets it right. Counted apart."""


@dataclass(frozen=True)
class Unit:
    """A photo and the versions of it that are judged against each other.

    Attributes:
        id: of the unit, unique in the study.
        phase: 1, or 2 for the re-rating of the samples that phase 1 liked best (PixColor's oracle).
        stage: practice, test or vigilance.
        picture: name of the photo.
        versions: names of what is shown, the truth's `TRUTH` first where it is among them, then systems.
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
        id: opaque and unguessable; all that the browser knows of it.
        unit: what is judged.
        order: ``order[slot]`` is the number, in ``unit.versions``, of what is shown in that slot.
        number: its place among the rater's trials, from 1.
        total: how many trials the rater has, as far as known.
    """

    id: str
    unit: Unit
    order: tuple[int, ...]
    number: int
    total: int

    def shown(self, slot: int) -> str:
        """Name of the version in a slot."""
        return self.unit.versions[self.order[slot]]


@dataclass(frozen=True)
class Vote:
    """What a rater answered.

    Attributes:
        chosen: slots: the one chosen picture (two-afc: that taken for generated; turing: that taken for true;
            preference: the better one), or all that were marked as poor (questionnaire; may be empty).
        shown_ms: how long each slot's picture was really on the screen; empty where it is not timed.
        response_ms: from the end of the display to the answer.
        slipped: the timing was not as designed: a display outside of the tolerance, or a hidden page.
    """

    chosen: tuple[int, ...]
    shown_ms: tuple[float, ...] = ()
    response_ms: float = 0.0
    slipped: bool = False


@dataclass(frozen=True)
class Answer:
    """A trial that was answered, as the analysis and the export see it.

    Attributes:
        rater: number of the rater in the study, from 1; nothing else of them is kept.
        trial: what was asked.
        vote: what was answered.
        answered_at: UTC, ISO 8601, to the second.
    """

    rater: int
    trial: Trial
    vote: Vote
    answered_at: str


@dataclass(frozen=True)
class Judgment:
    """One verdict on one version of one photo: the row of every statistic.

    Attributes:
        rater: number of the rater.
        picture: name of the photo.
        system: what was judged; `TRUTH` for the true photo (questionnaire only).
        success: two-afc, turing: the generated picture was taken for the true one; questionnaire: it was not
            marked as poor; preference: ``system`` was preferred to ``rival``.
        stage, phase: of the unit.
        rival: the other system (preference), else empty.
        slipped: the timing was not as designed.
        first: the version stood in the first slot.
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


def judgments(protocol: Protocol, answers: Sequence[Answer]) -> list[Judgment]:
    """Verdicts of the answers, in their order.

    Two-afc and turing give one per answer, of the generated picture; the questionnaire one per picture shown;
    preference one per answer, of the first-named system over its rival.
    """
    found: list[Judgment] = []
    for answer in answers:
        found += _verdicts(protocol, answer)
    return found


def _verdicts(protocol: Protocol, answer: Answer) -> list[Judgment]:
    trial, unit = answer.trial, answer.trial.unit
    chosen = {trial.shown(slot) for slot in answer.vote.chosen}

    def verdict(system: str, success: bool, rival: str = "") -> Judgment:
        first = trial.shown(0) == system
        return Judgment(
            answer.rater,
            unit.picture,
            system,
            success,
            unit.stage,
            unit.phase,
            rival,
            answer.vote.slipped,
            first,
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
    """Whether a verdict on a pair with the random colors (vigilance) was the right one.

    Of (truth, random) the random picture was not taken for true; of (system, random) the system was
    preferred.
    """
    return verdict.success if verdict.rival == RANDOM else not verdict.success
