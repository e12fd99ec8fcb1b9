"""The contact sheet of an evaluation: gray, every result, truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autochrome.evaluation.files import load_rgb, match_files, pixels_of
from autochrome.metrics.baselines import gray
from autochrome.report.contact_sheet import contact_sheets, write_sheets


def write_evaluation_sheet(
    references: Path | str,
    results: Sequence[Path | str],
    path: Path,
    *,
    photos: int | None = None,
    rows: int = 20,
) -> list[Path]:
    """Draw photos of an evaluation side by side and write the pages.

    Args:
        references: folder of true photos.
        results: folders of results, one column each.
        path: of the first page; its suffix selects the format.
        photos: number of references to use, the first by name.
        rows: most photos to draw, evenly spaced over those.
    """
    pairs = match_files(references, results, photos=photos)
    chosen = sorted({round(i) for i in np.linspace(0, len(pairs) - 1, min(rows, len(pairs)))})
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("gray", *pairs[0].results, "truth")}
    for pair in (pairs[i] for i in chosen):
        truth = load_rgb(pair.reference)
        columns["gray"].append(pixels_of(gray(truth)))
        for name, result in pair.results.items():
            columns[name].append(pixels_of(load_rgb(result)))
        columns["truth"].append(pixels_of(truth))
    return write_sheets(contact_sheets(columns, [pairs[i].name for i in chosen]), path)
