"""Biases: the same preference everywhere, which what is unsure follows and what is sure does not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from autochrome.color.bins import AB_CENTERS
from autochrome.color.names import parse_color
from autochrome.color.spaces import rgb_to_lab
from autochrome.guidance import rotated, tint, warmth
from autochrome.models.base import DistributionColorizer
from autochrome.models.registry import create_model
from tests.hue_model import HUES, HueModel


@pytest.fixture(scope="module")
def cic() -> DistributionColorizer:
    model = create_model("cic.test")
    assert isinstance(model, DistributionColorizer)
    return model


def mean_ab(logits: Tensor) -> Tensor:
    return (logits.softmax(1)[0, :, 0, 0, None] * AB_CENTERS).sum(0)


def unsure() -> Tensor:
    """A wide distribution about gray."""
    return -(AB_CENTERS.norm(dim=1) / 30).square()[None, :, None, None] / 2


def sure(a: float, b: float) -> Tensor:
    """A narrow one."""
    distance = (AB_CENTERS - torch.tensor([a, b])).norm(dim=1)
    return -(distance / 6).square()[None, :, None, None] / 2


@pytest.mark.parametrize("angle", [0.0, 65.0, 120.0, 245.0, 300.0])
def test_a_rotated_bias_turns_to_its_hue(cic: DistributionColorizer, angle: float) -> None:
    a, b = mean_ab(rotated(cic, angle)(unsure())).tolist()
    off = (math.degrees(math.atan2(b, a)) - angle + 180) % 360 - 180
    assert abs(off) < 12
    assert math.hypot(a, b) > 12


def test_opposite_rotations_are_opposite(cic: DistributionColorizer) -> None:
    torch.testing.assert_close(rotated(cic, 30.0).bias, -rotated(cic, 210.0).bias, atol=0.02, rtol=0)


def test_the_advantage_of_vivid_colors_is_kappa(cic: DistributionColorizer) -> None:
    bias = rotated(cic, 0.0, strength=2.0).bias
    gray = int(AB_CENTERS.norm(dim=1).argmin())
    assert float(bias.max() - bias[gray]) == pytest.approx(2, abs=0.1)
    assert float(bias[gray] - bias.min()) == pytest.approx(2, abs=0.1)


def test_hues_on_a_circle_get_a_cosine() -> None:
    """Figure 9 on the axis of hue: highest at the favored hue, lowest opposite, even about both."""
    bias = rotated(HueModel(), 40.0).bias[:HUES]  # 40 degrees in Lab: sRGB red to orange
    assert int(bias.argmax()) in (0, 1)
    assert abs(int(bias.argmax()) - int(bias.argmin())) in (5, 6, 7)
    assert bias.max() > 1
    assert bias.min() < -1


@pytest.mark.parametrize("amount", [0.5, 1.0])
def test_warm_and_cool(cic: DistributionColorizer, amount: float) -> None:
    warm, cool = (mean_ab(warmth(cic, sign * amount)(unsure())) for sign in (1, -1))
    assert warm[1] > 5
    assert cool[1] < -5
    assert warm[0] > cool[0]


def test_no_warmth_changes_nothing(cic: DistributionColorizer) -> None:
    assert torch.equal(warmth(cic, 0.0)(unsure()), unsure())


@pytest.mark.parametrize("color", ["teal", "crimson", "gold", "orchid"])
def test_a_tint_draws_to_its_color(cic: DistributionColorizer, color: str) -> None:
    rgb = parse_color(color)
    wanted = rgb_to_lab(torch.tensor(rgb)[None, :, None, None])[0, 1:, 0, 0]
    away = [float((mean_ab(tint(cic, rgb, s)(unsure())) - wanted).norm()) for s in (0.1, 0.5, 1.0)]
    assert away == sorted(away, reverse=True)
    assert away[-1] < 0.5 * float((mean_ab(unsure()) - wanted).norm())


def test_a_gray_tint_mutes(cic: DistributionColorizer) -> None:
    colorful = unsure() + rotated(cic, 40.0)(torch.zeros_like(unsure()))
    assert mean_ab(tint(cic, (0.5, 0.5, 0.5), 1.0)(colorful)).norm() < 0.5 * mean_ab(colorful).norm()


def test_what_is_sure_hardly_moves(cic: DistributionColorizer) -> None:
    for guide in (rotated(cic, 0.0), warmth(cic, 1.0), tint(cic, parse_color("teal"), 1.0)):
        moved = mean_ab(guide(sure(-30, 30))) - mean_ab(sure(-30, 30))
        free = mean_ab(guide(unsure())) - mean_ab(unsure())
        assert moved.norm() < 9
        assert moved.norm() < 0.5 * free.norm()
