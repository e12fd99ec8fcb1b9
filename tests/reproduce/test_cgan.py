"""The runs of the paper's comparisons and their realism, with networks of a few channels on made photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from autochrome.color.conversion import luma_of_lightness
from autochrome.engine.recipe import changed_values
from autochrome.errors import CheckpointError
from autochrome.evaluation.files import load_rgb
from autochrome.io.photo import Photo, write_photo
from autochrome.models.registry import create_model
from autochrome.pipeline.painter import Painter
from reproduce import cgan, realism
from reproduce.cgan import finish, luma_error, painted, recipe_of, true_colors
from tests.data.made_photos import landscape, write_folder

SMALL = (
    "trainer.batch_size=4",
    "trainer.precision=32-true",
    "validation.count=0",
    "model.options.widths=[4,3,3,3,2]",
    "model.options.discriminator_widths=[4,4,4,4]",
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realism, "WIDTHS", (8, 8))
    monkeypatch.setattr(cgan, "error_by_photo", lambda *a: realism.error_by_photo(*a, seeds=1, steps=2))


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
def painter() -> Painter:
    return Painter("cgan.test", device="cpu")


def rows(text: str) -> dict[str, list[str]]:
    cells = [[each.strip() for each in line.strip("|").split("|")] for line in text.splitlines()]
    return {row[0]: row[1:] for row in cells if len(row) > 1}


def test_two_runs_are_trained_and_their_realism_is_measured(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, sets = tmp_path / "runs", [part for one in SMALL for part in ("--set", one)]
    options = ["--only", "baseline", "--only", "rgb", "--steps", "2", "--runs", str(runs)]
    cgan.main(["train", str(data), *options, *sets])
    compare, measure = capsys.readouterr().out.splitlines()
    assert compare.startswith(f"autochrome compare {data / 'eval-256px'} -o {runs / 'report'} --model base")
    start = "python -m reproduce.cgan "
    assert measure.startswith(start)
    cgan.main([*measure.removeprefix(start).split(), "--samples", "2"])
    text = capsys.readouterr().out
    found = rows(text)
    assert {"baseline", "rgb"} <= set(found)
    error, difference, luma = found["rgb"]
    assert 0 <= float(error.split()[0]) <= 100
    assert difference[0] in "+-0"
    assert float(luma) > 0
    assert found["baseline"][1:] == ["", ""]
    assert "5 photos, 2 samples each, seed 0" in text


def test_a_model_that_does_not_draw_and_too_few_photos_are_refused(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in (["--model", "cic.test"], ["--model", "cgan.test", "--photos", "3"], ["--model", "cgam"]):
        with pytest.raises(SystemExit):
            cgan.main(["realism", str(data / "eval-256px"), *options])
        assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variant", "changes"),
    [
        ("rgb", {"model.options.space: yuv -> rgb"}),
        ("single-noise", {"model.options.noise: multi -> single"}),
        ("single-condition", {"model.options.condition: multi -> single"}),
        (
            "wgan",  # section 1 of the released code: RMSProp of decay .9, k_D = 5
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
def test_runs_differ_in_one_switch(variant: str, changes: set[str], data: Path) -> None:
    spelled_out = ("model.options.space=yuv", "model.options.noise=multi", "model.options.condition=multi")
    spelled_out = (*spelled_out, "model.options.objective=gan")
    baseline, other = (recipe_of(name, data, 2, *SMALL, *spelled_out) for name in ("baseline", variant))
    assert set(changed_values(baseline, other)) == changes


def test_the_variant_comes_after_other_overrides(data: Path) -> None:
    saturating = "model.options.objective=non_saturating"
    assert recipe_of("wgan", data, 2, *SMALL, saturating).model.options["objective"] == "wgan"
    assert recipe_of("rgb", data, 2, *SMALL, saturating).model.options["objective"] == "non_saturating"


def test_a_broken_run_goes_on_and_one_of_another_kind_is_refused(data: Path, tmp_path: Path) -> None:
    recipe, folder = recipe_of("single-noise", data, 2, *SMALL), tmp_path / "run"
    with pytest.raises(SystemExit, match="is at step 1 of 2; repeat the command"):
        finish(recipe, folder, minutes=0.0)
    weights = finish(recipe, folder)
    model: Any = create_model("cgan.paper", weights=weights)
    assert [layer.in_channels for layer in model.generator.convolutions] == [2, 5, 4, 4, 4, 3], (
        "noise in layer 1 alone"
    )
    before = weights.read_bytes()
    assert finish(recipe, folder).read_bytes() == before, "a finished run stays as it is"
    with pytest.raises(CheckpointError):
        finish(recipe_of("baseline", data, 2, *SMALL), folder)


def test_true_colors_cannot_be_told_from_the_photos(
    painter: Painter, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network's 16 pixels hold two colors and a horizon between them."""

    def known(photo: Photo, settings: Any) -> Any:
        own = true_colors(painter, Path(str(photo.source)))
        return replace(own, answer=own.answer.expand(2, -1, -1, -1))

    monkeypatch.setattr(painter, "predict", known)
    assert cgan.realism(painter, photos, Any).tolist() == [0.5] * 5  # type: ignore[arg-type]


def test_what_is_painted_as_real_is_the_photo(painter: Painter, photos: list[Path]) -> None:
    truth = load_rgb(photos[0])

    def error(shape: tuple[int, int] | None) -> Tensor:
        return (painted(painter, true_colors(painter, photos[0], shape)).float() / 255 - truth).abs().mean()

    assert error((64, 64)) < 0.01
    assert error((64, 64)) < error(None)


def test_the_luma_error_of_a_network_that_paints_white(photos: list[Path]) -> None:
    model: Any = create_model("cgan.test", space="rgb")
    last = model.generator.convolutions[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, 20.0)
    painter = Painter(model, device="cpu")
    luma = torch.cat([luma_of_lightness(true_colors(painter, path).luma, "yuv") for path in photos])
    assert luma.mean() < 0.9
    assert luma_error(model, photos, 0) == pytest.approx(float(127.5 * (1 - luma).mean()), abs=0.01)
