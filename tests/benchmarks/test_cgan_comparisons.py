"""The paper's comparisons, with networks of a few channels on photos made for tests."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from autochrome.engine.recipe import changed_values
from autochrome.errors import CheckpointError
from autochrome.evaluation.scores import load_rgb
from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.models.cgan.model import CGAN
from autochrome.models.registry import create_model
from autochrome.pipeline.painter import ColorizeSettings, Painter
from benchmarks import cgan_comparisons, cgan_figures, cgan_measures, cgan_runs, realism
from benchmarks.cgan_comparisons import COMPARISONS, OTHERS
from benchmarks.cgan_measures import (
    Compared,
    OfOthers,
    OneByOne,
    Together,
    comparison_table,
    luma_error,
    measure,
    painted,
    true_colors,
)
from benchmarks.cgan_runs import Plan, Variant, Widths, finished_run, recipe_of
from tests.data.made_photos import landscape, write_folder

SMALL = ("trainer.batch_size=4", "trainer.precision=32-true", "watch.count=0")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgan_runs, "QUARTER", Widths((4, 3, 3, 3, 2), (4, 4, 4, 4)))
    monkeypatch.setattr(realism, "WIDTHS", (8, 8))
    real = realism.error_by_photo
    monkeypatch.setattr(realism, "error_by_photo", lambda *a: real(*a, seeds=1, steps=2))
    monkeypatch.setattr(cgan_figures, "GRID", 3)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Photos to train on, and five of 64 pixels to look at."""
    write_folder(tmp_path / "data" / "train-64px", 6)
    folder = tmp_path / "data" / "eval-256px"
    folder.mkdir()
    for number in range(5):
        write_photo(Photo(landscape(number, 64, 64)), folder / f"{number:03d}.png")
    return tmp_path / "data"


@pytest.fixture
def photos(data: Path) -> list[Path]:
    return sorted((data / "eval-256px").iterdir())


@pytest.fixture
def model() -> CGAN:
    made = create_model("cgan.test")
    assert isinstance(made, CGAN)
    return made


@pytest.fixture
def painter(model: CGAN) -> Painter:
    return Painter(model, device="cpu")


def plan(data: Path, tmp_path: Path, **changes: Any) -> Plan:
    return Plan(data, tmp_path / "runs", widths=cgan_runs.QUARTER, steps=2, overrides=SMALL, **changes)


def rows(text: str) -> dict[str, list[str]]:
    cells = [[each.strip() for each in line.strip("|").split("|")] for line in text.splitlines()]
    return {row[0]: row[1:] for row in cells if len(row) > 1}


class Known:
    """Answers with the photos' own colors, several times."""

    def __init__(self, painter: Painter, photos: list[Path], answers: int = 2) -> None:
        self.painter, self.photos, self.answers = painter, photos, answers

    def __call__(self, index: int) -> Any:
        found = true_colors(self.painter, self.photos[index])
        return replace(found, answer=found.answer.expand(self.answers, -1, -1, -1))


