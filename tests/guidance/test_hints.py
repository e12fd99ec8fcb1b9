from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.conversion import ab_of_chroma, luma_of_lightness
from autochrome.color.lightness import Lightness
from autochrome.color.spaces import lab_to_rgb, rgb_to_lab
from autochrome.errors import HintError
from autochrome.guidance.hint_files import Hint, Length, Point, Polygon, Rectangle, parse_hint
from autochrome.guidance.hints import HintGuide, check_inside, fitted, mask_of
from autochrome.models.base import DistributionColorizer
from autochrome.models.cic.model import CIC
from autochrome.models.registry import create_model
from tests.hue_model import HueModel

RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


@cache
def cic() -> CIC:
    model = create_model("cic.compact")
    assert isinstance(model, CIC)
    return model


def rectangle(*sides: float) -> Rectangle:
    return Rectangle(*(Length(side) for side in sides))


def asked_ab(hint: Hint) -> np.ndarray:
    return skimage.color.rgb2lab(np.array(hint.color))[1:]


# A photo with a thing on it ------------------------------------------------------------------------


def two_fields() -> Float[Tensor, "1 1 64 64"]:
    """L*: a dark square on a light ground."""
    lightness = torch.full((1, 1, 64, 64), 70.0)
    lightness[:, :, 16:48, 16:48] = 45
    return lightness


def guided(
    model: DistributionColorizer, lightness: Tensor, logits: Tensor, hints: list[Hint]
) -> tuple[Float[Tensor, "2 h w"], Float[Tensor, "2 h w"], HintGuide]:
    """a* and b* without the hints and with them, and the guide."""
    guide = HintGuide(hints, model, lightness, (256, 256))
    luma = luma_of_lightness(lightness, model.spec.space)
    plain = model.decode(logits)
    plain_ab = ab_of_chroma(luma, plain.chroma[:, 0], plain.space)
    samples = model.decode(logits, guides=[guide])
    return plain_ab[0], guide.correct(ab_of_chroma(luma, samples.chroma[:, 0], samples.space))[0], guide


def unsure_logits() -> Float[Tensor, "1 313 16 16"]:
    """Of a model that takes all for dull colors, without much confidence."""
    near_gray = cic().log_kernel(torch.tensor([[50.0, 0.0, 0.0]]), 15.0)
    return near_gray[:, :, None, None].expand(1, 313, 16, 16).clone()


def test_the_thing_takes_the_color_and_the_ground_does_not() -> None:
    hint = parse_hint("50%,50%,#a04040")
    plain, painted, guide = guided(cic(), two_fields(), unsure_logits(), [hint])
    torch.testing.assert_close(painted[:, 8, 8], torch.tensor(asked_ab(hint)).float(), atol=1.0, rtol=0)
    moved = (painted - plain).norm(dim=0)
    assert moved[5:11, 5:11].min() > 0.5 * moved[8, 8]
    assert moved[:3].max() < 0.05 * moved[8, 8]
    assert guide.weights.shape == (1, 16, 16)
    assert float(guide.weights.max()) <= 1


def test_a_model_of_two_axes_obeys_too() -> None:
    model = HueModel(hues=(0, 0), sureness=(4.0, 4.0))
    lightness = two_fields()
    logits = model.predict(luma_of_lightness(lightness, "hue_chroma"))
    hint = parse_hint("50%,50%,#407040")
    plain, painted, _ = guided(model, lightness, logits, [hint])
    torch.testing.assert_close(painted[:, 8, 8], torch.tensor(asked_ab(hint)).float(), atol=1.5, rtol=0)
    moved = (painted - plain).norm(dim=0)
    assert moved[:3].max() < 0.05 * moved[8, 8]


def test_logits_move_by_the_closeness_at_the_hinted_place() -> None:
    hint = Hint(rectangle(64, 64, 192, 192), (0.5, 0.3, 0.3))
    guide = HintGuide([hint], cic(), two_fields(), (256, 256))
    moved = (guide(unsure_logits()) - unsure_logits())[0]
    inside = moved[:, 8, 8]
    lab = fitted([hint], torch.tensor([45.0]))
    torch.testing.assert_close(inside, cic().log_kernel(lab, 20.0)[0], atol=1e-3, rtol=1e-3)
    assert moved[:, 0, 0].abs().max() < 0.05 * inside.abs().max()


