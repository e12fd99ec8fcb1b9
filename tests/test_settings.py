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
        ("cic", {"guidance": 0.5}, "takes no guidance; use --model pixcolor, or"),
        ("cic", {"rank": True, "refine": False}, "no rank or refine=False.*vary --vibrance"),
        ("gray", {"samples": 2}, "gray.baseline has one answer.*use --model cic or --model pixcolor$"),
        ("gray", {"tint": "teal"}, "predicts no distribution and so has no tint; use --model cic"),
        ("gray", {"warmth": 0.5, "temperature": 1.0}, "no warmth or temperature"),
        ("pixcolor", {"warmth": 0.5, "tint": "#123"}, "draws its colours and so has no warmth or tint"),
        (
            "pixcolor",
            {"vibrance": 0.0},
            "draws its colours and so has no vibrance; vary --temperature, --guidance or --seed",
        ),
        ("pixcolor", {"fuse": "mirror", "vibrance": 1.0}, "no vibrance or fuse.*use --model cic"),
        (
            "pixcolor.paper",
            {"rank": True},
            "pixcolor.paper takes no rank; leave that out and vary --temperature, --guidance or --seed, or "
            "use --model pixcolor$",
        ),
        (
            "cgan",
            {"guidance": 0.5},
            "cgan.compact takes no guidance; leave that out and vary --temperature or --seed, or use --model "
            "pixcolor$",
        ),
        ("cgan", {"refine": False}, "takes no refine=False; leave that out"),
        ("cgan.paper", {"rank": True}, "cgan.paper takes no rank; leave"),
        (
            "cgan",
            {"guidance": 0.0, "rank": True, "refine": False},
            "no guidance, rank or refine=False; leave",
        ),
        ("cgan", {"vibrance": 1.0}, "has no vibrance; vary --temperature or --seed, or use --model cic$"),
        (
            "cgan",
            {"warmth": 0.5, "tint": "teal", "fuse": "full"},
            "no warmth, tint or fuse; vary --temperature",
        ),
    ],
)
def test_what_is_for_the_other_kind_is_refused(model: str, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_supported(ColorizeSettings(**asked), model_spec(model))


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("cic", {}),
        ("cic", {"samples": 4, "warmth": -1.0, "tint": "Dark Olive Green", "tint_strength": 1.0}),
        ("cic", {"vibrance": 1.0, "temperature": 0.1, "fuse": "full", "seed": 3}),
        ("pixcolor", {}),
        ("pixcolor", {"samples": 64, "seed": 3, "temperature": 0.5, "guidance": 0.5, "rank": True}),
        ("pixcolor", {"fuse": "none", "size": 224, "upsampling": "bilinear"}),
        ("pixcolor", {"refine": False}),
        ("pixcolor.paper", {"refine": False, "guidance": 1.0}),
        ("cgan", {}),
        ("cgan", {"samples": 64, "seed": 3, "temperature": 0.5, "size": 128, "fuse": "none"}),
    ],
)
def test_what_is_for_the_kind_is_taken(model: str, asked: dict[str, Any]) -> None:
    check_supported(ColorizeSettings(**asked), model_spec(model))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"warmth": 1.5}, "warmth must lie within -1 and 1"),
        ({"tint": "turqoise"}, "no colour is called 'turqoise'; did you mean turquoise"),
        ({"tint": "#12"}, "after # come 3 or 6 digits"),
        ({"tint": "teal", "tint_strength": 0.0}, "tint_strength must lie within"),
        ({"transfer": "energy"}, "transfer takes colours from a reference; give a reference too"),
        ({"transfer": "magic"}, "transfer must be one of energy, quantiles"),
    ],
)
def test_values_out_of_range_are_told(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ColorizeSettings(**asked)


def test_settings_are_checked_without_torch() -> None:
    """So that a wrong option is answered at once."""
    program = "import sys, autochrome.settings; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
