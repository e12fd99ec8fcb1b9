"""Sizes of comparison."""

from __future__ import annotations

import pytest
import torch

from autochrome.errors import SizeError
from autochrome.metrics.sizing import Sizing


def ramp(height: int, width: int) -> torch.Tensor:
    return (
        torch.arange(height * width, dtype=torch.float32).reshape(1, 1, height, width).repeat(1, 3, 1, 1)
        / 1e4
    )


@pytest.mark.parametrize("text", ["native", "crop:224", "resize:256"])
def test_names_round_trip(text: str) -> None:
    assert str(Sizing.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "crop", "crop:", "crop:0", "crop:-3", "resize:2.5", "native:3", "stretch:9"]
)
def test_unknown_names_say_what_is_known(text: str) -> None:
    with pytest.raises(ValueError, match=r"native, crop:N or resize:N"):
        Sizing.parse(text)


def test_native_wants_one_size() -> None:
    assert Sizing().apply(ramp(4, 6), (4, 6)).shape == (1, 3, 4, 6)
    with pytest.raises(SizeError, match="6 x 4 but its reference is 6 x 5"):
        Sizing().apply(ramp(4, 6), (5, 6))


def test_crop_takes_the_center_and_what_is_cropped_already() -> None:
    crop = Sizing.parse("crop:2")
    assert torch.equal(crop.apply(ramp(4, 6), (4, 6)), ramp(4, 6)[..., 1:3, 2:4])
    assert torch.equal(crop.apply(ramp(2, 2), (4, 6)), ramp(2, 2))
    with pytest.raises(SizeError, match="too small for crop:5"):
        Sizing.parse("crop:5").apply(ramp(4, 6), (4, 6))
    with pytest.raises(SizeError, match="but its reference"):
        crop.apply(ramp(3, 3), (4, 6))


def test_resize_keeps_the_shape_and_takes_results_of_another_scale() -> None:
    resize = Sizing.parse("resize:8")
    assert resize.apply(torch.rand(1, 3, 16, 24), (16, 24)).shape == (1, 3, 8, 12)
    assert resize.apply(torch.rand(1, 3, 32, 48), (16, 24)).shape == (1, 3, 8, 12)
    flat = torch.full((1, 3, 16, 24), 0.25)
    assert torch.allclose(resize.apply(flat, (16, 24)), torch.tensor(0.25))
    same = torch.rand(1, 3, 8, 12)
    assert torch.equal(resize.apply(same, (16, 24)), same)
    with pytest.raises(SizeError, match="neither cropped nor stretched"):
        resize.apply(torch.rand(1, 3, 16, 16), (16, 24))
