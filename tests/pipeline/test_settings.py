"""Which model may be asked for what."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from autochrome.models.registry import default_names, list_models, model_spec
from autochrome.models.spec import ModelSpec
from autochrome.pipeline.settings import LOOKS, ColorizeSettings, DecoderSettings, check_supported, resolve

SURE = ModelSpec(
    "sure",
    "test",
    "lab",
    64,
    8,
    "",
    defaults={"temperature": 0.5, "vibrance": 0.25},
    looks={"accurate": {"vibrance": 0.0, "fuse": "full"}, "vivid": {"temperature": 1.0, "saturation": 1.5}},
)
DRAWS = ModelSpec(
    "draws",
    "test",
    "lab",
    64,
    8,
    "",
    draws=True,
    defaults={"temperature": 0.5, "guidance": 0.25},
    looks={"vivid": {"guidance": 0.5}},
)


@pytest.mark.parametrize(
    ("model", "asked", "told"),
    [
        ("cic", {"guidance": 0.5}, "takes no guidance; use --model pixcolor, or"),
        ("cic", {"rank": True, "refine": False}, "no rank or refine=False.*vary --vibrance"),
        ("gray", {"samples": 2}, "gray.baseline has one answer.*use --model cic or --model pixcolor$"),
        ("gray", {"tint": "teal"}, "predicts no distribution and so has no tint; use --model cic"),
        ("gray", {"warmth": 0.5, "temperature": 1.0}, "no warmth or temperature"),
        ("pixcolor", {"warmth": 0.5, "tint": "#123"}, "draws its colors and so has no warmth or tint"),
        (
            "pixcolor",
            {"vibrance": 0.0},
            "draws its colors and so has no vibrance; vary --temperature, --guidance or --seed",
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
        ({"look": "warm"}, "look must be one of natural, accurate, vivid, not 'warm'"),
        ({"saturation": -0.1}, "saturation must lie within 0 and 3, not -0.1"),
        ({"saturation": 3.1}, "saturation must lie within 0 and 3"),
        ({"saturation": float("nan")}, "saturation must lie within 0 and 3"),
        ({"warmth": 1.5}, "warmth must lie within -1 and 1"),
        ({"tint": "turqoise"}, "no color is called 'turqoise'; did you mean turquoise"),
        ({"tint": "#12"}, "after # come 3 or 6 digits"),
        ({"tint": "teal", "tint_strength": 0.0}, "tint_strength must lie within"),
        ({"transfer": "energy"}, "transfer takes colors from a reference; give a reference too"),
        ({"transfer": "magic"}, "transfer must be one of energy, quantiles"),
    ],
)
def test_values_out_of_range_are_told(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ColorizeSettings(**asked)


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ({}, DecoderSettings(size=64, fuse="mirror", temperature=0.5, vibrance=0.25)),
        (
            {"look": "accurate"},
            DecoderSettings("accurate", size=64, fuse="full", temperature=0.5, vibrance=0.0),
        ),
        (
            {"look": "vivid"},
            DecoderSettings("vivid", 1.0, 1.5, size=64, fuse="mirror", temperature=1.0, vibrance=0.25),
        ),
        # One by one they override a look; saturation comes on top of it.
        (
            {"look": "vivid", "temperature": 0.0, "fuse": "none", "saturation": 0.5},
            DecoderSettings("vivid", 0.5, 1.5, size=64, fuse="none", temperature=0.0, vibrance=0.25),
        ),
        (
            {"look": "accurate", "vibrance": 1.0},
            DecoderSettings("accurate", size=64, fuse="full", temperature=0.5, vibrance=1.0),
        ),
    ],
)
def test_what_is_asked_counts_before_the_look_and_the_look_before_the_defaults(
    asked: dict[str, Any], used: DecoderSettings
) -> None:
    assert resolve(ColorizeSettings(**asked), SURE) == used


def test_a_model_that_draws_has_its_own_values_in_a_look() -> None:
    plain = resolve(ColorizeSettings(), DRAWS)
    assert plain == DecoderSettings(size=64, fuse="none", temperature=0.5, guidance=0.25)
    vivid = resolve(ColorizeSettings(look="vivid", temperature=0.125), DRAWS)
    assert vivid == DecoderSettings("vivid", size=64, fuse="none", temperature=0.125, guidance=0.5)


def test_saturation_multiplies_the_look_s_own() -> None:
    assert resolve(ColorizeSettings(look="vivid", saturation=2.0), SURE).chroma_scale == 3.0
    assert resolve(ColorizeSettings(saturation=2.0), SURE).chroma_scale == 2.0
    assert resolve(ColorizeSettings(look="vivid", saturation=0.0), SURE).chroma_scale == 0.0


@pytest.mark.parametrize("model", list_models())
def test_the_shipped_models_know_every_look_and_the_others_the_natural_one(model: str) -> None:
    spec = model_spec(model)
    shipped = model in default_names().values() and spec.weights is not None
    assert spec.look_names == (LOOKS if shipped else ("natural",))
    for look in LOOKS:
        settings = ColorizeSettings(look=look)
        if look in spec.look_names:
            check_supported(settings, spec)
            used = resolve(settings, spec)
            # The values are in the ranges of those that are asked for, and of the kind of model.
            decoder = {name: getattr(used, name) for name in ("temperature", "vibrance", "guidance", "fuse")}
            check_supported(ColorizeSettings(**decoder, saturation=used.look_saturation), spec)
        else:
            for check in (check_supported, resolve):
                with pytest.raises(ValueError, match=rf"{model} has no {look} look, only natural; leave"):
                    check(settings, spec)


def test_settings_are_checked_without_torch() -> None:
    """So that a wrong option is answered at once."""
    program = "import sys, autochrome.pipeline.settings; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
