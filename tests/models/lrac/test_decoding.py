"""The choice of operators: Larsson, Maire and Shakhnarovich 2016, section 3.2."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from autochrome.color.histogram_bins import uniform_bins
from autochrome.models.lrac.decoding import Decoding, Operator


def test_the_paper_s_choices() -> None:
    """Expectations for Lab; for hue the complex one, for chroma the median; eta = .03."""
    expected = Decoding("expectation", "median", "expectation", fading=True, eta=0.03, interpolate=True)
    assert Decoding() == expected


@pytest.mark.parametrize(
    ("operator", "value"), [("mode", 0.125), ("median", 0.25 + 0.25 / 3), ("expectation", 0.375)]
)
def test_each_operator_takes_its_own_value(operator: Operator, value: float) -> None:
    shares = torch.tensor([0.4, 0.3, 0.2, 0.1])[None, :, None, None]
    assert Decoding().point(shares, uniform_bins(4), operator).item() == pytest.approx(value)


def test_the_mode_is_the_middle_of_its_bin() -> None:
    """The authors' code lacks the + .5 for chroma and would say 0 here."""
    assert Decoding().point(torch.eye(4)[None, :1].mT[..., None], uniform_bins(4), "mode").item() == 0.125


def test_temperature_sharpens_down_to_the_mode() -> None:
    logits = torch.randn(2, 5, 3, 3)
    torch.testing.assert_close(Decoding(temperature=0.5).probabilities(logits), torch.softmax(2 * logits, 1))
    peaks = Decoding(temperature=0.0).probabilities(logits)
    assert torch.equal(peaks.argmax(1), logits.argmax(1))
    assert peaks.amax(1).min() == 1
    with pytest.raises(ValueError, match="temperature"):
        Decoding(temperature=-1.0)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"hue": "median"}, "hue has no operator 'median'; choose one of: sample, mode, expectation"),
        ({"ab": "mean"}, "ab has no operator 'mean'"),
        ({"chroma": "circular"}, "chroma has no operator 'circular'"),
        ({"eta": 0.0}, "eta must be positive, not 0.0"),
    ],
)
def test_wrong_choices_are_named(wrong: dict[str, Any], match: str) -> None:
    how = Decoding()
    for name, value in wrong.items():  # past the checks of types, which only the tests make
        object.__setattr__(how, name, value)
    with pytest.raises(ValueError, match=match):
        how.__post_init__()