def test_where_the_model_is_sure_it_resists() -> None:
    """Two halves alike in lightness and in what is likeliest; of the right one the model is sure."""
    lightness = torch.full((1, 1, 64, 64), 50.0)
    logits = torch.zeros(1, 313, 16, 16)
    likeliest = int(cic().log_kernel(torch.tensor([[50.0, 0.0, -30.0]]), 10.0).argmax())
    moved = []
    for sureness in (4.0, 60.0):
        logits[:, likeliest] = sureness
        guide = HintGuide([parse_hint("30%,50%,#a04040")], cic(), lightness, (256, 256))
        ab = [cic().decode(logits, guides=guides).chroma[0, 0] for guides in ([], [guide])]
        moved.append(float((ab[1] - ab[0]).norm(dim=0)[8, 8]))
    assert moved[0] > 20
    assert moved[1] < 1


def test_strength_is_what_a_hint_counts_against_the_model() -> None:
    ends = []
    for strength in (0.5, 1.0):
        hint = Hint(parse_hint("50%,50%,red").where, (0.6, 0.3, 0.3), strength)
        plain, painted, _ = guided(cic(), two_fields(), unsure_logits(), [hint])
        ends.append(float((painted - plain)[:, 8, 8].norm()))
    assert 0.4 * ends[1] < ends[0] < 0.9 * ends[1]


def test_every_hint_gets_its_color() -> None:
    hints = [parse_hint("40%,50%,#a04040"), parse_hint("60%,50%,#406080"), parse_hint("8%,8%,#b0b060")]
    _, painted, guide = guided(cic(), two_fields(), unsure_logits(), hints)
    for hint, (y, x) in zip(hints, [(8, 6), (8, 9), (1, 1)], strict=True):
        torch.testing.assert_close(painted[:, y, x], torch.tensor(asked_ab(hint)).float(), atol=1.5, rtol=0)
    assert float(guide.weights.sum(0).max()) <= 1 + 1e-5


def test_contrary_hints_on_one_place_share_it() -> None:
    hints = [Hint(parse_hint("50%,50%,red").where, color) for color in ((0.5, 0.3, 0.3), (0.3, 0.45, 0.3))]
    _, painted, _ = guided(cic(), two_fields(), unsure_logits(), hints)
    mean = np.mean([asked_ab(hint) for hint in hints], axis=0)
    torch.testing.assert_close(painted[:, 8, 8], torch.tensor(mean).float(), atol=2.0, rtol=0)


def test_a_region_covered_by_points_does_no_harm() -> None:
    here = parse_hint("50%,50%,#a04040,2")
    region = Hint(rectangle(127, 127, 129, 129), (0.3, 0.4, 0.3))
    _, painted, _ = guided(cic(), two_fields(), unsure_logits(), [region, here, here])
    assert bool(painted.isfinite().all())
    assert painted.abs().max() < 60


def test_colors_are_fitted_to_the_place_s_lightness() -> None:
    """Pure red has L* 53; at 20 and at 90 sRGB holds less of it, of the same hue."""
    red = Hint(parse_hint("0,0,red").where, RED)
    lab = fitted([red] * 3, torch.tensor([20.0, 53.24, 90.0]))
    angle = math.atan2(67.2, 80.1)  # scikit-image's a*, b* of pure red
    for row, lightness in zip(lab, (20.0, 53.24, 90.0), strict=True):
        assert float(row[0]) == pytest.approx(lightness, abs=0.3)
        assert math.atan2(float(row[2]), float(row[1])) == pytest.approx(angle, abs=0.03)
    chroma = lab[:, 1:].norm(dim=1)
    assert chroma[1] == pytest.approx(104.5, abs=0.7)
    assert chroma[0] < 60
    assert chroma[2] < 30
    rgb = lab_to_rgb(lab[:, :, None, None])
    assert float(rgb.min()) > -0.01
    assert float(rgb.max()) < 1.01


# A real photo --------------------------------------------------------------------------------------


def test_a_false_color_changes_the_suit_and_not_the_rest() -> None:
    """scikit-image's astronaut: the orange suit is made green."""
    pixels = skimage.data.astronaut()
    lightness = Lightness(pixels).reduced(128, 128)
    model = cic()
    with torch.inference_mode():
        logits = model.predict(lightness)
        guide = HintGuide([parse_hint("180,330,seagreen")], model, lightness, (512, 512))
        plain = model.decode(logits).chroma[:, 0]
        painted = guide.correct(model.decode(logits, guides=[guide]).chroma[:, 0])
    full = torch.nn.functional.interpolate(torch.cat([plain, painted]), (512, 512), mode="bilinear")

    def mean_change(top: int, bottom: int, left: int, right: int) -> float:
        part = full[:, :, top:bottom, left:right]
        return float((part[1] - part[0]).norm(dim=0).mean())

    assert full[1, 0, 310:340, 150:200].mean() < -15, "the chest is green"
    suit = mean_change(280, 360, 110, 230)
    assert suit > 20
    for name, box in {
        "flag": (40, 280, 0, 50),
        "face": (80, 160, 190, 260),
        "background": (20, 160, 300, 360),
        "helmet": (370, 500, 310, 480),
    }.items():
        assert mean_change(*box) < 0.1 * suit, name


