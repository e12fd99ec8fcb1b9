"""The whole comparison: every section in its order, what cannot be had, and the files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from autochrome.errors import LaboratoryError
from autochrome.evaluation.intervals import Estimate
from autochrome.evaluation.sums import SCORES
from autochrome.laboratory import compare as module
from autochrome.laboratory.compare import SECTIONS, compare, write_comparison
from autochrome.laboratory.run import Run
from autochrome.report.html import Note, Section, Table

MakeRun = Callable[..., Run]
OWN = ("scores", "best-of-n", "sheets", "marginals", "extremes")
OTHERS = tuple(name for name in SECTIONS if name not in OWN)


def one_line(run: Run) -> Section:
    run.figures["calibration"] = {"ece": Estimate(0.5, float("-inf"), 0.75), "bins": np.arange(3)}
    return Section("Calibration of a kind", [Table(["", "error"], [["cic", "0.5"]], caption="Made up.")])


def impossible(run: Run) -> Section:
    raise LaboratoryError("No photo has any red in it.")


def broken(run: Run) -> Section:
    raise ZeroDivisionError("oh")


@pytest.fixture
def sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sections of our own making in the place of those that run models again."""
    made = {"calibration": one_line, "errors": impossible, "sweeps": broken}
    kept: dict[str, ModuleType] = {name: SECTIONS[name] for name in OWN}
    for name, section in made.items():
        kept[name] = ModuleType(name)
        kept[name].__dict__.update(NAME=name, TITLE=f"Title of {name}", section=section)
    monkeypatch.setattr(module, "SECTIONS", {name: kept[name] for name in SECTIONS if name in kept})


def test_report_figures_and_tables(
    make_run: MakeRun, sections: None, references: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run("cic.test", "cgan.test", results=(f"perfect={references}",))
    found = compare(run)
    titles = [section.title for section in found.document.sections]
    assert titles == [
        "What was compared",
        "Scores",
        "Best of several samples",
        "Contact sheets",
        "Marginal histograms of a and b",
        "Calibration of a kind",
        "Title of errors",
        "Title of sweeps",
        "Worst and best photos",
    ]
    assert found.failed == {"sweeps": "ZeroDivisionError: oh"}
    assert "ZeroDivisionError" in capsys.readouterr().err  # with its traceback
    assert found.document.sections[6].parts == [Note("No photo has any red in it.")]
    paths = write_comparison(found, run.out)
    assert [path.name for path in paths] == ["report.html", "scores.json", "results.md"]
    assert not list(run.out.glob(".*"))

    html = paths[0].read_text()
    assert all(f">{title}<" in html for title in titles)
    assert "http://" not in re.sub(r"http://www\.w3\.org/\S*", "", html)

    figures = json.loads(paths[1].read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert figures["schema"] == "autochrome-comparison/1"
    assert figures["photos"] == run.names
    assert list(figures["sections"]) == [*OWN[:-1], "calibration", "errors", "sweeps", OWN[-1]]
    calibration = figures["sections"]["calibration"]
    assert calibration["figures"] == {"ece": {"value": 0.5, "low": None, "high": 0.75}, "bins": [0, 1, 2]}
    assert calibration["tables"] == [{"caption": "Made up.", "head": ["", "error"], "rows": [["cic", "0.5"]]}]
    assert figures["sections"]["errors"]["notes"] == ["No photo has any red in it."]
    scores = figures["sections"]["scores"]["figures"]
    assert scores["systems"]["perfect"]["auc"]["value"] == 100
    assert [system["model"] for system in figures["systems"]] == ["cic.test", "cgan.test", None]
    assert set(figures["seconds"]) == {"coloring", *figures["sections"]}

    text = paths[2].read_text()
    assert text.startswith("# Comparison of colorizers\n")
    assert "| cic | 0.5 |" in text
    assert str(references) not in text.replace(f"results of {references}", "")


def test_sections_can_be_left_out(make_run: MakeRun, sections: None) -> None:
    run = make_run("cic.test", "cgan.test")
    found = compare(run, without=["sweeps", "scores", "sheets", "marginals", "best-of-n", "errors"])
    assert [section.title for section in found.document.sections[1:]] == [
        "Calibration of a kind",
        "Worst and best photos",
    ]
    assert found.failed == {}
    with pytest.raises(
        LaboratoryError, match=r"no section is called scorse; the sections are scores, best-of-n"
    ):
        compare(run, without=["scorse"])


def test_facts_say_on_what_the_figures_stand(make_run: MakeRun, sections: None) -> None:
    run = make_run("vivid=cic.test,vibrance=1", "cgan.test", seed=3, protocol="crop:48")
    found = compare(run, without=[*OWN, "sweeps"]).document
    assert found.facts["Photos"] == "6 of references"
    assert found.facts["Protocol"] == "crop:48"
    assert "torch 2" in found.facts["Versions"]
    table = found.sections[0].parts[0]
    assert isinstance(table, Table)
    assert table.rows[0][:2] == ["vivid", "cic.test"]
    assert "vibrance 1" in table.rows[0][2]
    assert "2 samples" in table.rows[1][2]


@pytest.mark.parametrize("name", [*SCORES, *SECTIONS])
def test_the_documentation_names_every_score_and_section(name: str) -> None:
    assert f"`{name}`" in (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
