"""The pictures that the measurement makes, and its table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autochrome.io.photo import Photo, write_photo
from reproduce.misfits import as_jpeg, dither, halftone, main, misfits, noticed

SLOPE = np.tile(np.linspace(0, 255, 96), (64, 1)).astype(np.uint8)


def test_dithers_and_halftones_keep_the_mean_tones() -> None:
    for made in (dither(SLOPE), halftone(SLOPE)):
        assert set(np.unique(made)) == {0, 255}
        thirds = [part.mean() / 255 for part in np.array_split(made, 3, axis=1)]
        assert thirds == pytest.approx([1 / 6, 1 / 2, 5 / 6], abs=0.08)


def test_jpeg_adds_grays() -> None:
    assert len(np.unique(as_jpeg(dither(SLOPE)))) > 10


def test_misfits_are_noticed_and_the_photo_is_not() -> None:
    assert noticed(SLOPE[..., None]) == set()
    kinds = {name: noticed(made) for name, made in misfits(SLOPE, np.random.default_rng(0))}
    assert kinds.pop("noise") == {"noise"}
    assert set(map(frozenset, kinds.values())) == {frozenset({"two tones"})}


def test_the_table_counts_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    color = np.stack([SLOPE, SLOPE[:, ::-1], np.full_like(SLOPE, 90)], 2)
    write_photo(Photo(np.ascontiguousarray(color)), tmp_path / "a.png")
    main([str(tmp_path)])
    rows = [row.split("|")[1:-1] for row in capsys.readouterr().out.splitlines()]
    assert [cell.strip() for cell in rows[2]] == ["photo", "1", "0", "0", "1"]
    main([str(tmp_path), "--gray"])
    rows = [row.split("|")[1:-1] for row in capsys.readouterr().out.splitlines()]
    assert [cell.strip() for cell in rows[2]] == ["photo, gray", "1", "0", "0", "0"]
