"""Score tables: one row per score, one column per system, as a rich table and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from autochrome.evaluation.intervals import LEVEL
from autochrome.evaluation.markdown import markdown_table
from autochrome.evaluation.scores import Scores
from autochrome.evaluation.sums import SCORES

TRUTH = "_truth"
"""Ending of the scores of the references themselves; they fill the column "truth"."""

SENSITIVITY = ("_100", "_400")
"""Endings of scores that show the effect of a free choice in a definition; terminals omit them."""

_ARROWS = {"higher": " ↑", "lower": " ↓", "truth": ""}
_DIGITS = {"alpha_beta_rmse": 3, "chroma_kept": 3, "helped": 3, "harmed": 3, "casts": 3, "lightness_drift": 3}


def score_rows(scores: Scores, *, sensitivity: bool = True) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the score table; every cell is ``value [low,high]``."""
    head = ["score", *scores.systems, "truth"]
    rows = [
        [
            score_label(key),
            *(row[key].cell(_digits(key), gap="") for row in scores.systems.values()),
            _truth(scores, key),
        ]
        for key in SCORES
        if not key.endswith(TRUTH) and (sensitivity or not key.endswith(SENSITIVITY))
    ]
    return head, rows


def difference_rows(scores: Scores, *, sensitivity: bool = True) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the differences from gray, for scores that can be better or worse."""
    head = ["above gray", *scores.above_gray]
    rows = [
        [score_label(key), *(row[key].cell(_digits(key), "+", gap="") for row in scores.above_gray.values())]
        for key, score in SCORES.items()
        if score.better != "truth"
        and not score.against_gray
        and (sensitivity or not key.endswith(SENSITIVITY))
    ]
    return head, rows


def rich_tables(scores: Scores) -> RenderableType:
    """Return both tables for a terminal, with photos, sizing and intervals in the captions."""
    tables = [_rich(*score_rows(scores, sensitivity=False), caption=caption(scores))]
    if scores.above_gray:
        head, rows = difference_rows(scores, sensitivity=False)
        tables.append(_rich(head, rows, caption="differences on the same resamples"))
    return Group(*tables)


def markdown_tables(scores: Scores) -> str:
    """Return both tables in Markdown."""
    parts = [markdown_table(*score_rows(scores)), caption(scores) + "."]
    if scores.above_gray:
        parts.append(markdown_table(*difference_rows(scores)))
    return "\n\n".join(parts) + "\n"


def caption(scores: Scores) -> str:
    """Return what the figures are based on: photos, sizing, bins, intervals, perfect photos."""
    manifest = scores.manifest
    text = (
        f"{len(manifest.photos)} photos, {manifest.sizing}; {manifest.bins_occupied} of 313 ab bins occupied;"
        f" {LEVEL:.0%} bootstrap intervals over photos ({manifest.bootstrap.replicates} resamples, seed"
        f" {manifest.bootstrap.seed})"
    )
    perfect = [f"{count} of {name}" for name, count in scores.perfect_photos.items() if count]
    return text + (f"; photos equal to the truth, left out of PSNR: {', '.join(perfect)}" if perfect else "")


def score_label(key: str) -> str:
    """Return the name of a score, with an arrow in the direction that is better."""
    return SCORES[key].label + _ARROWS[SCORES[key].better]


def _digits(key: str) -> int:
    return 3 if key.startswith("intersection") else _DIGITS.get(key, 2)


def _truth(scores: Scores, key: str) -> str:
    if key + TRUTH not in SCORES:
        return ""
    return next(iter(scores.systems.values()))[key + TRUTH].cell(_digits(key), gap="")


def _rich(head: list[str], rows: Iterable[list[str]], caption: str) -> Table:
    table = Table(caption=escape(caption), caption_justify="left")
    for index, name in enumerate(head):
        table.add_column(escape(name), justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table
