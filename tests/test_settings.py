"""Which model may be asked for what."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from autochrome.models.registry import model_spec
from autochrome.settings import ColorizeSettings, check_supported


@pytest.mark.parametrize(
    ("model", "asked", "told"),
    [
        (
            "cic",
            {"samples": 4},
            "has one answer to a photo and so takes no samples=4; use --model pixcolor, or",
        ),
        ("cic", {"guidance": 0.5}, "takes no guidance; use --model pixcolor, or"),
        ("cic", {"rank": True, "refine": False}, "no rank or refine=False.*vary --vibrance"),
        ("gray", {"samples": 2}, "gray.baseline has one answer.*use --model pixcolor$"),
        (
            "pixcolor",
            {"vibrance": 0.0},
            "draws its colours and so has no vibrance; vary --temperature, --guidance or --seed",
        ),
        ("pixcolor", {"fuse": "mirror", "vibrance": 1.0}, "no vibrance or fuse.*use --model cic"),
    ],
)
def test_what_is_for_the_other_kind_is_refused(model: str, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_supported(ColorizeSettings(**asked), model_spec(model))


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("cic", {}),
        ("cic", {"vibrance": 1.0, "temperature": 0.1, "fuse": "full", "seed": 3}),
        ("pixcolor", {}),
        ("pixcolor", {"samples": 64, "seed": 3, "temperature": 0.5, "guidance": 0.5, "rank": True}),
        ("pixcolor", {"fuse": "none", "size": 224, "upsampling": "bilinear"}),
    ],
)
def test_what_is_for_the_kind_is_taken(model: str, asked: dict[str, Any]) -> None:
    check_supported(ColorizeSettings(**asked), model_spec(model))


def test_settings_are_checked_without_torch() -> None:
    """So that a wrong option is answered at once."""
    program = "import sys, autochrome.settings; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
