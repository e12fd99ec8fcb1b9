"""The command that makes PixColor's tables, with tiny models of random weights and pictures of 176 pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from autochrome.evaluation.scores import evaluate, load_rgb
from autochrome.io.photo import Photo, write_photo
from autochrome.models.pixcolor.model import PixColor
from autochrome.models.registry import create_model
from benchmarks.pixcolor_samples import CELLS, Measured, measure
from benchmarks.pixcolor_table import choice_tables, intersection_table, main, mean_estimate
from benchmarks.sample_tables import text_histogram


@pytest.fixture
def model() -> PixColor:
    made = create_model("pixcolor.test")
    assert isinstance(made, PixColor)
    return made


def made_up(psnr: list[list[float]]) -> Measured:
    """Figures of samples whose likelihood prefers the first and whose ranker the last."""
    scores = torch.tensor(psnr, dtype=torch.float64)
    order = torch.arange(scores.shape[1], dtype=torch.float64).expand_as(scores)
    one = torch.ones(len(scores), 1, dtype=torch.float64)
    marginals = torch.tensor([[1.0, 3.0], [2.0, 2.0]], dtype=torch.float64)  # of a and of b, in two bins
    histograms = marginals.expand(*scores.shape, 2, 2).clone()
    histograms[:, 1:] = torch.tensor([2.0, 2.0], dtype=torch.float64)
    return Measured(
        psnr=scores,
        auc=scores + 50,
        ciede2000=30 - scores,
        ms_ssim=one[..., None],
        spread=one,
        delta_e=one,
        histograms=histograms,
        histograms_truth=marginals.expand(len(scores), 2, 2),
        log_prob=-order,
        log_prob_truth=9 * one,
        dimensions=2 * one,
        rank=order,
        rank_truth=0.5 * one,
    )


def test_every_table_is_printed_and_everything_is_kept(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    models = ["--model", "pixcolor.test", "--single-answer", "cic.test"]
    main([str(photos), *models, "--samples", "2", "--photos", "2", "--out", str(out)])
    text = capsys.readouterr().out
    assert "## 2 photos, 2 samples each, temperature 1, guidance 0, seed 0" in text
    for part in ("Ablation", "Best of n", "Diversity", "Likelihood", "Choosing a sample"):
        assert f"### {part}\n" in text
    for row in (
        "truth: refined - unrefined",
        "best of 2",
        "CIC most accurate",
        "share in .95 to .99",
        "true low-resolution chroma",
        "learned ranker",
        "oracle (best PSNR)",
    ):
        assert f"| {row} |" in text
    assert "nan" not in text
    for folder in (*CELLS, "pipeline sample", "CIC default"):
        assert sorted(p.name for p in (out / folder).iterdir()) == ["astronaut.png", "chelsea.png"]
    assert (out / "scores.json").exists()
    assert (out / "diversity.png").exists()


def test_figures_are_those_of_the_pictures_that_are_written(
    photos: Path, tmp_path: Path, model: PixColor
) -> None:
    found = measure(model, sorted(photos.iterdir()), tmp_path, samples=2, seed=1)
    scores = evaluate(photos, tmp_path / "sample refined", baselines=False)
    judged = scores.per_photo["sample refined"]
    assert found.psnr[:, 0].tolist() == pytest.approx(judged["psnr"], abs=1e-4)
    assert found.auc[:, 0].tolist() == pytest.approx(judged["auc"], abs=1e-3)
    assert found.ciede2000[:, 0].tolist() == pytest.approx(judged["ciede2000"], abs=1e-3)
    for kind in ("sample", "truth"):
        refined, plain = (
            load_rgb(tmp_path / f"{kind} {how}" / "coffee.png") for how in ("refined", "unrefined")
        )
        assert not torch.equal(refined, plain)
    assert found.ms_ssim.shape == (3, 1, 3)
    # 176 x 176 and 176 x 200 at a working size of 64: 64 x 64 and 64 x 72, an eighth of each side.
    assert found.dimensions[:, 0].tolist() == [2 * 8 * 8, 2 * 8 * 8, 2 * 8 * 9]


def test_likelihoods_are_the_same_for_any_number_of_samples(
    photos: Path, tmp_path: Path, model: PixColor
) -> None:
    found = measure(model, sorted(photos.iterdir())[2:], tmp_path, samples=1, seed=1)
    assert found.ms_ssim.shape == (1, 0, 3), "one sample has no pairs"
    again = measure(model, sorted(photos.iterdir())[2:], tmp_path, samples=3, seed=1)
    assert again.log_prob[0, 0].item() == pytest.approx(found.log_prob[0, 0].item(), rel=1e-5)
    assert again.log_prob_truth.item() == pytest.approx(found.log_prob_truth.item(), rel=1e-5)
    assert (again.log_prob_truth < 0).all()


def test_true_chroma_unrefined_gives_one_color_back(tmp_path: Path, model: PixColor) -> None:
    # A ramp of lightness in one chroma, which bilinear enlargement leaves as it is.
    ramp = np.linspace(60, 180, 176)[None, :].repeat(176, 0)
    picture = np.stack([ramp + 30, ramp, ramp - 20], axis=2).round().astype(np.uint8)
    path = tmp_path / "ramp.png"
    write_photo(Photo(picture), path)
    measure(model, [path], tmp_path / "out", samples=1, seed=0)
    found = load_rgb(tmp_path / "out" / "truth unrefined" / "ramp.png")
    assert (found - load_rgb(path)).abs().max() <= 1.01 / 255


def test_a_model_without_ranker_leaves_that_choice_out(photos: Path, tmp_path: Path, model: PixColor) -> None:
    model.ranker = None
    found = measure(model, sorted(photos.iterdir())[:1], tmp_path, samples=2, seed=0)
    text = choice_tables(found)
    assert "has no ranker" in text
    assert "learned ranker" not in text


def test_each_judge_chooses_its_own_sample() -> None:
    found = made_up([[10.0, 20.0, 12.0], [14.0, 20.0, 16.0]])
    chosen = choice_tables(found).split("\n\n")[0]
    lines = dict(line[2:].split(" | ", 1) for line in chosen.splitlines())
    # Means over the two photos: of all samples 15.33, of the first 12, of the last 14, of the best 20.
    for name, value in (("random", 15.33), ("likelihood", 12), ("learned ranker", 14)):
        assert lines[name].startswith(f"{value:.2f} [")
    assert lines["oracle (best PSNR)"].startswith("20.00 [20.00, 20.00]")
    preferences = choice_tables(found).splitlines()
    assert "| likelihood | 1.000 [1.000, 1.000] |" in preferences, "9 is above 0, -1 and -2"
    assert "| learned ranker | 0.333 [0.333, 0.333] |" in preferences, "0.5 is above 0 alone"
    assert "no ranker" in choice_tables(replace(found, rank=torch.empty(2, 0)))


def test_mean_and_histogram() -> None:
    estimate = mean_estimate(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    assert estimate.value == 3
    assert 1 <= estimate.low < 3 < estimate.high <= 6
    bars = text_histogram(torch.tensor([0.3, 0.97, 0.975, 0.99]), width=10).splitlines()
    assert bars[1] == "below 0.62  25.0% #####"
    assert " 0.96-0.98  50.0% ##########" in bars


def test_missing_photos_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path / "nowhere")])
    assert "nowhere is not a folder of photos" in capsys.readouterr().err


def test_the_intersection_is_the_mean_of_the_series() -> None:
    """By hand: the first series is the truth's own; the others have a half, half where a has 1/4, 3/4."""
    table = intersection_table(made_up([[20.0, 21.0], [22.0, 25.0]]))
    a, b = table.splitlines()[2:]
    assert a == "| intersection a | 0.875 [0.875, 0.875] | 1.000, 0.750 |"
    assert b == "| intersection b | 1.000 [1.000, 1.000] | 1.000, 1.000 |"
