"""Figures in words, as every section of a study's report writes them."""

from __future__ import annotations

from autochrome.study.analysis import Interval, Rate
from autochrome.study.records import Protocol

SUCCESS = {
    Protocol.TWO_AFC: "taken for the true photo",
    Protocol.TURING: "taken for the true photo",
    Protocol.QUESTIONNAIRE: "not marked as poor",
    Protocol.PREFERENCE: "preferred",
}
"""What a picture is that succeeded."""
RATE = {
    Protocol.TWO_AFC: "fooling rate",
    Protocol.TURING: "fooling rate",
    Protocol.QUESTIONNAIRE: "not marked as poor",
    Protocol.PREFERENCE: "share of votes",
}
"""What the share of successes is called."""


def percent(value: float) -> str:
    """A share, as "31.2%"."""
    return f"{100 * value:.1f}%"


def percents(interval: Interval) -> tuple[float, float]:
    """Ends of an interval of shares, in percent."""
    return 100 * interval.low, 100 * interval.high


def bounds(interval: Interval, sign: str = "") -> str:
    """An interval of shares, as "[28.1, 34.3]", in percent; ``sign="+"`` for differences."""
    low, high = percents(interval)
    return minus(f"[{low:{sign}.1f}, {high:{sign}.1f}]")


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return minus(f"{100 * difference:+.1f}")


def minus(text: str) -> str:
    """Numbers with a minus sign instead of a hyphen."""
    return text.replace("-", "\N{MINUS SIGN}")


def share(rate: Rate) -> str:
    """A rate with its interval."""
    return f"{percent(rate.value)} {bounds(rate.interval)}"


def p_value(p: float) -> str:
    """A p-value without the leading zero, as ".023"."""
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 1 else "1"


def p_is(p: float) -> str:
    """A p-value in a sentence."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def plural(count: int, noun: str) -> str:
    """So many of something."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
