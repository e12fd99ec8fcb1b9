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

from autochrome.color.bins import AB_BINS
from autochrome.color.spaces import LAB, get_space
from autochrome.data.priors import estimate_prior
from autochrome.data.sources import open_source
from autochrome.engine.recipe import WatchRecipe
from autochrome.engine.watch import Look, Moment, Watch, step_warnings
from autochrome.models.base import Batch, Colorizer, Samples
from autochrome.models.cic.model import CIC
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
def watch(photos: Path) -> Watch:
    return Watch(open_source(photos), WatchRecipe(count=3, size=32))


def watch_gray(folder: Path, *values: int) -> Watch:
    """Photos of one gray each."""
    folder.mkdir()
    for number, value in enumerate(values):
        (folder / f"{number}.png").write_bytes(encode(np.full((40, 40, 3), value, np.uint8)))
    return Watch(open_source(folder), WatchRecipe(count=len(values), size=32))


def test_gray_colorings_gain_nothing(watch: Watch, tmp_path: Path) -> None:
    look = watch.look(Painted((0.0, 0.0)), tmp_path, 7)
    assert look.psnr_gain == pytest.approx(0, abs=1e-4)
    assert look.chroma == pytest.approx(0, abs=0.1)
    assert look.true_chroma == pytest.approx(LAB.split(watch.truth)[1].norm(dim=1).mean().item())
    assert look.true_chroma > 20


@pytest.mark.parametrize("space", ["lab", "ycbcr"])
def test_the_true_color_gains_and_its_opposite_loses(space: str, tmp_path: Path) -> None:
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


def test_colorfulness_is_that_of_hasler_and_suesstrunk(tmp_path: Path) -> None:
    """One color has no variance: 0.3 sqrt(rg^2 + yb^2) is left, with rg = 150 - 100, yb = 125 - 70."""
    watch = watch_gray(tmp_path / "photos", 0)
    watch.truth[:] = torch.tensor([150, 100, 70])[:, None, None] / 255
    a, b = LAB.split(watch.truth)[1].mean((0, 2, 3)).tolist()
    look = watch.look(Painted((a, b)), tmp_path, 1)
    assert look.true_colorfulness == pytest.approx(0.3 * math.hypot(50, 55), rel=1e-5)
    assert look.colorfulness == pytest.approx(look.true_colorfulness, rel=1e-3)
    assert watch.look(Painted((0.0, 0.0)), tmp_path, 2).colorfulness == pytest.approx(0, abs=0.1)


# Validation loss


@pytest.mark.parametrize("space", ["lab", "ycbcr"])
def test_the_loss_is_the_model_s_own_over_all_photos_in_evaluation_mode(space: str, tmp_path: Path) -> None:
    """17 photos: one more than are colored in one go, and it weighs as much as each of the others."""
    watch = watch_gray(tmp_path / "photos", *range(17))
    watch.truth[:] = torch.rand(watch.truth.shape, generator=torch.Generator().manual_seed(1))
    watch.truth[16] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    look = watch.look(Painted((0.1, 0.2), space).train(), tmp_path, 1)
    chroma = get_space(space).split(watch.truth)[1]
    expected = (chroma - torch.tensor([0.1, 0.2])[:, None, None]).square().mean().item()
    assert look.loss == pytest.approx(expected, rel=1e-4)


def test_the_loss_of_a_system_is_that_of_training(watch: Watch, tmp_path: Path) -> None:
    colorizer = create_model("cic.test", pretrained=False)
    luma, chroma = LAB.split(watch.truth)
    expected = colorizer.training_losses(Batch(luma, chroma, watch.truth))["loss"].item()
    assert watch.look(colorizer.train(), tmp_path, 1).loss == pytest.approx(expected, rel=1e-5)


def test_a_model_that_learns_against_a_discriminator_has_no_validation_loss(
    watch: Watch, tmp_path: Path
) -> None:
    assert watch.look(create_model("cgan.test", pretrained=False), tmp_path, 1).loss is None


# Models that draw


def test_diversity_is_the_mean_spread_of_four_samples(tmp_path: Path) -> None:
    """Of the fan: var a = 64 / 3, var b = 36 / 3, whose sum has the root 10 / sqrt(3); chroma 0, 8, 6, 10."""
    watch = watch_gray(tmp_path / "photos", 90, 150)
    size = (LAB.split(watch.truth)[0].mean((1, 2, 3)) / 40).mean().item()
    look = watch.look(Fanned(), tmp_path, 1)
    assert look.diversity == pytest.approx(size * 10 / math.sqrt(3), rel=1e-3)
    assert look.chroma == pytest.approx(size * 6, rel=1e-3)


