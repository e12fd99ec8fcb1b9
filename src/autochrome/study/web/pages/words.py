"""What raters are told about a study: what they will see, how to answer, how long it takes."""

from __future__ import annotations

from math import ceil

from autochrome.study.design import Design
from autochrome.study.records import Protocol

_ANSWER_MS = {Protocol.QUESTIONNAIRE: 20_000, Protocol.PREFERENCE: 6_000}
"""About how long a trial takes if pictures stay; after a timed display an answer takes 2 s."""
_HOW = {
    Protocol.QUESTIONNAIRE: "Mark as many as you like, or none.",
    Protocol.PREFERENCE: "Choose one of the two, even if it is hard. There is no right or wrong.",
}


def steps(design: Design) -> list[str]:
    """Return what a rater will do, in order."""
    lines = [_shown(design), f"You are asked: “{design.question}” {_how(design)}"]
    if design.practice:
        lines.append(f"The first {_count(design.practice, 'trial')} for practice: you are shown the answer.")
    return lines


def _shown(design: Design) -> str:
    trials = design.total
    if design.protocol is Protocol.QUESTIONNAIRE:
        versions = len(design.folders()) + 1
        return (
            f"You will see {trials} photos, each in {versions} versions at once. The versions differ only in"
            " their colors: some were taken by a camera, others were made by a computer."
        )
    if design.protocol is Protocol.PREFERENCE:
        return f"You will see {trials} photos, each twice at once: the same photo in two different colorings."
    return (
        f"You will see {trials} photos, each twice: two pictures, one after the other, each for"
        f" {_seconds(design.exposure_ms)}. One has the photo’s own colors, the other was colored by a"
        " computer."
    )


def _how(design: Design) -> str:
    return _HOW.get(
        design.protocol,
        "Answer first or second, even if you have to guess. Take as much time as you like.",
    )


def reminder(design: Design) -> list[str]:
    """Return what a rater who opens the help is told."""
    if design.timed:
        return [
            f"You see two pictures of a photo, one after the other, each for {_seconds(design.exposure_ms)}.",
            "Then answer first or second. Guess if you have to; there is no time limit.",
        ]
    return [_shown(design).partition(". ")[0].rstrip(".") + ".", _how(design)]


def keys(protocol: Protocol) -> list[tuple[tuple[str, ...], str]]:
    """Return the keys and what they do."""
    if protocol is Protocol.QUESTIONNAIRE:
        return [
            (("1", "2", "3", "…"), "mark a picture as poor, or unmark it"),
            (("Enter",), "done with this photo; continue to the next"),
        ]
    first, second = (("1", "←"), "the first picture"), (("2", "→"), "the second picture")
    if protocol is Protocol.PREFERENCE:
        return [first, second]
    return [(("Space", "Enter"), "start"), first, second]


def minutes(design: Design) -> str:
    """Return about how long a rater takes, in words."""
    each = _ANSWER_MS.get(design.protocol, 2 * (design.exposure_ms + design.pause_ms) + 2_000)
    total = design.total * each + design.practice * design.feedback_ms
    count = ceil(total / 60_000)
    return f"about {count} minutes" if count > 1 else "about a minute"


def _seconds(milliseconds: int) -> str:
    return "one second" if milliseconds == 1000 else f"{milliseconds / 1000:g} seconds"


def _count(number: int, what: str) -> str:
    return f"{what} is" if number == 1 else f"{number} {what}s are"
