"""PixColor's ablation, likelihood and choice, with tiny models of random weights."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from autochrome.evaluation.files import load_rgb
from autochrome.io.photo import Photo, write_photo
from autochrome.metrics.diversity import sample_errors
from autochrome.models.pixcolor.model import PixColor
from autochrome.models.registry import create_model
from reproduce import pixcolor
from reproduce.pixcolor import CELLS, Measured, ablation_table, choice_tables, likelihood_table, main
from reproduce.pixcolor import measure_photo as measure


@pytest.fixture
def model() -> PixColor:
    made = create_model("pixcolor.test")
    assert isinstance(made, PixColor)
    return made


def cells_of(table: str) -> dict[str, list[str]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if "|" in line
    ]
    return {row[0]: row[1:] for row in rows}


def made_up(psnr: list[list[float]]) -> Measured:
    """Return samples of which likelihood prefers the first and the ranker the last."""
    scores = torch.tensor(psnr, dtype=torch.float64)
    order = torch.arange(scores.shape[1], dtype=torch.float64).expand_as(scores)
    one = torch.ones(len(scores), 1, dtype=torch.float64)
    cells = torch.tensor([[1.0, 2.0, 4.0, 7.0], [2.0, 4.0, 5.0, 8.0]], dtype=torch.float64)
    return {
        "psnr": scores,
        "auc": scores + 50,
        "ciede2000": 30 - scores,
        **{f"cells_{key}": cells for key in pixcolor.SCORES},
        "log_prob": -order,
        "log_prob_truth": 9 * one,
        "rank": order,
        "rank_truth": 0.5 * one,
    }


def test_every_table_is_printed(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(photos), "--model", "pixcolor.test", "--samples", "2", "--photos", "2"])
    captured = capsys.readouterr()
    rows = cells_of(captured.out)
    expected = {*CELLS, "truth: refined - unrefined", "true low-resolution chroma", "the model's samples"}
    assert expected | {"random", "likelihood", "learned ranker", "oracle (best PSNR)"} <= set(rows)
    assert "nan" not in captured.out
    assert "measured: 2 of 2" in captured.err


def test_cells_are_in_their_places(photos: Path, model: PixColor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first sample refined is a cell; refining changes the sample and the truth."""
    rgb = load_rgb(photos / "coffee.png")
    judged = []
    real = sample_errors
    monkeypatch.setattr(pixcolor, "sample_errors", lambda *a: judged.append(a[0]) or real(*a))
    measured = measure(model, rgb, 2, 1)
    [pictures] = judged
    by_cell = dict(zip(CELLS, measured["cells_psnr"].tolist(), strict=True))
    assert by_cell["sample refined"] == measured["psnr"][0]
    # As they are measured: sample and truth unrefined, truth refined, then the refined samples.
    expected = [float(real(pictures[i : i + 1], rgb)["psnr"]) for i in (0, 3, 1, 2)]
    assert [by_cell[name] for name in CELLS] == pytest.approx(expected, rel=1e-5)
    assert not torch.equal(pictures[0], pictures[3])
    assert not torch.equal(pictures[1], pictures[2])
    assert torch.equal(pictures, (pictures * 255).round() / 255)


def test_likelihoods_are_the_same_for_any_number_of_samples(photos: Path, model: PixColor) -> None:
    rgb = load_rgb(photos / "coffee.png")
    one, three = (measure(model, rgb, samples, 1) for samples in (1, 3))
    assert three["log_prob"][0].item() == pytest.approx(one["log_prob"].item(), rel=1e-5)
    assert three["log_prob_truth"].item() == pytest.approx(one["log_prob_truth"].item(), rel=1e-5)
    assert three["log_prob_truth"].item() < 0


def test_likelihood_is_in_bits_per_dimension(
    photos: Path, model: PixColor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """176 x 200 px at a working size of 64: 64 x 80, of which 28 of 128 rows are drawn, two channels."""
    nats = 2 * 14 * 18 * math.log(2) * 3
    monkeypatch.setattr(model, "log_prob", lambda *_: torch.tensor([-nats]))
    measured = measure(model, load_rgb(photos / "coffee.png"), 1, 0)
    assert measured["log_prob_truth"].item() == pytest.approx(-3)
    table = cells_of(likelihood_table({key: value[None].double() for key, value in measured.items()}))
    assert table["true low-resolution chroma"] == ["3.000 [3.000, 3.000]"]


def test_true_chroma_unrefined_gives_one_color_back(tmp_path: Path, model: PixColor) -> None:
    # A ramp of lightness in one chroma, which bilinear enlargement leaves as it is.
    ramp = np.linspace(60, 180, 176)[None, :].repeat(176, 0)
    picture = np.stack([ramp + 30, ramp, ramp - 20], axis=2).round().astype(np.uint8)
    path = tmp_path / "ramp.png"
    write_photo(Photo(picture), path)
    measured = measure(model, load_rgb(path), 1, 0)
    by_cell = dict(zip(CELLS, measured["cells_psnr"].tolist(), strict=True))
    assert by_cell["truth unrefined"] > 48  # off by at most one of 255


def test_a_model_without_ranker_leaves_that_choice_out(photos: Path, model: PixColor) -> None:
    model.spec = replace(model.spec, can=model.spec.can - {"rank"})
    measured = measure(model, load_rgb(photos / "chelsea.png"), 2, 0)
    text = choice_tables({key: value[None].double() for key, value in measured.items()})
    assert "has no ranker" in text
    assert "learned ranker" not in text


def test_the_ablation_is_a_mean_over_photos() -> None:
    rows = cells_of(ablation_table(made_up([[1.0], [2.0]])))
    assert [rows[name][0].split()[0] for name in CELLS] == ["1.50", "3.00", "4.50", "7.50"]
    assert rows["sample: refined - unrefined"][0] == "+1.50 [+1.00, +2.00]"
    assert rows["truth: refined - unrefined"][0] == "+3.00 [+3.00, +3.00]"


def test_each_judge_chooses_its_own_sample() -> None:
    text = choice_tables(made_up([[10.0, 20.0, 12.0], [14.0, 20.0, 16.0]]))
    chosen = cells_of(text.split("\n\n")[0])
    # Means over the two photos: of all samples 15.33, of the first 12, of the last 14, of the best 20.
    for name, value in (("random", 15.33), ("likelihood", 12), ("learned ranker", 14)):
        assert chosen[name][0].startswith(f"{value:.2f} [")
    assert chosen["oracle (best PSNR)"][0] == "20.00 [20.00, 20.00]"
    preferences = text.splitlines()
    assert "| likelihood | 1.000 [1.000, 1.000] |" in preferences, "9 is above 0, -1 and -2"
    assert "| learned ranker | 0.333 [0.333, 0.333] |" in preferences, "0.5 is above 0 alone"


def test_missing_photos_and_other_models_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in ([str(tmp_path / "nowhere")], [str(tmp_path), "--model", "cic.test"]):
        with pytest.raises(SystemExit):
            main(["--model", "pixcolor.test", *options])
    printed = capsys.readouterr().err
    assert "nowhere" in printed
    assert "cic.test is not a PixColor" in printed
