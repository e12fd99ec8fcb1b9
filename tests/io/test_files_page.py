"""docs/files.md says what the program does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.io import files_table

PAGE = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [files_table.round_trip, files_table.conversions])
def test_the_tables_are_up_to_date(table) -> None:
    measured = table()
    assert measured in PAGE, f"docs/files.md is out of date; put this into it:\n\n{measured}"


def test_the_measured_files_have_every_field() -> None:
    """A field that no file has, or that is dropped without a reason, would say nothing."""
    for line in files_table.round_trip().splitlines()[2:]:
        cells = [cell.strip() for cell in line.split("|")[2:-1]]
        assert len(cells) == 5 and set(cells) != {"–"} and "" not in cells, line
