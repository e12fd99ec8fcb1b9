"""Score tables: one row per score, one column per system, as a rich table and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from autochrome.evaluation.scores import Estimate, Scores
from autochrome.evaluation.sums import SCORES

TRUTH = "_truth"
"""Scores of this ending tell of the references; they fill the column "truth"."""

SENSITIVITY = ("_100", "_400")
"""Scores of these endings tell how much a definition's free choice matters; terminals do not show them."""

_ARROWS = {"higher": " ↑", "lower": " ↓", "truth": ""}
_DIGITS = {"alpha_beta_rmse": 3, "chroma_kept": 3, "helped": 3, "harmed": 3, "lightness_drift": 3}


def score_rows(scores: Scores, *, sensitivity: bool = True) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the score table; every cell is ``value [low,high]``."""
    head = ["score", *scores.systems, "truth"]
    rows = [
        [
            score_label(key),
            *(_cell(row[key], _digits(key)) for row in scores.systems.values()),
            _truth(scores, key),
        ]
        for key in SCORES
        if not key.endswith(TRUTH) and (sensitivity or not key.endswith(SENSITIVITY))
    ]
    return head, rows


def difference_rows(scores: Scores, *, sensitivity: bool = True) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the differences from the gray baseline; only scores that can be better or worse."""
    head = ["above gray", *scores.above_gray]
    rows = [
        [score_label(key), *(_cell(row[key], _digits(key), sign="+") for row in scores.above_gray.values())]
        for key, score in SCORES.items()
        if score.better != "truth"
        and not score.against_gray
        and (sensitivity or not key.endswith(SENSITIVITY))
    ]
    return head, rows


def rich_tables(scores: Scores) -> RenderableType:
    """Both tables for a terminal, with what the figures stand on in the captions."""
    tables = [_rich(*score_rows(scores, sensitivity=False), caption=caption(scores))]
    if scores.above_gray:
        head, rows = difference_rows(scores, sensitivity=False)
        tables.append(_rich(head, rows, caption="differences on the same resamples"))
    return Group(*tables)


def markdown_tables(scores: Scores) -> str:
    """Both tables in Markdown."""
    parts = [_markdown(*score_rows(scores)), caption(scores) + "."]
    if scores.above_gray:
        parts.append(_markdown(*difference_rows(scores)))
    return "\n\n".join(parts) + "\n"


def caption(scores: Scores) -> str:
    """On what the figures stand: photos, protocol, bins, intervals, perfect photos."""
    manifest = scores.manifest
    bootstrap = manifest["bootstrap"]
    text = (
        f"{manifest['photos']} photos, {manifest['protocol']['name']}; {manifest['bins_occupied']} of 313 ab"
        f" bins occupied; {bootstrap['level']:.0%} bootstrap intervals over photos"
        f" ({bootstrap['replicates']} resamples, seed {bootstrap['seed']})"
    )
    perfect = [f"{count} of {name}" for name, count in scores.perfect_photos.items() if count]
    return text + (f"; photos equal to the truth, left out of PSNR: {', '.join(perfect)}" if perfect else "")


def score_label(key: str) -> str:
    """Name of a score, with an arrow to what is better."""
    return SCORES[key].label + _ARROWS[SCORES[key].better]


def _digits(key: str) -> int:
    return 3 if key.startswith("intersection") else _DIGITS.get(key, 2)


def _truth(scores: Scores, key: str) -> str:
    if key + TRUTH not in SCORES:
        return ""
    return _cell(next(iter(scores.systems.values()))[key + TRUTH], _digits(key))


def _cell(estimate: Estimate, digits: int, sign: str = "") -> str:
    def number(value: float) -> str:
        if math.isfinite(value):
            return f"{value:{sign}.{digits}f}"
        return "–" if math.isnan(value) else ("∞" if value > 0 else "-∞")

    if math.isnan(estimate.value):
        return "–"
    # No space inside the brackets: a table that is too narrow then breaks between value and interval.
    return f"{number(estimate.value)} [{number(estimate.low)},{number(estimate.high)}]"


def _rich(head: list[str], rows: Iterable[list[str]], caption: str) -> Table:
    table = Table(caption=escape(caption), caption_justify="left")
    for index, name in enumerate(head):
        table.add_column(escape(name), justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    lines = [[cell.replace("|", "\\|") for cell in row] for row in (head, rule, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
