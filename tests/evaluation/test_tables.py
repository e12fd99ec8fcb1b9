"""Score tables say what the scores are."""

from __future__ import annotations

import math

from rich.console import Console

from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.evaluation.manifest import Manifest
from autochrome.evaluation.scores import Scores
from autochrome.evaluation.sums import SCORES
from autochrome.evaluation.tables import difference_rows, markdown_tables, rich_tables, score_rows
from autochrome.metrics.sizing import Sizing


def made_up() -> Scores:
    row = {key: Estimate(i + 0.5, i + 0.25, i + 0.75) for i, key in enumerate(SCORES)}
    row["psnr"] = Estimate(math.inf, math.inf, math.inf)
    gray = {key: Estimate(0.0, 0.0, 0.0) for key in SCORES}
    gray["helped_harmed"] = Estimate(math.nan, math.nan, math.nan)
    return Scores(
        systems={"a|b": row, "gray": gray},
        above_gray={"a|b": row},
        perfect_photos={"a|b": 3, "gray": 0},
        per_photo={},
        manifest=Manifest("true", {}, Sizing("crop", 224), Bootstrap(), "", [{}] * 3, bins_occupied=200),
    )


def test_rows_hold_values_intervals_and_the_truths_own_figures() -> None:
    head, rows = score_rows(made_up())
    assert head == ["score", "a|b", "gray", "truth"]
    table = {row[0]: row[1:] for row in rows}
    assert table["AuC ↑"] == ["0.50 [0.25,0.75]", "0.00 [0.00,0.00]", ""]
    assert table["PSNR dB ↑"][0] == "∞ [∞,∞]"
    assert table["Helped / harmed ↑"][1] == "–"
    truth = list(SCORES).index("chroma_truth") + 0.5
    assert table["Chroma"][2].startswith(f"{truth:.2f} ")
    assert not any("truth" in name for name in table)
    assert len(score_rows(made_up(), sensitivity=False)[1]) == len(rows) - 4


def test_differences_have_signs_and_only_what_can_be_better() -> None:
    head, rows = difference_rows(made_up())
    assert head == ["above gray", "a|b"]
    table = {row[0]: row[1] for row in rows}
    assert table["AuC ↑"] == "+0.50 [+0.25,+0.75]"
    assert not {"Chroma", "Helped ↑", "Harmed ↓", "Helped / harmed ↑"} & set(table)


def test_markdown_is_a_table_and_escapes_bars() -> None:
    lines = markdown_tables(made_up()).splitlines()
    assert lines[0] == r"| score | a\|b | gray | truth |"
    assert lines[1] == "| --- | ---: | ---: | ---: |"
    assert any("3 photos, crop:224; 200 of 313 ab bins occupied" in line for line in lines)
    assert any("left out of PSNR: 3 of a|b" in line for line in lines)


def test_rich_tables_print() -> None:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(rich_tables(made_up()))
    text = console.export_text()
    assert "AuC rebalanced" in text
    assert "above gray" in text
    assert "100 bins" not in text