# The command --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["space", "noise"])
def test_a_comparison_has_a_table_and_a_figure(
    name: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, sets = tmp_path / "runs", [part for one in SMALL for part in ("--set", one)]
    options = ["--runs", str(runs), "--steps", "2", "--samples", "2", "--photos", "4", *sets]
    cgan_comparisons.main([name, str(data), *options])
    text = capsys.readouterr().out
    comparison = COMPARISONS[name]
    assert (runs / f"figure-{comparison.figure}.md").read_text(encoding="utf-8").strip() == text.strip()
    found = rows(text)
    first, second = comparison.sides
    assert found[""] == [first, second, OTHERS, f"{second} - {first}"]
    # Two steps of one update of the generator, with four photos, and of one of the discriminator.
    assert found["updates of the generator"] == ["2", "2", "", ""]
    assert found["photos seen by the generator"] == ["8", "8", "", ""]
    assert found["photos read in training"] == ["16", "16", "", ""]
    assert ("mean error of its own luma, of 255" in found) == (name == "space")
    assert "Widths of generator / discriminator: 4-3-3-3-2 / 4-4-4-4." in text
    picture = read_photo(runs / f"figure-{comparison.figure}.png").pixels
    if (
        name == "space"
    ):  # the truth and two samples of each side; all five columns of 128 pixels, and gaps of 4
        assert picture.shape[1] == 5 * 132 + 4
    else:  # two squares of 3 x 3 tiles of 64 pixels in cells of 80
        assert picture.shape[1] == 2 * (3 * 82 + 2 + 8) + 8


def test_all_comparisons_measure_every_network_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def figures(colors: Any, paths: list[Path], progress: Any) -> Compared:
        measured.append(colors)
        return made_up([1.0, 2.0], [0.1, 0.2])

    monkeypatch.setattr(cgan_comparisons, "measure", figures)
    sets = [part for one in SMALL for part in ("--set", one)]
    options = ["--runs", str(tmp_path), "--steps", "1", "--samples", "1", "--model", "cgan.test", *sets]
    cgan_comparisons.main(["all", str(data), *options])
    assert sorted(path.name for path in tmp_path.glob("figure-*")) == sorted(
        f"figure-{number}.{suffix}" for number in (6, 7, 8, 9, 10) for suffix in ("md", "png")
    )
    # The five networks and the gallery's, and the colors of others at the resolutions of both models.
    others = [colors for colors in measured if isinstance(colors, OfOthers)]
    assert (len(measured) - len(others), len(others)) == (6, 2)
    found = rows((tmp_path / "figure-9.md").read_text(encoding="utf-8"))
    assert found["objective"] == ["gan", "wgan", "", ""]
    # A step of the Wasserstein GAN reads five batches for the critic and one for the generator.
    assert found["photos seen by the generator"][:2] == ["4", "4"]
    assert found["photos read in training"][:2] == ["8", "24"]


def test_the_gallery_shows_and_measures_a_registered_model(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ["--model", "cgan.test", "--samples", "2", "--out", str(out), "--statistics", "batch"]
    cgan_comparisons.main(["gallery", str(data), *options])
    text = capsys.readouterr().out
    assert rows(text)[""] == ["cgan.test", OTHERS]
    assert "5 photos, 2 samples each, seed 0, batch statistics" in text
    assert read_photo(out / "figure-10.png").pixels.shape[1] == 6 * 132 + 4


def test_what_is_wrong_is_told(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, told in (
        (["noise", str(tmp_path / "none")], "is not a folder of photos"),
        (["noise", str(data), "--photos", "3"], "too few"),
        (["noise", str(data), "--steps", "0"], "--steps is at least 1"),
    ):
        with pytest.raises(SystemExit):
            cgan_comparisons.main(options)
        assert told in capsys.readouterr().err
    with pytest.raises(SystemExit, match="no model is called"):
        cgan_comparisons.main(["gallery", str(data), "--model", "cgam.test"])


# Runs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "changes"),
    [
        (cgan_runs.RGB, {"model.options.space: yuv -> rgb"}),
        (cgan_runs.SINGLE_NOISE, {"model.options.noise: multi -> single"}),
        (cgan_runs.SINGLE_CONDITION, {"model.options.condition: multi -> single"}),
        (
            cgan_runs.WGAN,  # section 1 of the released code: RMSProp of decay .9, k_D = 5
            {
                "model.options.objective: gan -> wgan",
                "optimizer.name: adam -> rmsprop",
                "optimizer.lr: 0.0002 -> 0.0001",
                "optimizer.betas: [0.5, 0.999] -> [0.5, 0.9]",
                "adversary.steps: 1 -> 5",
                "adversary.optimizer.name: adam -> rmsprop",
                "adversary.optimizer.betas: [0.5, 0.999] -> [0.5, 0.9]",
            },
        ),
    ],
)
def test_runs_differ_in_one_switch(variant: Variant, changes: set[str], data: Path, tmp_path: Path) -> None:
    common = plan(data, tmp_path)
    found = changed_values(recipe_of(cgan_runs.BASELINE, common), recipe_of(variant, common))
    assert set(found) == changes


def test_the_wgan_may_take_more_steps(data: Path, tmp_path: Path) -> None:
    longer = plan(data, tmp_path, wgan_steps=1.5, objective="non_saturating")
    assert recipe_of(cgan_runs.WGAN, longer).trainer.steps == 3
    assert recipe_of(cgan_runs.WGAN, longer).model.options["objective"] == "wgan"
    assert recipe_of(cgan_runs.RGB, longer).trainer.steps == 2
    assert recipe_of(cgan_runs.RGB, longer).model.options["objective"] == "non_saturating"


def test_a_finished_run_is_not_trained_again_and_a_broken_one_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = plan(data, tmp_path)
    with pytest.raises(SystemExit, match="is at step 1 of 2: give the same command again"):
        finished_run(cgan_runs.SINGLE_NOISE, replace(common, minutes=0.0))
    run = finished_run(cgan_runs.SINGLE_NOISE, common)
    assert (run.updates, run.photos, run.read) == (2, 8, 16)
    generator: Any = run.model.generator
    told = [layer.in_channels for layer in generator.convolutions]
    assert told == [2, 5, 4, 4, 4, 3], "noise in layer 1 alone"
    named = create_model("cgan.paper", weights=tmp_path / "runs" / "single-noise" / "model.safetensors")
    assert [value.shape for value in named.parameters()] == [v.shape for v in run.model.parameters()]
    monkeypatch.setattr(cgan_runs, "train", None)
    again = finished_run(cgan_runs.SINGLE_NOISE, common)
    state = run.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in again.model.state_dict().items())


def test_looks_of_the_second_half_tell_how_a_network_changed(data: Path, tmp_path: Path) -> None:
    watched = (*SMALL, "watch.count=2", "watch.every=1", "trainer.log_every=1")
    run = finished_run(cgan_runs.RGB, replace(plan(data, tmp_path), steps=4, overrides=watched))
    log = (tmp_path / "runs" / "rgb" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [look.diversity for look in run.looks] == [
        json.loads(line)["look"]["diversity"] for line in log[2:]
    ]
    assert cgan_comparisons._range([1.0, 2.0, 6.0], 1) == "3.0 (1.0 to 6.0)"


def test_a_run_of_another_kind_is_not_taken_for_this_one(data: Path, tmp_path: Path) -> None:
    common = plan(data, tmp_path)
    finished_run(cgan_runs.BASELINE, common)
    with pytest.raises(CheckpointError, match=r"model\.options\.objective: gan -> non_saturating"):
        finished_run(cgan_runs.BASELINE, replace(common, objective="non_saturating"))
    with pytest.raises(CheckpointError, match="has been trained for 2 steps, not 1"):
        finished_run(cgan_runs.BASELINE, replace(common, steps=1))
    quieter = replace(common, overrides=(*SMALL, "trainer.log_every=1", "trainer.threads=1"))
    assert finished_run(cgan_runs.BASELINE, quieter).updates == 2


# Measures -----------------------------------------------------------------------------------------


def test_true_colors_are_real_and_all_alike(painter: Painter, photos: list[Path]) -> None:
    """The network's 16 pixels hold two colors and a horizon between them."""
    found = measure(Known(painter, photos), photos)
    assert found.error.tolist() == [[0.5]] * 5
    assert found.spread.abs().max() < 1e-3
    assert (found.colorfulness.mean() / found.colorfulness_truth.mean() - 1).abs() < 0.1
    assert found.psnr.min() > 25


def test_photos_of_176_pixels_have_ms_ssim(painter: Painter, tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.png")
        write_photo(Photo(landscape(number, 176, 180)), paths[-1])
    found = measure(Known(painter, paths, answers=3), paths)
    assert found.ms_ssim.shape == (4, 3, 3)
    assert found.ms_ssim.min() > 0.999
    table = comparison_table({"known": found}, {}, None)
    assert rows(table)["color MS-SSIM of pairs of samples"][0].startswith("1.000 [")


def test_what_is_painted_as_real_is_the_photo(painter: Painter, photos: list[Path]) -> None:
    truth = load_rgb(photos[0])
    real = painted(painter, true_colors(painter, photos[0], (64, 64))).float() / 255
    assert (real - truth).abs().mean() < 0.01
    coarse = painted(painter, true_colors(painter, photos[0])).float() / 255
    assert (real - truth).abs().mean() < (coarse - truth).abs().mean()


def test_no_photo_has_its_own_colors_among_those_of_others(painter: Painter, photos: list[Path]) -> None:
    others = OfOthers(painter, photos, ColorizeSettings(samples=3, seed=7))
    own = [true_colors(painter, path).answer[0] for path in photos]
    for index in range(len(photos)):
        given = others(index)
        assert given.photo.pixels.shape == (64, 64, 3)
        found = [next(i for i, ab in enumerate(own) if torch.equal(ab, one)) for one in given.answer]
        assert len(found) == 3
        assert index not in found


def test_samples_are_those_of_the_pipeline(painter: Painter, photos: list[Path]) -> None:
    settings = ColorizeSettings(samples=2, seed=3)
    found = painted(painter, OneByOne(painter, photos, settings)(1))
    wanted = painter.colorize(read_photo(photos[1]), settings)
    assert np.array_equal(found.permute(0, 2, 3, 1), np.stack([each.pixels for each in wanted]))


def test_batches_share_their_statistics(
    painter: Painter, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Algorithm 2 on five photos in batches of three and two."""
    monkeypatch.setattr(cgan_measures, "TOGETHER", 3)
    together = Together(painter, photos, ColorizeSettings(samples=2, seed=5))
    luma = [cgan_measures.luma_of_lightness(true_colors(painter, p).luma, "yuv") for p in photos]
    model: Any = painter.model
    with torch.inference_mode():
        for batch, seed in (([0, 1, 2], 5), ([3, 4], 6)):
            seen = torch.cat([luma[i] for i in batch])
            generator = torch.Generator().manual_seed(seed)
            drawn = model.sample(seen, n=2, generator=generator, statistics="batch").chroma
            for place, index in enumerate(batch):
                answer = together(index).answer
                for k in range(2):
                    ab = cgan_measures.ab_of_chroma(luma[index], drawn[place, k : k + 1], "yuv")
                    assert torch.allclose(answer[k : k + 1], ab, atol=1e-4)


def test_batches_need_photos_of_one_size_that_differ(painter: Painter, photos: list[Path]) -> None:
    with pytest.raises(ValueError, match="identical"):
        Together(painter, [photos[0], photos[0]], ColorizeSettings(samples=2))(0)
    write_photo(Photo(landscape(9, 64, 128)), photos[0])
    with pytest.raises(ValueError, match="several sizes"):
        Together(painter, photos, ColorizeSettings(samples=2))(0)
    with pytest.raises(ValueError, match=r"cic\.test takes no statistics"):
        Together(Painter("cic.test", device="cpu"), photos, ColorizeSettings())


def test_the_luma_error_of_a_network_that_paints_white(photos: list[Path]) -> None:
    model: Any = create_model("cgan.test", space="rgb")
    last = model.generator.convolutions[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, 20.0)
    painter = Painter(model, device="cpu")
    gray = torch.stack([true_colors(painter, path).luma.mean() for path in photos])
    assert gray.max() < 95
    lumas = [cgan_measures.luma_of_lightness(true_colors(painter, p).luma, "yuv") for p in photos]
    wanted = 127.5 * (1 - torch.cat(lumas)).mean()
    assert luma_error(model, photos, 0) == pytest.approx(float(wanted), abs=0.01)


def made_up(spread: list[float], error: list[float]) -> Compared:
    def column(*values: float) -> Tensor:
        return torch.tensor(values, dtype=torch.float64)[:, None]

    one, n = torch.ones(2, 2, dtype=torch.float64), len(spread)
    histograms = torch.tensor([[1.0, 3.0], [2.0, 2.0]], dtype=torch.float64)
    return Compared(
        psnr=one,
        auc=one,
        ciede2000=one,
        ms_ssim=torch.empty(n, 0, 3, dtype=torch.float64),
        spread=column(*spread),
        delta_e=column(1.0, 1.0),
        histograms=histograms.flip(1).expand(n, 2, 2, 2),
        histograms_truth=histograms.expand(n, 2, 2),
        colorfulness=30 * one,
        colorfulness_truth=column(40.0, 40.0),
        error=column(*error),
    )


def test_the_table_by_hand() -> None:
    """Two photos: means, and the difference of the second system from the first photo by photo."""
    systems = {"A": made_up([2.0, 4.0], [0.1, 0.2]), "B": made_up([3.0, 5.0], [0.2, 0.3])}
    facts = {"updates": {"A": "7"}}
    found = rows(comparison_table(systems, facts, ("A", "B")))
    assert found[""] == ["A", "B", "B - A"]
    assert found["updates"] == ["7", "", ""]
    spread = found["spread of the samples in ab, CIE units"]
    assert re.match(r"3\.00 \[2\.00, 4\.00\]", spread[0])
    assert spread[2] == "+1.00 [+1.00, +1.00]", "in pairs the photos' differences fall away"
    assert found["error of a fresh classifier, %"][0].startswith("15.0 [")
    assert found["error of a fresh classifier, %"][2].startswith("+10.0 [+10.0")
    # By hand: 1/4, 3/4 against 3/4, 1/4 in a; the same in b.
    assert found["histogram intersection, a"][0].startswith("0.500")
    assert found["histogram intersection, b"][0].startswith("1.000")
    assert found["colorfulness delta"][0].startswith("10.0")
    assert found["colorfulness, share of the photos'"][0].startswith("0.75")
    assert "color MS-SSIM of pairs of samples" not in found


# Figures ------------------------------------------------------------------------------------------


def test_photos_are_chosen_by_name_or_at_equal_distances() -> None:
    paths = [Path(f"{number:03d}.webp") for number in range(400)]
    assert cgan_figures.chosen(paths, cgan_figures.FREE) == [92, 373]
    assert cgan_figures.chosen(paths[:101], cgan_figures.FREE) == [0, 100]
    assert cgan_figures.chosen(paths[:2], cgan_figures.ROWS) == [0, 1]


def test_the_truth_stands_on_the_left(painter: Painter, photos: list[Path]) -> None:
    sides = {"A": Known(painter, photos, 1), "B": Known(painter, photos, 1)}
    page = cgan_figures.side_by_side(sides, photos[:2])
    first = page[24 + 4 : 24 + 4 + 64, 4 + 32 : 4 + 32 + 64]  # below the heading, in the middle of its cell
    assert np.array_equal(first, read_photo(photos[0]).pixels)
    beside = page[24 + 4 : 24 + 4 + 64, 132 + 4 + 32 : 132 + 4 + 32 + 64]
    assert np.array_equal(beside, painted(painter, true_colors(painter, photos[0]))[0].permute(1, 2, 0))
