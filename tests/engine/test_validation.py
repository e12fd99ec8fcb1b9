"""Validation photos: what is measured of them, and the grid."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.spaces import LAB, get_space
from autochrome.data.sources import open_source
from autochrome.engine.recipe import ValidationRecipe
from autochrome.engine.validation import Validator
from autochrome.models.base import Batch, Colorizer, Samples
from autochrome.models.registry import create_model, model_spec
from tests.data.made_photos import encode


class Painted(Colorizer):
    """Gives every place the same chroma."""

    def __init__(self, chroma: tuple[float, float], space: str = "lab") -> None:
        super().__init__()
        self.spec = replace(model_spec("gray"), arch="painted", tag="test", space=space)
        self.value = torch.nn.Parameter(torch.tensor(chroma)[None, None, :, None, None])

    def training_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Squared distance of the true chroma, averaged; in training mode a number that is none."""
        squared = (batch.chroma - self.value[0]).square().mean()
        return {"loss": squared * math.nan if self.training else squared}

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


FAN = ((0.0, 0.0), (8.0, 0.0), (0.0, 6.0), (8.0, 6.0))
"""a* and b* of four samples."""


class Fanned(Painted):
    """Draws the fan, in the size of a fortieth of the photo's mean lightness."""

    def __init__(self) -> None:
        super().__init__((0.0, 0.0))
        self.spec = replace(self.spec, kind="samples")

    def sample(
        self,
        luma: Float[Tensor, "b 1 h w"],
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Samples:
        size = luma.mean((1, 2, 3)) / 40
        chroma = size[:, None, None] * torch.tensor(FAN)[:n]
        return Samples(chroma[..., None, None].expand(-1, -1, -1, 8, 8), self.spec.space)


@pytest.fixture
def validator(photos: Path) -> Validator:
    return Validator(open_source(photos), ValidationRecipe(count=3, size=32))


def validator_of_gray(folder: Path, *values: int) -> Validator:
    """Photos of one gray each."""
    folder.mkdir()
    for number, value in enumerate(values):
        (folder / f"{number}.png").write_bytes(encode(np.full((40, 40, 3), value, np.uint8)))
    return Validator(open_source(folder), ValidationRecipe(count=len(values), size=32))


def test_gray_colorings_gain_nothing(validator: Validator, tmp_path: Path) -> None:
    metrics = validator.evaluate(Painted((0.0, 0.0)), tmp_path, 7)
    assert metrics.psnr_gain == pytest.approx(0, abs=1e-4)
    assert metrics.chroma == pytest.approx(0, abs=0.1)
    assert metrics.true_chroma == pytest.approx(LAB.split(validator.truth)[1].norm(dim=1).mean().item())
    assert metrics.true_chroma > 20


@pytest.mark.parametrize("space", ["lab", "ycbcr"])
def test_the_true_color_gains_and_its_opposite_loses(space: str, tmp_path: Path) -> None:
    rgb = np.full((40, 40, 3), (150, 100, 70), np.uint8)
    (tmp_path / "photos").mkdir(exist_ok=True)
    (tmp_path / "photos" / "brown.png").write_bytes(encode(rgb))
    validator = Validator(open_source(tmp_path / "photos"), ValidationRecipe(count=3, size=32))
    chroma = get_space(space).split(validator.truth)[1].mean((0, 2, 3))
    neutral = torch.tensor(get_space(space).neutral)
    true, opposite, gray = (
        validator.evaluate(
            Painted(tuple((neutral + share * (chroma - neutral)).tolist()), space), tmp_path, 1
        )
        for share in (1.0, -1.0, 0.0)
    )
    assert true.psnr_gain > 10
    assert true.chroma == pytest.approx(true.true_chroma, rel=0.01)
    assert opposite.psnr_gain < -3
    assert gray.psnr_gain == pytest.approx(0, abs=1e-3)


def test_the_grid_shows_gray_result_and_truth(validator: Validator, tmp_path: Path) -> None:
    validator.evaluate(Painted((0.0, 0.0)), tmp_path, 42)
    grid = pyvips.Image.new_from_file(str(tmp_path / "samples" / "0000042.png")).numpy()
    assert grid.shape == (3 * 32, 3 * 32, 3)
    truth = (validator.truth[1].permute(1, 2, 0) * 255).round().byte().numpy()
    assert (grid[32:64, 64:] == truth).all()
    assert abs(grid[32:64, :32].astype(int) - grid[32:64, 32:64]).max() <= 1


def test_a_look_leaves_the_model_in_its_mode(validator: Validator, tmp_path: Path) -> None:
    colorizer = Painted((0.0, 0.0)).train()
    validator.evaluate(colorizer, tmp_path, 1)
    assert colorizer.training


def test_colorfulness_is_that_of_hasler_and_suesstrunk(tmp_path: Path) -> None:
    """One color has no variance: 0.3 sqrt(rg^2 + yb^2) is left, with rg = 150 - 100, yb = 125 - 70."""
    validator = validator_of_gray(tmp_path / "photos", 0)
    validator.truth[:] = torch.tensor([150, 100, 70])[:, None, None] / 255
    a, b = LAB.split(validator.truth)[1].mean((0, 2, 3)).tolist()
    metrics = validator.evaluate(Painted((a, b)), tmp_path, 1)
    assert metrics.true_colorfulness == pytest.approx(0.3 * math.hypot(50, 55), rel=1e-5)
    assert metrics.colorfulness == pytest.approx(metrics.true_colorfulness, rel=1e-3)
    assert validator.evaluate(Painted((0.0, 0.0)), tmp_path, 2).colorfulness == pytest.approx(0, abs=0.1)


# Validation loss


@pytest.mark.parametrize("space", ["lab", "ycbcr"])
def test_the_loss_is_the_model_s_own_over_all_photos_in_evaluation_mode(space: str, tmp_path: Path) -> None:
    """17 photos: one more than are colored in one go, and it weighs as much as each of the others."""
    validator = validator_of_gray(tmp_path / "photos", *range(17))
    validator.truth[:] = torch.rand(validator.truth.shape, generator=torch.Generator().manual_seed(1))
    validator.truth[16] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    metrics = validator.evaluate(Painted((0.1, 0.2), space).train(), tmp_path, 1)
    chroma = get_space(space).split(validator.truth)[1]
    expected = (chroma - torch.tensor([0.1, 0.2])[:, None, None]).square().mean().item()
    assert metrics.loss == pytest.approx(expected, rel=1e-4)


def test_the_loss_of_a_system_is_that_of_training(validator: Validator, tmp_path: Path) -> None:
    colorizer = create_model("cic.test", pretrained=False)
    luma, chroma = LAB.split(validator.truth)
    expected = colorizer.training_losses(Batch(luma, chroma, validator.truth))["loss"].item()
    assert validator.evaluate(colorizer.train(), tmp_path, 1).loss == pytest.approx(expected, rel=1e-5)


def test_a_model_that_learns_against_a_discriminator_has_no_validation_loss(
    validator: Validator, tmp_path: Path
) -> None:
    assert validator.evaluate(create_model("cgan.test", pretrained=False), tmp_path, 1).loss is None


# Models that draw


def test_diversity_is_the_mean_spread_of_four_samples(tmp_path: Path) -> None:
    """Of the fan: var a = 64 / 3, var b = 36 / 3, whose sum has the root 10 / sqrt(3); chroma 0, 8, 6, 10."""
    validator = validator_of_gray(tmp_path / "photos", 90, 150)
    size = (LAB.split(validator.truth)[0].mean((1, 2, 3)) / 40).mean().item()
    metrics = validator.evaluate(Fanned(), tmp_path, 1)
    assert metrics.diversity == pytest.approx(size * 10 / math.sqrt(3), rel=1e-3)
    assert metrics.chroma == pytest.approx(size * 6, rel=1e-3)


def test_a_model_that_does_not_draw_has_no_diversity(validator: Validator, tmp_path: Path) -> None:
    assert validator.evaluate(Painted((5.0, 5.0)), tmp_path, 1).diversity is None


def test_the_grid_of_a_model_that_draws_shows_its_samples_side_by_side(tmp_path: Path) -> None:
    """Six photos: more than are colored in one go."""
    validator = validator_of_gray(tmp_path / "photos", 60, 90, 120, 150, 180, 210)
    validator.evaluate(Fanned(), tmp_path, 1)
    grid = pyvips.Image.new_from_file(str(tmp_path / "samples" / "0000001.png")).numpy()
    assert grid.shape == (6 * 32, 6 * 32, 3)
    cells = torch.tensor(grid[16::32, 16::32]).permute(2, 0, 1)[None] / 255
    lightness, ab = LAB.split(cells)
    sizes = LAB.split(validator.truth)[0].mean((1, 2, 3)) / 40
    torch.testing.assert_close(lightness[0, 0] / 40, sizes[:, None].expand(6, 6), atol=0.02, rtol=0)
    offsets = torch.tensor([(0.0, 0.0), *FAN, (0.0, 0.0)])
    wanted = torch.einsum("r,kc->crk", sizes, offsets)
    torch.testing.assert_close(ab[0], wanted, atol=0.6, rtol=0)  # 8-bit colors


@pytest.mark.parametrize("name", ["cgan.test", "pixcolor.test"])
def test_a_look_draws_the_same_each_time_and_disturbs_nothing(
    validator: Validator, tmp_path: Path, name: str
) -> None:
    colorizer = create_model(name, pretrained=False).train()
    before = {key: value.clone() for key, value in colorizer.state_dict().items()}
    modes = [module.training for module in colorizer.modules()]
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        results.append(validator.evaluate(colorizer, tmp_path, seed))
        assert torch.equal(torch.get_rng_state(), state)
    assert results[0] == results[1]
    assert results[0].diversity is not None and results[0].diversity > 0
    grids = [(tmp_path / "samples" / f"000000{seed}.png").read_bytes() for seed in (1, 2)]
    assert grids[0] == grids[1]
    assert [module.training for module in colorizer.modules()] == modes
    after = colorizer.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
