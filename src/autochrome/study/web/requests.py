"""The bodies of requests, with strict types and bounded numbers.

The store decides whether a vote fits its trial and was displayed as designed; a browser can only make a
display look worse than it was.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from autochrome.study.design import Design
from autochrome.study.records import Vote

LONGEST_MS = 86_400_000.0
"""A day: the page sends nothing longer, whatever a sleeping computer measured."""
_MAX_SLOTS = 10

_Slot = Annotated[int, Field(ge=0, lt=_MAX_SLOTS)]
_Milliseconds = Annotated[float, Field(ge=0, le=LONGEST_MS)]  # which excludes NaN, too


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ConsentBody(_Body):
    """Somebody agrees to take part."""

    consent: Literal[True]


class SeatBody(_Body):
    """Somebody comes back by their personal link."""

    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class VoteBody(_Body):
    """A rater's answer.

    Attributes:
        trial: opaque id, as it was given out.
        chosen: slots, from 0; see `records.Vote`.
        shown_ms: from the frame that showed a picture to the one that hid it, slot by slot; empty if untimed.
        response_ms: from the end of the display to the answer.
        longest_gap_ms: the longest time between two frames while a picture was shown.
        slipped: the page itself noticed a display that was not as designed: hidden, or shown a second time.
    """

    trial: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    chosen: Annotated[list[_Slot], Field(max_length=_MAX_SLOTS)]
    shown_ms: Annotated[list[_Milliseconds], Field(max_length=_MAX_SLOTS)] = []
    response_ms: _Milliseconds = 0.0
    longest_gap_ms: _Milliseconds = 0.0
    slipped: bool = False

    def vote(self, design: Design) -> Vote:
        """Return the vote; it has slipped if the page says so or if frames froze during a timed display."""
        froze = design.timed and self.longest_gap_ms > design.tolerance_ms
        return Vote(
            chosen=tuple(sorted(self.chosen)),
            shown_ms=tuple(float(time) for time in self.shown_ms),
            response_ms=float(self.response_ms),
            slipped=self.slipped or froze,
        )
