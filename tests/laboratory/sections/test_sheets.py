"""Contact sheets, and the worst and best photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips

from autochrome.laboratory.run import Run
from autochrome.laboratory.sections import extremes, sheets
from autochrome.laboratory.sections.scores import first_samples
from autochrome.report.html import Gallery
from tests.laboratory.conftest import draw_photo, save_picture

MakeRun = Callable[..., Run]


def pixels(content: object) -> np.ndarray:
    assert isinstance(content, bytes)
    return pyvips.Image.new_from_buffer(content, "").numpy()


def test_the_same_photos_by_every_system(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "PHOTOS", 3)
    run = make_run("cic.test", "cgan.test")
    sheet, samples = sheets.section(run).parts
    assert isinstance(sheet, Gallery)
    assert isinstance(samples, Gallery)
    assert list(sheet.head) == ["gray", "cic.test", "cgan.test", "truth"]
    assert [name for name, _ in sheet.items] == ["0", "2", "5"]
    gray, _, _, truth = sheet.items[1][1]
    assert np.ptp(pixels(gray.content).astype(int), axis=2).max() <= 4  # lossy, but gray
    assert np.abs(pixels(truth.content).astype(int) - draw_photo(2)).mean() < 6
    assert list(samples.head) == ["sample 1", "sample 2", "truth"]
    assert "sample 2" in samples.items[0][1][1].alt


def test_pictures_are_small(make_run: MakeRun, references: Path) -> None:
    for number in range(6):
        save_picture(references / f"{number}.png", draw_photo(number, 300, 400))
    sheet = sheets.section(make_run("gray.baseline")).parts[0]
    assert isinstance(sheet, Gallery)
    shown = sheet.items[0][1][1].content
    assert pixels(shown).shape == (168, 224, 3)
    assert isinstance(shown, bytes)
    assert len(shown) < 30_000


def test_extremes_are_by_error_and_never_in_both_lists() -> None:
    names, errors = ["a", "b", "c", "d", "e"], [3.0, 9.0, 1.0, 4.0, 4.0]
    worst, best = extremes.extreme_photos(names, errors, count=2)
    assert [(each.name, each.error) for each in worst] == [("b", 9.0), ("d", 4.0)]
    assert [each.name for each in best] == ["c", "a"]
    worst, best = extremes.extreme_photos(names, errors, count=10)
    assert not {each.name for each in worst} & {each.name for each in best}


def test_worst_and_best_photos_of_every_system(make_run: MakeRun) -> None:
    run = make_run("cic.test", "cgan.test")
    section = extremes.section(run)
    assert len(section.parts) == 2
    sheet = section.parts[0]
    assert isinstance(sheet, Gallery)
    assert [label for label, _ in sheet.items] == ["worst", "truth", "best", "truth"]
    errors = dict(zip(run.names, first_samples(run).per_photo["cic.test"]["ciede2000"], strict=True))
    name = max(errors, key=errors.__getitem__)
    assert sheet.items[0][1][0].caption == f"{name}: {errors[name]:.1f}"
    assert sheet.items[1][1][0].alt == f"photo {name}"
    assert run.figures["extremes"]["cic.test"]["worst"][0] == extremes.Extreme(name, errors[name])
