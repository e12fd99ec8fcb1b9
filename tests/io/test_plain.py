"""Results as JSON can express them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from autochrome.io.plain import to_plain


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def test_values_that_json_can_express() -> None:
    value = {1: (float("nan"), np.float32(2.5)), "t": torch.tensor([1.0, float("inf")]), "p": Path("a")}
    assert to_plain(value) == {"1": [None, 2.5], "t": [1.0, None], "p": "a"}
    assert to_plain([Interval(0.5, float("inf"))]) == [{"low": 0.5, "high": None}]
    assert to_plain({"inner": Interval(1.0, 2.0), "no": None, "yes": True}) == {
        "inner": {"low": 1.0, "high": 2.0},
        "no": None,
        "yes": True,
    }