# Places --------------------------------------------------------------------------------------------


def test_masks_of_points() -> None:
    mask = mask_of(parse_hint("0,0,red"), (64, 64), (64, 64))
    assert mask.nonzero().tolist() == [[0, 0], [0, 1], [1, 0]]  # a fingertip of one pixel about the center
    assert mask_of(parse_hint("63,31,red,0.1"), (64, 64), (64, 64)).nonzero().tolist() == [[31, 63]]
    assert mask_of(parse_hint("100%,50%,red,0.1"), (64, 128), (32, 64)).nonzero()[:, 1].tolist() == [63]
    disc = mask_of(parse_hint("50%,50%,red,25%"), (200, 100), (100, 50))
    assert float(disc.sum()) == pytest.approx(math.pi * 12.5**2, rel=0.02)


def test_masks_of_regions() -> None:
    size, grid = (64, 64), (32, 32)
    mask = mask_of(Hint(rectangle(16, 8, 32, 64), RED), size, grid)
    assert mask.nonzero().amin(0).tolist() == [4, 8]
    assert mask.nonzero().amax(0).tolist() == [31, 15]
    assert mask.sum() == 28 * 8
    flipped = mask_of(Hint(rectangle(32, 64, 16, 8), RED), size, grid)
    assert torch.equal(mask, flipped)
    corners = [(0, 0), (64, 0), (64, 64), (0, 64), (32, 32)]
    notched = Polygon(tuple((Length(float(x)), Length(float(y))) for x, y in corners))
    found = mask_of(Hint(notched, RED), size, grid)
    assert found[16, 2] == 0, "the notch on the left"
    assert found[16, 29] == found[2, 16] == found[29, 16] == 1
    assert float(found.mean()) == pytest.approx(0.75, abs=0.03)


def test_a_region_smaller_than_a_cell_has_one() -> None:
    mask = mask_of(Hint(rectangle(40, 41, 41, 42), RED), (256, 256), (16, 16))
    assert mask.nonzero().tolist() == [[2, 2]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100,5,red", "x goes from 0 to 99"),
        ("-1,5,red", "x goes from 0 to 99"),
        ("5,50,red", "y goes from 0 to 49"),
        ("100.5%,10%,red", "x goes from 0 to 100%"),
    ],
)
def test_a_hint_outside_the_photo(text: str, expected: str) -> None:
    with pytest.raises(HintError, match="outside the photo, which has 100 x 50 pixels") as raised:
        check_inside(parse_hint(text), (50, 100))
    assert expected in str(raised.value)
    with pytest.raises(HintError):
        HintGuide([parse_hint(text)], cic(), two_fields(), (50, 100))


def test_the_photo_s_edges_are_inside() -> None:
    for hint in (parse_hint("99,49,red"), parse_hint("100%,0%,red"), Hint(rectangle(0, 0, 100, 50), RED)):
        check_inside(hint, (50, 100))
    with pytest.raises(HintError, match="0,0 to 101,50"):
        check_inside(Hint(rectangle(0, 0, 101, 50), RED), (50, 100))


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="no hints"):
        HintGuide([], cic(), two_fields(), (256, 256))
    guide = HintGuide([parse_hint("1,1,red")], cic(), two_fields(), (256, 256))
    with pytest.raises(RuntimeError, match="decode with it first"):
        guide.correct(torch.zeros(1, 2, 16, 16))


def test_point_and_radius_are_in_pixels_of_the_photo() -> None:
    hint = Hint(Point((Length(10.0), Length(20.0)), Length(3.0)), GREEN)
    assert mask_of(hint, (64, 64), (64, 64)).sum() == pytest.approx(math.pi * 9, rel=0.15)


def test_fitting_needs_no_change_where_srgb_holds_the_color() -> None:
    """Both ways through this package's Lab, at the color's own lightness."""
    rgb = torch.tensor([0.6, 0.35, 0.3])
    lab = rgb_to_lab(rgb[None, :, None, None])[0, :, 0, 0]
    hint = Hint(parse_hint("0,0,red").where, (0.6, 0.35, 0.3))
    torch.testing.assert_close(fitted([hint], lab[:1])[0], lab, atol=0.05, rtol=0)
