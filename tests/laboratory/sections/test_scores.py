"""The evaluator's scores in a report, and what is measured of every sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import pyvips
import torch

from autochrome.color.spaces import LAB
from autochrome.evaluation.scores import evaluate
from autochrome.evaluation.sums import SCORES
from autochrome.laboratory.run import Run
from autochrome.laboratory.samples import measure
from autochrome.laboratory.sections import scores
from autochrome.metrics.distribution import chroma_histogram
from autochrome.metrics.diversity import sample_errors
from autochrome.report.html import Figure, Note, Table

MakeRun = Callable[..., Run]


def test_scores_are_the_evaluators_of_the_first_samples(make_run: MakeRun, references: Path) -> None:
    run = make_run("cic.test", "cgan.test", results=(f"perfect={references}",))
    found = scores.first_samples(run)
    assert list(found.systems) == ["cic.test", "cgan.test", "perfect", "gray", "random"]
    alone = evaluate(references, run.out / "results" / "cgan.test" / "1", replicates=20)
    assert found.systems["cgan.test"] == alone.systems["1"]
    assert found.systems["perfect"]["auc"].value == 100


def test_every_score_stands_in_the_report(make_run: MakeRun) -> None:
    run = make_run("cic.test", "cgan.test")
    section = scores.section(run)
    glance, everything, above, published = (part for part in section.parts if isinstance(part, Table))
    assert [row[0] for row in glance.rows] == ["cic.test", "cgan.test", "gray", "random", "truth"]
    labels = {row[0].removesuffix(" ↑").removesuffix(" ↓") for row in everything.rows}
    assert labels == {score.label for key, score in SCORES.items() if not key.endswith("_truth")}
    assert list(above.head) == ["above gray", "cic.test", "cgan.test", "random"]
    assert len([part for part in section.parts if isinstance(part, Figure)]) == len(scores.DRAWN)
    assert "cgan.test, which draw" in section.lead
    assert "orientation only" in published.caption
    # papers.md, section 2 and 4: CIC's table and LRAC's.
    assert ("CIC", "CIC, rebalanced", "88.1", "63.5", *[""] * 4) in published.rows
    assert ("LRAC", "LRAC", "", "", "24.94", "0.293", "", "") in published.rows
    figures = run.figures["scores"]
    assert set(figures["systems"]) == {"cic.test", "cgan.test", "gray", "random"}
    # The draws of our own models differ from photo to photo, which is no reason to warn.
    assert figures["warnings"] == []
    assert not [part for part in section.parts if isinstance(part, Note)]


def test_the_best_system_is_bold_and_baselines_never_are(make_run: MakeRun, references: Path) -> None:
    run = make_run("cic.test", results=(f"perfect={references}",))
    table = scores.at_a_glance(scores.first_samples(run))
    rows = {row[0]: row[1:] for row in table.rows}
    # Nothing is nearer to the truth than the truth; its PSNR is infinite.
    assert all(cell.startswith("**") for cell in rows["perfect"])
    assert not any("**" in cell for name in ("cic.test", "gray", "random", "truth") for cell in rows[name])
    assert rows["truth"][table.head.index("Chroma") - 1] == rows["perfect"][
        table.head.index("Chroma") - 1
    ].strip("*")


def test_lossy_results_of_others_are_warned_of(make_run: MakeRun, references: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    for path in references.iterdir():
        pyvips.Image.new_from_file(str(path)).write_to_file(str(tmp_path / "theirs" / f"{path.stem}.jpg"))
    section = scores.section(make_run(results=(f"theirs={tmp_path / 'theirs'}",)))
    (note,) = (part for part in section.parts if isinstance(part, Note))
    assert (note.kind, "theirs: 6 results are JPEG" in note.text) == ("warning", True)


def test_charts_leave_out_what_is_infinite(make_run: MakeRun, references: Path) -> None:
    run = make_run("cic.test", results=(f"perfect={references}",))
    psnr = scores.interval_charts(scores.first_samples(run))[0]
    assert "cic.test" in psnr.alt
    assert "perfect" not in psnr.alt
    assert "gray" in psnr.alt


def test_every_sample_is_measured_by_its_file(make_run: MakeRun) -> None:
    run = make_run("cgan.test", "gray.baseline")
    found, truth = measure(run)
    drawn = found["cgan.test"]
    assert drawn.histograms.shape == (6, 2, 2, 200)
    samples = torch.cat([run.result(run.systems[0], "4", sample) for sample in (0, 1)])
    expected = sample_errors(samples, run.truth("4"))
    for key, values in drawn.errors.items():
        assert values[4].tolist() == pytest.approx(expected[key].tolist()), key
    assert torch.equal(drawn.histograms[4], chroma_histogram(LAB.split(samples)[1]))
    assert torch.equal(truth[4], chroma_histogram(LAB.split(run.truth("4"))[1])[0])
    assert found["gray.baseline"].errors["psnr"].shape == (6, 1)


def test_systems_that_look_alike_are_both_bold(make_run: MakeRun, references: Path) -> None:
    run = make_run("cic.test", "again=cic.test", results=(f"a={references}", f"b={references}"))
    rows = {row[0]: row[1:] for row in scores.at_a_glance(scores.first_samples(run)).rows}
    assert rows["a"] == rows["b"]
    assert all(cell.startswith("**") for cell in rows["a"])
    assert rows["cic.test"] == rows["again"]
