"""Marginal histograms of a and b."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from autochrome.evaluation.intervals import Bootstrap
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections import marginals
from autochrome.laboratory.sections.scores import first_samples
from autochrome.report.html import Figure, Table

MakeRun = Callable[..., Run]


def test_intersections_of_each_series_by_hand() -> None:
    truth = torch.zeros(2, 2, 200, dtype=torch.float64)
    truth[:, :, 100], truth[:, :, 101] = 3, 1
    drawn = torch.zeros(2, 2, 2, 200, dtype=torch.float64)
    drawn[:, 0, :, 100] = 4  # shares .75 with the truth's (.75, .25)
    drawn[:, 1, :, 101] = 4  # and .25
    drawn[:, 1, 1] = truth[:, 1]  # but on b this series is the truth
    found = marginals.series_intersections(drawn, truth, Bootstrap(replicates=7))
    assert found.shape == (2, 8, 2)
    assert found[0, 0].tolist() == pytest.approx([0.75, 0.75])
    assert found[1, 0].tolist() == pytest.approx([0.25, 1.0])


def test_intersections_are_the_evaluators(make_run: MakeRun, references: Path) -> None:
    run = make_run("cic.test", "gray.baseline", results=(f"perfect={references}",))
    section = marginals.section(run)
    found = run.figures["marginals"]["intersections"]
    expected = first_samples(run).systems
    for name in ("cic.test", "gray.baseline", "perfect"):
        for channel in "ab":
            estimate = expected[name][f"intersection_{channel}"]
            assert found[name][channel].value == pytest.approx(estimate.value)
            assert found[name][channel].low == pytest.approx(estimate.low)
    assert found["perfect"]["a"].value == pytest.approx(1)
    charts = [part for part in section.parts if isinstance(part, Figure)]
    assert [chart.caption[0] for chart in charts] == ["a", "b"]
    assert "perfect 1.000" in charts[1].caption
    (table,) = (part for part in section.parts if isinstance(part, Table))
    assert list(table.head) == ["", "intersection a", "intersection b"]


def test_samples_are_pooled_and_their_series_told(make_run: MakeRun) -> None:
    run = make_run("cgan.test", "cic.test", samples=3)
    (table,) = (part for part in marginals.section(run).parts if isinstance(part, Table))
    assert list(table.head[3:]) == ["a, single series", "b, single series"]
    low, high = map(float, table.rows[0][3].split(" to "))
    assert low <= float(table.rows[0][1].split()[0]) <= high
    assert table.rows[1][3:] == ["", ""]
    shares = run.figures["marginals"]["shares"]
    assert set(shares) == {"truth", "cgan.test", "cic.test"}
    for channels in shares.values():
        assert np.sum(channels["a"]) == pytest.approx(1)
    assert len(run.figures["marginals"]["edges"]) == 201
