"""What changes of the input do to the colors, in a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from autochrome.color.difference import ciede2000
from autochrome.errors import LaboratoryError
from autochrome.evaluation.intervals import Bootstrap
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections import stability
from autochrome.laboratory.sections.stability.changes import (
    PICTURED,
    Changes,
    changes_of,
    color_difference,
    judge,
    mean_chroma,
)
from autochrome.laboratory.sections.stability.perturbations import NEUTRAL, PERTURBATIONS
from autochrome.models.base import Colorizer, Samples
from autochrome.models.registry import model_spec
from autochrome.pipeline.painter import Painter
from autochrome.report.html import Figure, Gallery, Table
from tests.drawing_model import Drawing

MakeRun = Callable[..., Run]
PLACES = {p.name: i for i, p in enumerate(PERTURBATIONS)}


class ByLightness(Colorizer):
    """One place, one color: b is L* times a factor, whatever is around it."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.spec = model_spec("gray.baseline")
        self.factor = factor

    def sample(self, luma: Tensor, **asked: Any) -> Samples:
        chroma = torch.cat((0 * luma, self.factor * luma), 1)
        return Samples(chroma[:, None], "lab")


def with_model(make_run: MakeRun, name: str, model: Colorizer) -> Run:
    run = make_run(name, paint=False)
    run._painters[name, None] = Painter(model, device="cpu")
    return run


def test_only_colors_differ() -> None:
    lightness = torch.full((1, 1, 8, 8), 40.0)
    before, after = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    assert color_difference(lightness, before, before) == 0
    after[:, 0] = 10
    lab = [torch.tensor([40.0, a, 0.0])[None, :, None, None] for a in (0.0, 10.0)]
    assert color_difference(lightness, before, after) == pytest.approx(float(ciede2000(*lab)))
    assert mean_chroma(after) == pytest.approx(10)


def test_a_model_that_ignores_the_photo_does_not_change(make_run: MakeRun) -> None:
    run = with_model(make_run, "gray.baseline", ByLightness(0.0))
    found = changes_of(run.system("gray.baseline"), run, "2")
    assert found.difference.tolist() == [0] * len(PERTURBATIONS)
    assert found.chroma_before == 0
    assert np.isnan(found.redrawn)


def test_a_model_of_lightness_alone_changes_with_it(make_run: MakeRun) -> None:
    run = with_model(make_run, "gray.baseline", ByLightness(0.5))
    found = changes_of(run.system("gray.baseline"), run, "2")
    lightness = 2 * found.chroma_before
    # Chroma is half of the mean lightness, before and after.
    assert found.chroma[PLACES["lightness +10"]] == pytest.approx((lightness + 10) / 2, abs=0.6)
    assert found.chroma[PLACES["contrast 0.5"]] == pytest.approx(found.chroma_before, abs=0.05)
    rising = [found.difference[PLACES[f"lightness {by}"]] for by in ("+10", "+20")]
    assert 0 < rising[0] < rising[1]
    # Blur leaves most places as they are.
    assert found.difference[PLACES["blur 1"]] < rising[0]


def test_what_is_drawn_has_its_own_yardstick(make_run: MakeRun) -> None:
    model = Drawing()
    run = with_model(make_run, "pixcolor.test", model)
    found = changes_of(run.system("pixcolor.test"), run, "1")
    # Its colors come of the noise alone, but that sRGB holds fewer of them where it is light or dark.
    assert found.difference[PLACES["noise 2.5"]] < 1
    assert found.redrawn > 3
    assert len(model.seen) == 2 * (len(PERTURBATIONS) + 2)  # each photo once more, for the doubt


def test_figures_with_their_intervals() -> None:
    count = len(PERTURBATIONS)
    photos = [
        Changes(np.full(count, 2.0), np.full(count, 3.0), 6.0, 10.0),
        Changes(np.full(count, 4.0), np.full(count, 5.0), 2.0, 20.0),
    ]
    found = judge(photos, Bootstrap(replicates=30))
    assert found.difference[0].value == 3
    assert (found.difference[0].low, found.difference[0].high) == (2, 4)
    assert found.chroma[3].value == pytest.approx(8 / 8)
    assert (found.from_gray.value, found.redrawn.value) == (4, 15)


def test_section(make_run: MakeRun) -> None:
    run = make_run("cic.test", "cgan.test", subset=6)
    section = stability.section(run)
    figures = [part for part in section.parts if isinstance(part, Figure)]
    assert len(figures) == len(NEUTRAL)
    difference, chroma, charts = (part for part in section.parts if isinstance(part, Table))
    assert difference.head == ["", "cic.test", "cgan.test"]
    assert [row[0] for row in difference.rows] == [*PLACES, "another draw"]
    assert difference.rows[-1][1] == "–"
    assert difference.rows[-1][2] != "–"
    assert [row[0] for row in chroma.rows][1:] == [*PLACES]
    assert "2 photos" in difference.caption  # a third of the subset
    pictures, drawn = (part for part in section.parts if isinstance(part, Gallery))
    assert [label for label, _ in pictures.items] == ["input", "cic.test", "cgan.test"]
    assert len(pictures.head) == 1 + len(PICTURED)
    assert [label for label, _ in drawn.items] == ["Macbeth", "isoluminant", "isoluminant, no card"]
    assert [row[0] for row in charts.rows] == ["cic.test", "cgan.test", "truth"]
    assert {"perturbations", "systems", "charts"} == run.figures["stability"].keys()


def test_nobody_to_ask(make_run: MakeRun, references: Any) -> None:
    with pytest.raises(LaboratoryError, match="folders"):
        stability.section(make_run(results=(f"copies={references}",)))
