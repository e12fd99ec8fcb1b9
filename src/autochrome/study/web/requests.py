"""What a browser may say, and how a vote is made of it.

Nothing here trusts the browser: numbers are finite and within bounds, slots exist, and whether a display kept
to the design is decided from the measured times. A browser may only make things look worse than they were.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from autochrome.study.design import Design
from autochrome.study.records import Vote

LONGEST_MS = 86_400_000.0
"""A day: the page sends nothing longer, whatever a sleeping computer measured."""
_MOST_SLOTS = 10

_Slot = Annotated[int, Field(ge=0, lt=_MOST_SLOTS)]
_Milliseconds = Annotated[float, Field(ge=0, le=LONGEST_MS, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ConsentBody(_Body):
    """Somebody agrees to take part."""

    consent: Literal[True]


class VoteBody(_Body):
    """An answer.

    Attributes:
        trial: opaque id, as it was given out.
        chosen: slots, from 0; see `records.Vote`.
        shown_ms: from the frame that showed a picture to the one that hid it, slot by slot; none if untimed.
        response_ms: from the end of the display to the answer.
        longest_gap_ms: the longest time between two frames while a picture was shown.
        slipped: the page itself saw that the display was not as designed: hidden, or shown a second time.
    """

    trial: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    chosen: Annotated[list[_Slot], Field(max_length=_MOST_SLOTS)]
    shown_ms: Annotated[list[_Milliseconds], Field(max_length=_MOST_SLOTS)] = []
    response_ms: _Milliseconds = 0.0
    longest_gap_ms: _Milliseconds = 0.0
    slipped: bool = False


def vote_of(body: VoteBody, design: Design) -> Vote:
    """Return the vote that a body stands for; whether it fits its trial is the store's to say.

    It is slipped if the page says so, if a picture was on the screen for a wrong time, or if frames stood
    still: then what was measured is not what was seen.
    """
    shown = tuple(float(time) for time in body.shown_ms)
    stood_still = design.timed and body.longest_gap_ms > design.tolerance_ms
    slipped = body.slipped or stood_still or not design.on_time(shown)
    return Vote(tuple(sorted(body.chosen)), shown, float(body.response_ms), slipped)