def test_a_model_that_does_not_draw_has_no_diversity(watch: Watch, tmp_path: Path) -> None:
    assert watch.look(Painted((5.0, 5.0)), tmp_path, 1).diversity is None


def test_the_grid_of_a_model_that_draws_shows_its_samples_side_by_side(tmp_path: Path) -> None:
    """Six photos: more than are colored in one go."""
    watch = watch_gray(tmp_path / "photos", 60, 90, 120, 150, 180, 210)
    watch.look(Fanned(), tmp_path, 1)
    grid = pyvips.Image.new_from_file(str(tmp_path / "samples" / "0000001.png")).numpy()
    assert grid.shape == (6 * 32, 6 * 32, 3)
    cells = torch.tensor(grid[16::32, 16::32]).permute(2, 0, 1)[None] / 255
    lightness, ab = LAB.split(cells)
    sizes = LAB.split(watch.truth)[0].mean((1, 2, 3)) / 40
    torch.testing.assert_close(lightness[0, 0] / 40, sizes[:, None].expand(6, 6), atol=0.02, rtol=0)
    offsets = torch.tensor([(0.0, 0.0), *FAN, (0.0, 0.0)])
    wanted = torch.einsum("r,kc->crk", sizes, offsets)
    torch.testing.assert_close(ab[0], wanted, atol=0.6, rtol=0)  # 8-bit colors


@pytest.mark.parametrize("name", ["cgan.test", "pixcolor.test"])
def test_a_look_draws_the_same_each_time_and_disturbs_nothing(
    watch: Watch, tmp_path: Path, name: str
) -> None:
    colorizer = create_model(name, pretrained=False).train()
    before = {key: value.clone() for key, value in colorizer.state_dict().items()}
    modes = [module.training for module in colorizer.modules()]
    looks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        looks.append(watch.look(colorizer, tmp_path, seed))
        assert torch.equal(torch.get_rng_state(), state)
    assert looks[0] == looks[1]
    assert looks[0].diversity is not None and looks[0].diversity > 0
    grids = [(tmp_path / "samples" / f"000000{seed}.png").read_bytes() for seed in (1, 2)]
    assert grids[0] == grids[1]
    assert [module.training for module in colorizer.modules()] == modes
    after = colorizer.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


# Warnings

HEALTHY = Look(
    psnr_gain=0.5, chroma=8.0, true_chroma=16.0, colorfulness=30.0, true_colorfulness=40.0, diversity=6.0
)
SURE = {"entropy": 3.0}
BALANCE = {"discriminator_loss": 1.2, "generator_loss": 0.8, "accuracy": 0.6}
BEATEN = {"discriminator_loss": 0.05, "generator_loss": 4.0, "accuracy": 0.99}
GUESSING = {"discriminator_loss": 1.386, "generator_loss": 0.693, "accuracy": 0.5}


def lines(until: int, means: dict[str, float], look: Look | None = None) -> list[Moment]:
    """A line each 50 steps, before one at step ``until``."""
    return [Moment(step, means, look) for step in range(50, until, 50)]


def test_a_healthy_run_gives_no_warning() -> None:
    for step in (1, 300, 1000, 100_000):
        assert step_warnings(step, SURE, HEALTHY) == {}
        assert step_warnings(step, SURE, None) == {}
        for means in (BALANCE, GUESSING):
            assert step_warnings(step, means, HEALTHY, lines(step, means, HEALTHY)) == {}


def test_early_uncertainty_and_grayness_are_natural() -> None:
    assert step_warnings(100, {"entropy": math.log(AB_BINS)}, replace(HEALTHY, chroma=0.1)) == {}


@pytest.mark.parametrize(
    ("kind", "step", "means", "look"),
    [
        ("uncertain", 300, {"entropy": 0.99 * math.log(AB_BINS)}, None),
        ("gray", 1000, SURE, replace(HEALTHY, chroma=1.0, diversity=0.3)),
        ("garish", 1000, SURE, replace(HEALTHY, chroma=40.0)),
        ("gray photos", 1, SURE, replace(HEALTHY, chroma=1.0, true_chroma=0.5)),
    ],
)
def test_each_warning_fires_alone(kind: str, step: int, means: dict[str, float], look: Look | None) -> None:
    assert list(step_warnings(step, means, look)) == [kind]


