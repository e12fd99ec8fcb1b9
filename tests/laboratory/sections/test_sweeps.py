"""Temperatures and vibrances, in a report."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from autochrome.color.decoding import FIGURE_4_TEMPERATURES
from autochrome.errors import LaboratoryError
from autochrome.evaluation.scores import evaluate
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections import sweeps
from autochrome.laboratory.sections.sweeps import (
    SHOWN,
    Sweep,
    measure_photo,
    paint_sweep,
    scores_of,
    sweeps_of,
)
from autochrome.pipeline.painter import Painter
from autochrome.report.html import Figure, Gallery, Table
from tests.drawing_model import Drawing

MakeRun = Callable[..., Run]


def test_what_can_be_varied(make_run: MakeRun) -> None:
    run = make_run(
        "cic.test", "cgan.test", "plain=gray", "bold=cic.test,temperature=0.4,vibrance=0.25", paint=False
    )
    found = {system.name: sweeps_of(system) for system in run.systems}
    temperature, vibrance = found["cic.test"]
    assert temperature.values == tuple(sorted(FIGURE_4_TEMPERATURES))
    assert (temperature.own, vibrance.own) == (1 / 6, 0)
    assert (vibrance.setting, vibrance.values[0]) == ("vibrance", -0.5)
    assert [sweep.setting for sweep in found["cgan.test"]] == ["temperature"]
    assert found["plain"] == []
    bold, _ = found["bold"]
    assert bold.own == 0.4
    assert bold.values == tuple(sorted({*FIGURE_4_TEMPERATURES, 0.4}))
    assert [sweep.own for sweep in found["bold"]] == [0.4, 0.25]


def test_own_value_gives_the_results_of_the_report(make_run: MakeRun) -> None:
    run = make_run("cic.test", "cgan.test", samples=1)
    for system in run.systems:
        (sweep, *_) = sweeps_of(system)
        painted = paint_sweep(run, sweep, "1")[sweep.values.index(sweep.own)]
        written = np.round(255 * run.result(system, "1")[0].permute(1, 2, 0).numpy()).astype(np.uint8)
        assert (painted.pixels == written).all()


def test_a_drawing_model_is_asked_anew_with_one_seed(make_run: MakeRun) -> None:
    run = make_run("pixcolor.test", paint=False)
    model = Drawing()
    run._painters["pixcolor.test", None] = Painter(model, device="cpu")
    paint_sweep(run, Sweep("pixcolor.test", "temperature", (0.0, 0.5, 1.0), 0.5), "3")
    # Every second time it is asked for the doubt.
    assert [asked["temperature"] for asked in model.asked[::2]] == [0.0, 0.5, 1.0]
    pictures = paint_sweep(run, Sweep("pixcolor.test", "temperature", (0.2, 0.4), 0.4), "3")
    assert (pictures[0].pixels == pictures[1].pixels).all()  # this one draws alike at all temperatures


def test_scores_are_the_evaluators(make_run: MakeRun) -> None:
    run = make_run("cic.test")
    (sweep, _) = sweeps_of(run.systems[0])
    found = scores_of([measure_photo(sweep, run, name) for name in run.names], run.settings.bootstrap)
    truth = evaluate(
        run.references, run.systems[0].folder, replicates=run.settings.replicates, names=["own"]
    ).systems["own"]
    own = sweep.values.index(sweep.own)
    for key in SHOWN:
        assert found[key][own].value == pytest.approx(truth[key].value, rel=1e-6)
        assert found[key][own].low == pytest.approx(truth[key].low, rel=1e-6)


def test_more_vibrance_is_more_chroma(make_run: MakeRun) -> None:
    run = make_run("lrac.test", paint=False)
    painter = run.painter(run.systems[0])
    # Chroma was rare in training: the counts of its bins fall.
    counts = painter.model.get_buffer("counts_hue_chroma")
    counts[32:] = 2.0 ** -torch.arange(32)
    (_, vibrance) = sweeps_of(run.systems[0])
    photos = [measure_photo(vibrance, run, name) for name in run.names]
    chroma = scores_of(photos, run.settings.bootstrap)["chroma"]
    assert all(np.diff([each.value for each in chroma]) > 0)


def test_section(make_run: MakeRun) -> None:
    run = make_run("cic.test", "again=cic.test,vibrance=1", "cgan.test", "plain=gray", samples=2)
    section = sweeps.section(run)
    tables = [part for part in section.parts if isinstance(part, Table)]
    assert [table.head[0] for table in tables] == ["temperature", "vibrance"]
    names = {row[0].strip("*").split()[0] for table in tables for row in table.rows}
    assert names == {"cic.test", "cgan.test"}  # the same network is varied once
    assert [row[0] for row in tables[0].rows].count("**cic.test 1/6**") == 1
    sheets = [part for part in section.parts if isinstance(part, Gallery)]
    assert [len(sheet.items) for sheet in sheets] == [3, 3, 3]
    assert sheets[0].head[-1] == "truth"
    assert all(len(figures) == len(sheet.head) for sheet in sheets for _, figures in sheet.items)
    assert sum(isinstance(part, Figure) for part in section.parts) == 2 * len(sweeps.CHARTED)
    assert run.figures["sweeps"]["vibrance"]["cic.test"]["values"] == sweeps.VIBRANCES


def test_nothing_to_vary(make_run: MakeRun) -> None:
    with pytest.raises(LaboratoryError, match="temperature"):
        sweeps.section(make_run("plain=gray"))
