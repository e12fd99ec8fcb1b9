"""What a classifier makes of a run, with a classifier whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from autochrome.errors import LaboratoryError, WeightsError
from autochrome.evaluation.classifier.judge import Judge
from autochrome.laboratory.run import LabSettings, Run
from autochrome.laboratory.sections import interpretability
from autochrome.report.html import Note, Table, Text
from tests.laboratory.conftest import draw_photo, save_picture

MakeRun = Callable[..., Run]
IDS = ("n01443537", "n01629819", "n01641577", "n01644900", "n01698640", "n01742172", "n01768244", "n01770393")


class Hues(nn.Module):
    """Eight classes: the first three by the largest of R, G and B, the others, all five, of what is gray."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(100.0))

    def forward(self, rgb: Tensor) -> Tensor:
        mean = rgb.mean((2, 3))
        chroma = mean - mean.mean(1, keepdim=True)
        gray = (0.02 - chroma.abs().amax(1, keepdim=True)).expand(-1, 5) + torch.arange(5) * 1e-3
        return self.scale * torch.cat([chroma, gray], 1)


@pytest.fixture
def hues(monkeypatch: pytest.MonkeyPatch) -> Judge:
    judge = Judge("hues", "made up", "0" * 64, IDS, Hues(), lambda rgb: rgb)
    monkeypatch.setattr(interpretability, "load_judges", lambda settings: [judge])
    return judge


def colors(folder: Path, names: list[str]) -> Path:
    """Plain photos of red, green and blue in turn: classes 0, 1 and 2 of `Hues`."""
    for number, name in enumerate(names):
        picture = np.full((32, 32, 3), 60, np.uint8)
        picture[..., number % 3] = 200
        save_picture(folder / f"{name}.png", picture)
    return folder


def test_agreement_where_no_photo_has_a_class(make_run: MakeRun, references: Path, hues: Judge) -> None:
    for path in references.iterdir():
        path.unlink()
    colors(references, [str(number) for number in range(6)])
    run = make_run("gray.baseline", results=(f"perfect={references}",))
    table, hint = interpretability.section(run).parts
    assert isinstance(table, Table)
    assert isinstance(hint, Text)
    assert "--labeled" in hint.text
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["truth"][0].startswith("1.000")
    assert rows["perfect"][0].startswith("1.000")
    assert rows["perfect"][3].startswith("1.00")  # all of what gray lacks
    assert rows["gray"][0].startswith("0.000")
    # The colors of another photo: never all of what gray lacks.
    assert float(rows["random"][0].split()[0]) < 1
    assert rows["gray.baseline"][2].startswith("+0.000")
    assert "agreement, not accuracy" in table.caption
    assert run.figures["interpretability"]["hues, the set"]["photos"] == 6


def test_accuracy_where_names_carry_the_class(make_run: MakeRun, references: Path, hues: Judge) -> None:
    for path in references.iterdir():
        path.unlink()
    colors(references, [f"{IDS[number % 3]}_{number}" for number in (0, 3, 1, 4, 2, 5)])
    # In the order of the names: 0, 3 of the first class are red and green, ... so that some are wrong.
    run = make_run("gray.baseline")
    accuracy, agreement, _ = interpretability.section(run).parts
    assert isinstance(accuracy, Table)
    assert isinstance(agreement, Table)
    assert accuracy.head[1] == "top-1 accuracy"
    assert agreement.head[1] == "top-1 agreement"
    truth = float(accuracy.rows[0][1].split()[0])
    names = run.names
    right = [int(np.argmax(run.photo(name).pixels[0, 0])) == IDS.index(name[:9]) for name in names]
    assert truth == pytest.approx(np.mean(right), abs=1e-3)


def test_labeled_photos_are_colored_and_judged(make_run: MakeRun, tmp_path: Path, hues: Judge) -> None:
    colors(tmp_path / "labeled", [f"{IDS[k % 3]}_{k}" for k in range(9)])
    run = make_run(
        "gray.baseline",
        "cgan.test",
        results=(f"theirs={tmp_path / 'references'}",),
        labeled=tmp_path / "labeled",
        labeled_photos=5,
    )
    *_, table, note = interpretability.section(run).parts
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["truth", "gray", "random", "gray.baseline", "cgan.test"]
    assert "5 photos whose class is known" in table.caption
    # Gray stays gray: as often understood as the gray photos themselves.
    assert table.rows[3][1] == table.rows[1][1]
    assert isinstance(note, Note)
    assert "theirs" in note.text


def test_what_is_missing_is_told(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_picture(tmp_path / "labeled" / "holiday.png", draw_photo(0))
    run = make_run("gray.baseline", labeled=tmp_path / "labeled")
    monkeypatch.setattr(interpretability, "load_judges", lambda settings: [])
    with pytest.raises(LaboratoryError, match="no photo has a class"):
        interpretability.section(run)

    def none(settings: LabSettings) -> list[Judge]:
        raise WeightsError("there are no weights")

    monkeypatch.setattr(interpretability, "load_judges", none)
    with pytest.raises(LaboratoryError, match="no weights"):
        interpretability.section(run)


def test_a_vgg16_is_loaded_too(tmp_path: Path) -> None:
    (tmp_path / "vgg.safetensors").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match=r"vgg\.safetensors"):
        interpretability.load_judges(LabSettings(vgg16=tmp_path / "vgg.safetensors"))