@pytest.mark.parametrize(
    ("highest", "diversity", "told"),
    [
        (8.0, 1.1, True),  # 15% of 8.0 are 1.2
        (8.0, 1.3, False),
        (60.0, 2.3, True),  # beyond the photos' mean chroma, 16, it was noise: 15% of 16 are 2.4
        (60.0, 2.5, False),
        (2.0, 0.9, True),  # nobody sees a spread below 1
        (2.0, 1.1, False),
    ],
)
def test_samples_that_have_become_alike_are_a_collapse(highest: float, diversity: float, told: bool) -> None:
    earlier = [
        *lines(1000, BALANCE, replace(HEALTHY, diversity=highest)),
        *[Moment(step, BALANCE, replace(HEALTHY, diversity=1.5)) for step in range(1000, 2000, 50)],
    ]
    look = replace(HEALTHY, diversity=diversity)
    assert list(step_warnings(2000, BALANCE, look, earlier)) == (["collapse"] if told else [])
    assert step_warnings(999, BALANCE, look, earlier) == {}


def test_a_collapse_without_earlier_lines_is_told_when_nothing_is_left() -> None:
    assert list(step_warnings(1000, BALANCE, replace(HEALTHY, diversity=0.9))) == ["collapse"]
    assert step_warnings(1000, BALANCE, replace(HEALTHY, diversity=1.1)) == {}
    assert step_warnings(1000, BALANCE, replace(HEALTHY, diversity=None)) == {}


def test_a_collapse_names_settings_that_the_run_has() -> None:
    look = replace(HEALTHY, diversity=0.1)
    assert "wgan_gp" in step_warnings(1000, BALANCE, look)["collapse"]
    alone = step_warnings(1000, SURE, look)["collapse"]
    assert "lower optimizer.lr" in alone and "wgan" not in alone


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, True),
        ({"generator_loss": -0.01}, True),  # saturating: hardly a slope is left
        ({"accuracy": 0.97}, False),
        ({"discriminator_loss": 0.12}, False),
        ({"discriminator_loss": -3.0}, False),  # a critic that ranks all pairs right, as it should
    ],
)
def test_a_discriminator_that_has_won_is_told(changed: dict[str, float], told: bool) -> None:
    means = {**BEATEN, **changed}
    found = step_warnings(2000, means, HEALTHY, lines(2000, means))
    assert list(found) == (["discriminator won"] if told else [])


@pytest.mark.parametrize(
    ("accuracy", "strength", "told"),
    [
        (0.5, 18.0, True),  # below half of the photos' 40
        (0.5, 22.0, False),
        (0.5, 62.0, True),
        (0.5, 58.0, False),
        (0.53, 18.0, False),
    ],
)
def test_a_discriminator_that_guesses_is_told_where_it_could_know(
    accuracy: float, strength: float, told: bool
) -> None:
    means = {**GUESSING, "accuracy": accuracy}
    look = replace(HEALTHY, colorfulness=strength)
    found = step_warnings(2000, means, look, lines(2000, means))
    assert list(found) == (["discriminator lost"] if told else [])
    assert step_warnings(2000, means, None, lines(2000, means)) == {}


@pytest.mark.parametrize("means", [BEATEN, GUESSING])
def test_a_discriminator_is_judged_by_many_steps(means: dict[str, float]) -> None:
    """The mean of the last 500 counts: 200 of balance among them, or a log that is shorter, say nothing."""
    pale = replace(HEALTHY, colorfulness=10.0)
    always = lines(2000, means)
    assert step_warnings(2000, means, pale, always)
    changing = [*always[:-5], *[replace(moment, means=BALANCE) for moment in always[-5:-1]], always[-1]]
    assert step_warnings(2000, means, pale, changing) == {}
    early = [replace(moment, means=BALANCE) for moment in always[:20]] + always[20:]
    assert step_warnings(2000, means, pale, early)
    assert step_warnings(2000, means, pale, always[-8:]) == {}
    assert step_warnings(900, means, pale, lines(900, means)) == {}


def test_rebalancing_by_a_flat_prior_is_noticed(photos: Path) -> None:
    colorizer = create_model("cic.test", pretrained=False)
    assert isinstance(colorizer, CIC)
    assert "rebalancing has no effect" in colorizer.start_warnings()[0]
    colorizer.set_prior(estimate_prior(open_source(photos)))
    assert colorizer.start_warnings() == []
    assert create_model("cic.test", pretrained=False, rebalance_mix=1.0).start_warnings() == []
    assert Painted((0.0, 0.0)).start_warnings() == []
