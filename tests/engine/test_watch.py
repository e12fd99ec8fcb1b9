from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.bins import AB_BINS
from autochrome.color.spaces import LAB, get_space
from autochrome.data.priors import estimate_prior
from autochrome.data.sources import open_source
from autochrome.engine.recipe import WatchRecipe
from autochrome.engine.watch import Look, Watch, start_warnings, step_warnings
from autochrome.models.base import Colorizer, Samples
from autochrome.models.cic import CIC
from autochrome.models.registry import create_model
from autochrome.models.spec import ModelSpec
from tests.data.made_photos import encode


class Painted(Colorizer):
    """Gives every place the same chroma."""

    def __init__(self, chroma: tuple[float, float], space: str = "lab") -> None:
        super().__init__()
        self.spec = ModelSpec("painted", "test", space, 32, 1, "none")
        self.value = torch.nn.Parameter(torch.tensor(chroma)[None, None, :, None, None])

    def sample(
        self,
        luma: Float[Tensor, "b 1 h w"],
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Samples:
        b, _, h, w = luma.shape
        return Samples(self.value.expand(b, n, 2, h // 4, w // 4), self.spec.space)


@pytest.fixture
def watch(photos: Path) -> Watch:
    return Watch(open_source(photos), WatchRecipe(count=3, size=32))


def test_gray_colourings_gain_nothing(watch: Watch, tmp_path: Path) -> None:
    look = watch.look(Painted((0.0, 0.0)), tmp_path, 7)
    assert look.psnr_gain == pytest.approx(0, abs=1e-4)
    assert look.chroma == pytest.approx(0, abs=0.1)
    assert look.true_chroma == pytest.approx(LAB.split(watch.truth)[1].norm(dim=1).mean().item())
    assert look.true_chroma > 20


@pytest.mark.parametrize("space", ["lab", "ycbcr"])
def test_the_true_colour_gains_and_its_opposite_loses(space: str, tmp_path: Path) -> None:
    rgb = np.full((40, 40, 3), (150, 100, 70), np.uint8)
    (tmp_path / "photos").mkdir(exist_ok=True)
    (tmp_path / "photos" / "brown.png").write_bytes(encode(rgb))
    watch = Watch(open_source(tmp_path / "photos"), WatchRecipe(count=3, size=32))
    chroma = get_space(space).split(watch.truth)[1].mean((0, 2, 3))
    neutral = torch.tensor(get_space(space).neutral)
    true, opposite, gray = (
        watch.look(Painted(tuple((neutral + share * (chroma - neutral)).tolist()), space), tmp_path, 1)
        for share in (1.0, -1.0, 0.0)
    )
    assert true.psnr_gain > 10
    assert true.chroma == pytest.approx(true.true_chroma, rel=0.01)
    assert opposite.psnr_gain < -3
    assert gray.psnr_gain == pytest.approx(0, abs=1e-3)


def test_the_grid_shows_gray_result_and_truth(watch: Watch, tmp_path: Path) -> None:
    watch.look(Painted((0.0, 0.0)), tmp_path, 42)
    grid = pyvips.Image.new_from_file(str(tmp_path / "samples" / "0000042.png")).numpy()
    assert grid.shape == (3 * 32, 3 * 32, 3)
    truth = (watch.truth[1].permute(1, 2, 0) * 255).round().byte().numpy()
    assert (grid[32:64, 64:] == truth).all()
    assert abs(grid[32:64, :32].astype(int) - grid[32:64, 32:64]).max() <= 1


def test_a_look_leaves_the_model_in_its_mode(watch: Watch, tmp_path: Path) -> None:
    colorizer = Painted((0.0, 0.0)).train()
    watch.look(colorizer, tmp_path, 1)
    assert colorizer.training


# Warnings

HEALTHY = Look(psnr_gain=0.5, chroma=8.0, true_chroma=16.0)
SURE = {"entropy": 3.0}


def test_a_healthy_run_gives_no_warning() -> None:
    for step in (1, 300, 1000, 100_000):
        assert step_warnings(step, SURE, HEALTHY) == {}
        assert step_warnings(step, SURE, None) == {}


def test_early_uncertainty_and_grayness_are_natural() -> None:
    assert step_warnings(100, {"entropy": math.log(AB_BINS)}, Look(0.0, 0.1, 16.0)) == {}


@pytest.mark.parametrize(
    ("kind", "step", "means", "look"),
    [
        ("uncertain", 300, {"entropy": 0.99 * math.log(AB_BINS)}, None),
        ("gray", 1000, SURE, Look(0.0, 1.0, 16.0)),
        ("garish", 1000, SURE, Look(-5.0, 40.0, 16.0)),
        ("gray photos", 1, SURE, Look(0.0, 1.0, 0.5)),
    ],
)
def test_each_warning_fires_alone(kind: str, step: int, means: dict[str, float], look: Look | None) -> None:
    assert list(step_warnings(step, means, look)) == [kind]


def test_rebalancing_by_a_flat_prior_is_noticed(photos: Path) -> None:
    colorizer = create_model("cic.test", pretrained=False)
    assert isinstance(colorizer, CIC)
    assert "rebalancing has no effect" in start_warnings(colorizer)[0]
    colorizer.set_prior(estimate_prior(open_source(photos)))
    assert start_warnings(colorizer) == []
    assert start_warnings(create_model("cic.test", pretrained=False, rebalance_mix=1.0)) == []
    assert start_warnings(Painted((0.0, 0.0))) == []
