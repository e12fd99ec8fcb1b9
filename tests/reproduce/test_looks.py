"""The table of looks, on tiny photos and tiny networks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from autochrome.io.photo import read_provenance
from autochrome.models.registry import create_model
from autochrome.pipeline.painter import ColorizeSettings, Painter
from reproduce import looks, painting
from tests.data.made_photos import encode, landscape, write_folder, write_shard

INTERVAL = r"-?\d+\.\d+ \[-?[\d.∞]+, -?[\d.∞]+\]"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "photos", 2)


def table_of(text: str) -> dict[str, list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_every_look_and_change_has_its_row(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    changes = ["--set", "vibrance=0.5", "temperature=1", "--set", "saturation=0"]
    keep = tmp_path / "kept"
    options = ["--model", "cic.test", "--looks", "natural", *changes, "--keep", str(keep)]
    looks.main([str(photos), *options])
    printed = capsys.readouterr()
    found = table_of(printed.out)
    changed = "natural vibrance=0.5 temperature=1"
    assert list(found) == ["", "---", "natural", changed, "natural saturation=0", "gray", "random"]
    assert found["natural"] != found[changed]
    assert re.fullmatch(r"[+-]\d+\.\d\d \[[+-]\d+\.\d\d, [+-]\d+\.\d\d\]", found["natural"][0])
    assert all(re.fullmatch(INTERVAL, cell) for cell in found["natural"][3:5])
    # Neither gray nor what has no color left helps or harms.
    assert found["gray"][:3] == ["–"] * 3
    for name in ("gray", "natural saturation=0"):
        assert found[name][3:6] == ["0.000 [0.000, 0.000]"] * 2 + ["–"]
    scores = json.loads((keep / "scores.json").read_text())
    assert set(scores["systems"]) == set(found) - {"", "---"}
    assert found["natural"][6].startswith(f"{scores['systems']['natural']['chroma']['value']:.1f} ")
    assert "Mean chroma of the true photos" in printed.out
    assert "coloring: 2 of 2" in printed.err
    with pytest.raises(SystemExit):
        looks.main([str(photos), *options])
    assert "not empty" in capsys.readouterr().err


def test_a_tar_shard_gives_the_figures_of_its_photos(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {f"{folder}/photo.png": encode(landscape(folder)) for folder in range(3)}
    shard = write_shard(tmp_path / "photos.tar", contents)
    options = ["--model", "lrac.test", "--looks", "natural"]
    tables = []
    for place in (photos, shard):
        torch.manual_seed(0)
        looks.main([str(place), *options, "--photos", "2"])
        tables.append(table_of(capsys.readouterr().out))
    assert tables[0] == tables[1]


def test_rows_ask_for_looks_and_overrides() -> None:
    assert looks.settings_of_rows("cic", ["natural", "accurate"], [["vibrance=0.2", "fuse=none"]]) == {
        "natural": ColorizeSettings(look="natural"),
        "accurate": ColorizeSettings(look="accurate"),
        "natural vibrance=0.2 fuse=none": ColorizeSettings(look="natural", vibrance=0.2, fuse="none"),
        "accurate vibrance=0.2 fuse=none": ColorizeSettings(look="accurate", vibrance=0.2, fuse="none"),
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "cic.test", "--looks", "vivid"], "cic.test does not support look=vivid"),
        (["--model", "cgan.test", "--looks", "natural", "--set", "vibrance=1"], "vibrance"),
        (["--set", "vibrnce=1"], "the keys are"),
        (["--set", "weights=mine.safetensors"], "--weights"),
        (["--photos", "0"], "at least 1"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(
    photos: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    with pytest.raises(SystemExit):
        looks.main([str(photos), *options])
    assert words in capsys.readouterr().err


def test_a_look_decides_what_the_model_is_asked(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model: Any = create_model("cic.test")
    model.spec = replace(model.spec, looks={"accurate": {"fuse": "full"}})
    painter = Painter(model, device="cpu")
    rows = {
        "natural": ColorizeSettings(),
        "accurate": ColorizeSettings(look="accurate"),
        "full": ColorizeSettings(fuse="full"),
    }
    folders = painting.paint_all(sorted(photos.iterdir()), tmp_path / "results", painter, rows)
    natural, accurate, full = (folders[name] / "000.png" for name in rows)
    fused = [read_provenance(path) for path in (natural, accurate, full)]
    assert [made and made.settings["fuse"] for made in fused] == ["mirror", "full", "full"]
