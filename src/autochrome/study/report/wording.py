"""Numbers as text, as every section of a study's report writes them."""

from __future__ import annotations

from autochrome.study.records import Protocol
from autochrome.study.statistics.intervals import Interval
from autochrome.study.statistics.rates import Rate

SUCCESS = {
    Protocol.TWO_AFC: "taken for the true photo",
    Protocol.TURING: "taken for the true photo",
    Protocol.QUESTIONNAIRE: "not marked as poor",
    Protocol.PREFERENCE: "preferred",
}
"""What success means for a picture."""
RATE = {
    Protocol.TWO_AFC: "fooling rate",
    Protocol.TURING: "fooling rate",
    Protocol.QUESTIONNAIRE: "not marked as poor",
    Protocol.PREFERENCE: "share of votes",
}
"""The name of the share of successes."""


def percent(value: float) -> str:
    """Format a share, as "31.2%"."""
    return f"{100 * value:.1f}%"


def percents(interval: Interval) -> tuple[float, float]:
    """Return the ends of an interval of shares, in percent."""
    return 100 * interval.low, 100 * interval.high


def bounds(interval: Interval, sign: str = "") -> str:
    """Format an interval of shares in percent, as "[28.1, 34.3]"; ``sign="+"`` for differences."""
    low, high = percents(interval)
    return minus(f"[{low:{sign}.1f}, {high:{sign}.1f}]")


def points(difference: float) -> str:
    """Format a difference of shares in percentage points, with its sign."""
    return minus(f"{100 * difference:+.1f}")


def number(value: float | None, interval: Interval | None = None) -> str:
    """Format a number with its interval, if it has one, as "2.50 [2.10, 2.90]"; a dash for None."""
    if value is None:
        return "–"
    ends = f" [{interval.low:.2f}, {interval.high:.2f}]" if interval else ""
    return minus(f"{value:.2f}{ends}")


def minus(text: str) -> str:
    """Replace hyphens in numbers by minus signs."""
    return text.replace("-", "\N{MINUS SIGN}")


def share(rate: Rate) -> str:
    """Format a rate with its interval."""
    return f"{percent(rate.value)} {bounds(rate.interval)}"


def p_value(p: float) -> str:
    """Format a p-value without the leading zero, as ".023"."""
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 1 else "1"


def p_is(p: float) -> str:
    """Format a p-value for a sentence, as "p = .023"."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, as "3 votes"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
