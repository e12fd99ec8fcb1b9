"""Color charts in gray, in a report."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, radians, sin

import numpy as np
import pytest
import torch

from autochrome.color.spaces import LAB
from autochrome.evaluation.files import rgb_of
from autochrome.evaluation.intervals import Bootstrap
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections.stability.chart import (
    CHROMATIC,
    ISOLUMINANT_C,
    ISOLUMINANT_L,
    MACBETH,
    chart_parts,
    charts,
    hue_agreement,
    isoluminant,
    judge_patches,
    patch_means,
    recovered_of_photo,
    show_charts,
)
from autochrome.laboratory.sections.stability.perturbations import lightness_of
from autochrome.report.html import Gallery, Table
from tests.laboratory.conftest import save_picture

MakeRun = Callable[..., Run]
BOOTSTRAP = Bootstrap(replicates=100)


def lab_of(colors: object) -> torch.Tensor:
    rgb = torch.tensor(colors).float().T[None, :, :, None] / 255
    return torch.cat(LAB.split(rgb), 1)[0, :, :, 0].T


def test_macbeths_patches_are_what_they_are_called() -> None:
    lab = lab_of(MACBETH)
    chroma = lab[:, 1:].norm(dim=1)
    assert len(MACBETH) == 24
    assert chroma[CHROMATIC:].max() < 2  # the last row is gray, from white to black
    assert (lab[CHROMATIC:, 0].diff() < 0).all()
    assert chroma[:CHROMATIC].min() > 10
    # L* of the gray row under D50 as the maker tells: 96.5, 81.3, 66.8, 50.9, 35.7, 20.5 (D65's is the same).
    expected = torch.tensor([96.5, 81.3, 66.8, 50.9, 35.7, 20.5])
    assert torch.allclose(lab[CHROMATIC:, 0], expected, atol=1.5)
    hues = torch.rad2deg(torch.atan2(lab[:, 2], lab[:, 1])) % 360
    blue, green, red, yellow = hues[12:16].tolist()
    assert 280 < blue < 310
    assert 120 < green < 160
    assert 10 < red < 45
    assert 80 < yellow < 100


def test_isoluminant_patches_have_one_lightness_and_all_hues() -> None:
    lab = lab_of(isoluminant())
    assert torch.allclose(lab[:, 0], torch.full((24,), ISOLUMINANT_L), atol=0.35)
    assert torch.allclose(lab[:, 1:].norm(dim=1), torch.full((24,), ISOLUMINANT_C), atol=0.6)
    hues = torch.rad2deg(torch.atan2(lab[:, 2], lab[:, 1])) % 360
    assert torch.allclose(hues, 15.0 * torch.arange(24), atol=1.5) or float(hues[0]) > 358


def test_what_models_are_given() -> None:
    macbeth, on_card, plain = charts()
    assert macbeth.color.size == on_card.color.size == (248, 368)
    lightness = lightness_of(plain.gray)
    assert float(lightness.max() - lightness.min()) < 1e-3  # nothing is left to see
    patches = patch_means(torch.from_numpy(on_card.gray.pixels).permute(2, 0, 1)[None])
    assert float(patches.max() - patches.min()) < 1e-5
    assert float(lightness_of(on_card.gray).min()) < 10  # but for the card
    given = patch_means(lightness_of(macbeth.gray)[None, None])[:, 0]
    assert torch.allclose(given, lab_of(MACBETH)[:, 0], atol=0.05)


def test_patches_are_found_again() -> None:
    macbeth = charts()[0]
    found = patch_means(255 * rgb_of(macbeth.color))
    assert torch.allclose(found, torch.tensor(MACBETH).float(), atol=1e-3)


def test_agreement_is_the_cosine() -> None:
    truth = torch.tensor([[10.0, 0.0]] * 5)
    given = torch.tensor(
        [[3.0, 0.0], [0.0, 4.0], [-5.0, 0.0], [0.0, 0.0], [20 * cos(radians(60)), 20 * sin(radians(60))]]
    )
    assert hue_agreement(given, truth).tolist() == pytest.approx([1, 0, -1, 0, 0.5], abs=1e-6)


def test_habit_is_chroma_without_agreement() -> None:
    angles = torch.arange(24) * (2 * torch.pi / 24)
    truth = 30 * torch.stack([angles.cos(), angles.sin()], 1)
    right = judge_patches(truth[None], truth, BOOTSTRAP)
    assert (right.chroma.value, right.hue.value) == (pytest.approx(30), pytest.approx(1))
    brown = judge_patches(torch.tensor([12.0, 16.0]).expand(3, 24, 2), truth, BOOTSTRAP)
    assert brown.chroma.value == pytest.approx(20)
    assert brown.hue.value == pytest.approx(0, abs=1e-6)
    assert brown.hue.low < 0 < brown.hue.high


def test_photos_are_judged_where_they_have_a_hue(make_run: MakeRun) -> None:
    run = make_run("plain=gray")
    photo = np.full((64, 64, 3), 128, np.uint8)
    save_picture(run.references / "0.png", photo)
    assert np.isnan(recovered_of_photo(run, "0")).all()
    photo[:32] = (200, 80, 60)
    save_picture(run.references / "0.png", photo)
    gray, truth = recovered_of_photo(run, "0")
    expected = lab_of([(200, 80, 60)])[0, 1:].norm()
    assert truth.tolist() == pytest.approx([float(expected), 1], abs=1e-3)
    assert gray[0] < expected


def test_parts(make_run: MakeRun) -> None:
    run = make_run("cic.test", "cgan.test", "plain=gray", samples=3)
    seen = show_charts(run)
    pictures, table = chart_parts(seen, 4)
    assert isinstance(pictures, Gallery)
    assert pictures.head == ["input", "cic.test", "cgan.test", "plain", "truth"]
    assert [len(seen.painted["Macbeth"][name]) for name in ("cic.test", "cgan.test")] == [1, 3]
    assert isinstance(table, Table)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["plain"][0] == "0.0 [0.0, 0.0]"
    assert rows["truth"][1] == "1.00 [1.00, 1.00]"
    assert [*seen.photos] == ["cic.test", "cgan.test", "plain", "truth"]
