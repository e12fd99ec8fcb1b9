"""Calibration of predicted distributions and of samples, in a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from autochrome.color.bins import nearest_bin
from autochrome.errors import LaboratoryError
from autochrome.evaluation.files import load_rgb
from autochrome.evaluation.intervals import Bootstrap
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections import calibration
from autochrome.laboratory.sections.calibration.distributions import (
    AxisPredictions,
    judge,
    measure_distributions,
    predictions_of,
)
from autochrome.laboratory.sections.calibration.ranks import judge_ranks, measure_ranks
from autochrome.models.base import DistributionColorizer
from autochrome.pipeline.painter import Painter
from autochrome.report.html import Figure, Table
from tests.hue_model import HUES, HueModel
from tests.laboratory.conftest import draw_photo, save_picture

MakeRun = Callable[..., Run]
BOOTSTRAP = Bootstrap(replicates=200)
PLACES, BINS = 400, 6


def made_photo(generator: torch.Generator, sharpness: float) -> AxisPredictions:
    """Truths drawn from distributions; what is said of them is sharper, or less so."""
    logits = 1.5 * torch.randn(PLACES, BINS, generator=generator)
    events = torch.multinomial(logits.softmax(1), 1, generator=generator)
    said = (sharpness * logits).log_softmax(1)
    return AxisPredictions(said, events, torch.ones(PLACES, 1), torch.ones(PLACES))


def test_what_is_calibrated_is_found_so(generator: torch.Generator) -> None:
    found = judge([made_photo(generator, 1.0) for _ in range(40)], BOOTSTRAP)
    assert found.overconfidence.low < 0 < found.overconfidence.high
    assert found.error.low < 0 < found.error.high < 0.02
    assert found.misplaced.low < 0 < found.misplaced.high < 0.02
    assert found.scaling.temperature.low < 1 < found.scaling.temperature.high
    assert found.scaling.gain.value == pytest.approx(0, abs=0.002)
    top = found.top[:, ~found.top[0].isnan()]
    assert torch.allclose(top[0], top[1], atol=0.06)


def test_what_is_too_sure_is_found_so_and_mended(generator: torch.Generator) -> None:
    found = judge([made_photo(generator, 2.5) for _ in range(40)], BOOTSTRAP)
    assert found.overconfidence.low > 0.1
    assert found.error.low > 0.1
    # Logits that are 2.5 times too large are divided by that.
    assert found.scaling.temperature.value == pytest.approx(2.5, rel=0.05)
    assert found.scaling.gain.low > 0.1
    assert found.scaling.error_before.low > 0.1
    assert found.scaling.error_after.value < 0.02
    assert found.every_ends[0, -1] <= found.every[1, -1] <= found.every_ends[1, -1]


def test_weights_count(generator: torch.Generator) -> None:
    photo = made_photo(generator, 1.0)
    never = replace(photo, events=(photo.events + 1) % BINS, weight=torch.zeros(PLACES))
    both = AxisPredictions(
        *(
            torch.cat([getattr(one, key) for one in (photo, never)])
            for key in ("logits", "events", "shares", "weight")
        )
    )
    alone, beside = (judge([one] * 4, BOOTSTRAP) for one in (photo, both))
    assert beside.overconfidence.value == pytest.approx(alone.overconfidence.value)
    assert beside.scaling.temperature.value == pytest.approx(alone.scaling.temperature.value)


def test_predictions_of_the_bins_of_ab(make_run: MakeRun) -> None:
    run = make_run("cic.test")
    found = predictions_of(run.system("cic.test"), run, "3")
    assert [*found] == ["ab, shared", "ab"]  # no vibrance by default: no third
    hard, shared = found["ab"], found["ab, shared"]
    # 64 px are seen at 64 and answered on a grid of 16 x 16.
    assert hard.logits.shape == (256, 313)
    assert hard.events.shape == (256, 1)
    assert np.allclose(hard.logits.exp().sum(1), 1, atol=1e-5)
    assert np.allclose(shared.shares.sum(1), 1, atol=1e-5)
    assert (shared.events[:, 0] == hard.events[:, 0]).all()
    # The bin of a cell is that of its mean color.
    from autochrome.color.spaces import rgb_to_lab

    lab = torch.nn.functional.avg_pool2d(rgb_to_lab(load_rgb(run.references / "3.png")), 4)
    assert (hard.events[:, 0] == nearest_bin(lab[:, 1:]).flatten()).all()


def test_vibrance_is_judged_beside_what_was_trained(make_run: MakeRun) -> None:
    run = make_run("cic.test")
    painter = run.painter(run.systems[0])
    network = painter.model
    assert isinstance(network, DistributionColorizer)
    network.prior.copy_(torch.linspace(1, 3, 313) / 626)
    object.__setattr__(network.spec, "defaults", {**network.spec.defaults, "vibrance": 1.0})
    try:
        found = predictions_of(run.system("cic.test"), run, "0")
    finally:
        object.__setattr__(network.spec, "defaults", {**network.spec.defaults, "vibrance": 0.0})
    plain, vivid = found["ab"], found["ab, vibrance 1"]
    moved = plain.logits - network.prior.log()
    assert torch.allclose(vivid.logits, moved.log_softmax(1), atol=1e-4)


def test_hue_and_chroma_are_judged_apart_and_hue_by_chroma(make_run: MakeRun) -> None:
    run = make_run("lrac.test")
    model = HueModel(hues=(4, 0), chroma=2)
    run._painters["lrac.test", None] = Painter(model, device="cpu")
    # Left a green of chroma .3, the third bin of eighths, right a red of .31.
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[:, :32], photo[:, 32:] = (90, 167, 90), (168, 89, 89)
    save_picture(run.references / "2.png", photo)
    found = predictions_of(run.system("lrac.test"), run, "2")
    assert [*found] == ["hue", "chroma"]
    hue, chroma = found["hue"], found["chroma"]
    assert hue.logits.shape == (256, HUES)
    columns = hue.events.reshape(16, 16)
    assert (columns[:, :7] == 4).all()
    assert (columns[:, 9:] == 0).all()
    assert (chroma.events == 2).all()
    assert (chroma.weight == 1).all()
    weights = hue.weight.reshape(16, 16)
    assert np.allclose(weights[:, :7], 77 / 255, atol=0.01)
    assert np.allclose(weights[:, 9:], 79 / 255, atol=0.01)
    # It says this very thing, and is as sure as can be.
    assert (hue.logits.argmax(1) == hue.events[:, 0]).double().mean() > 0.9


def test_ranks_of_exchangeable_samples(generator: torch.Generator) -> None:
    counts = torch.full((10, 2, 5), 40.0, dtype=torch.float64)
    found = judge_ranks(counts, BOOTSTRAP)
    assert found.samples == 4
    assert torch.allclose(found.histogram, torch.ones(2, 5, dtype=torch.float64))
    assert [each.value for each in found.coverage] == pytest.approx([0.6, 0.6])
    assert [each.value for each in found.unevenness] == pytest.approx([0, 0])
    counts[:, 1] = torch.tensor([200.0, 0, 0, 0, 0])  # on b the truth is below all samples
    found = judge_ranks(counts, BOOTSTRAP)
    assert found.coverage[1].value == 0
    assert found.unevenness[1].value == pytest.approx(0.8)
    assert found.histogram[1].tolist() == [5, 0, 0, 0, 0]


def test_ranks_of_results_that_are_the_truth_or_far_from_it(make_run: MakeRun, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("others")
    for number in range(6):
        truth = draw_photo(number)
        for sample, shift in (("1", -60), ("2", -30)):
            warmer = np.clip(truth.astype(int) + np.array([-shift, 0, shift]), 0, 255).astype(np.uint8)
            save_picture(folder / "warm" / sample / f"{number}.png", warmer)
            save_picture(folder / "same" / sample / f"{number}.png", truth)
    run = make_run("cic.test", results=(f"warm={folder / 'warm'}", f"same={folder / 'same'}"))
    found = measure_ranks(run)
    assert [*found] == ["warm", "same"]
    # All samples are yellower than the truth (more b), which has the lowest rank.
    assert found["warm"].histogram[1, 0] > 2.8
    assert found["warm"].coverage[1].value < 0.05
    # Samples that equal the truth cannot be told from it.
    assert found["same"].histogram.flatten().tolist() == pytest.approx([1.0] * 6, abs=0.2)


def test_section(make_run: MakeRun) -> None:
    run = make_run("cic.test", "lrac.test", "cgan.test")
    section = calibration.section(run)
    reliability, temperature, ranks = (part for part in section.parts if isinstance(part, Table))
    named = ["cic.test ab, shared", "cic.test ab", "lrac.test hue", "lrac.test chroma"]
    assert [row[0] for row in reliability.rows] == named
    assert [row[0] for row in temperature.rows] == named
    assert [row[0] for row in ranks.rows] == ["cgan.test"]
    assert "4 photos" in reliability.caption
    figures = [part for part in section.parts if isinstance(part, Figure)]
    assert all(str(figure.content).startswith("<svg") for figure in figures)
    assert len(figures) == 4
    assert [*run.figures["calibration"]["distributions"]] == named


def test_a_model_that_is_there_twice_is_judged_once(make_run: MakeRun) -> None:
    run = make_run("cic.test", "vivid=cic.test,vibrance=1", "wide=cic.test,size=96")
    assert [*measure_distributions(run)] == [
        f"{name} {question}" for name in ("cic.test", "wide") for question in ("ab, shared", "ab")
    ]


def test_nothing_to_judge(make_run: MakeRun) -> None:
    with pytest.raises(LaboratoryError, match="distribution"):
        calibration.section(make_run("plain=gray"))
    with pytest.raises(LaboratoryError, match="four photos"):
        calibration.section(make_run("cic.test", subset=3))
