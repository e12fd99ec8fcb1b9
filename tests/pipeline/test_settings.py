"""The table of settings: ranges, kinds, and which model supports what."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import skimage.data

from autochrome.errors import SettingsError
from autochrome.guidance import parse_hint
from autochrome.io.photo import Photo
from autochrome.models.registry import default_names, list_models, model_spec
from autochrome.models.spec import ModelSpec
from autochrome.pipeline.painter import Painter, Settings, colorize
from autochrome.pipeline.settings import (
    LOOKS,
    SETTINGS,
    ColorizeSettings,
    DecoderSettings,
    as_keyword,
    as_option,
    check_supported,
    resolve,
)

COLORED = Photo(np.ascontiguousarray(skimage.data.astronaut()[::4, ::4]))
BORDERED = Photo(np.pad(skimage.data.camera()[:384:4, :448:4, None], ((9, 9), (9, 9), (0, 0))))
SURE = ModelSpec(
    arch="sure",
    tag="test",
    kind="distribution",
    space="lab",
    working_size=64,
    multiple_of=8,
    paper="",
    defaults={"temperature": 0.5, "vibrance": 0.25},
    looks={"accurate": {"vibrance": 0.0, "fuse": "full"}, "vivid": {"temperature": 1.0, "saturation": 1.5}},
)
DRAWS = ModelSpec(
    arch="draws",
    tag="test",
    kind="samples",
    space="lab",
    working_size=64,
    multiple_of=8,
    paper="",
    defaults={"temperature": 0.5, "guidance": 0.25},
    looks={"vivid": {"guidance": 0.5}},
)


@pytest.mark.parametrize(
    ("model", "requested", "message"),
    [
        ("cic", {"guidance": 0.5}, "cic.compact does not support guidance; use model pixcolor, or leave"),
        ("cic", {"rank": True, "refine": False}, "support refine=False or rank=True; use model pixcolor"),
        ("gray", {"samples": 2}, "gray.baseline does not support samples=2; use model cgan, cic, lrac or"),
        ("gray", {"tint": "teal"}, "does not support tint; use model cgan, cic, lrac or pixcolor"),
        ("gray", {"warmth": 0.5, "temperature": 1.0}, "does not support temperature or warmth; use"),
        ("pixcolor.paper", {"warmth": 0.5, "tint": "#123"}, "support warmth or tint; use model cgan, cic"),
        ("pixcolor", {"vibrance": 0.0}, "does not support vibrance; use model cic or lrac"),
        ("pixcolor", {"fuse": "mirror", "vibrance": 1.0}, "support vibrance or fuse=mirror; use model cic"),
        (
            "pixcolor.paper",
            {"rank": True},
            "pixcolor.paper does not support rank=True; use model cgan or pixcolor",
        ),
        ("cgan", {"guidance": 0.5}, "cgan.compact does not support guidance; use model pixcolor, or"),
        ("cgan", {"refine": False}, "does not support refine=False; use model pixcolor"),
        ("cgan.paper", {"rank": True}, "cgan.paper does not support rank=True; use model cgan or"),
        (
            "cgan",
            {"guidance": 0.0, "vibrance": 0.1, "refine": False},
            "vibrance, guidance or refine=False",
        ),
        ("cgan", {"vibrance": 1.0}, "does not support vibrance; use model cic or lrac, or leave that out$"),
        ("cgan", {"warmth": 0.5, "tint": "teal", "fuse": "full"}, "does not support fuse=full; use model"),
        ("gray", {"tint": "teal", "rank": True}, "does not support rank=True or tint; use model cgan or"),
        ("cic.paper", {"look": "vivid"}, "support look=vivid; use model cgan, cic, lrac or pixcolor, or"),
    ],
)
def test_what_a_model_does_not_support_is_refused(
    model: str, requested: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        check_supported(ColorizeSettings(**requested), model_spec(model))


@pytest.mark.parametrize(
    ("model", "requested"),
    [
        ("cic", {}),
        ("cic", {"samples": 4, "warmth": -1.0, "tint": "Dark Olive Green", "tint_strength": 1.0}),
        ("cic", {"vibrance": 1.0, "temperature": 0.1, "fuse": "full"}),
        ("pixcolor", {}),
        ("pixcolor", {"samples": 64, "seed": 3, "temperature": 0.5, "guidance": 0.5, "rank": True}),
        ("pixcolor", {"fuse": "none", "size": 224, "upsampling": "bilinear"}),
        ("pixcolor", {"refine": False}),
        ("pixcolor.paper", {"refine": False, "guidance": 1.0}),
        ("cgan", {}),
        ("cgan", {"samples": 64, "seed": 3, "temperature": 0.5, "size": 128, "fuse": "none"}),
        ("gray", {"fuse": "full", "saturation": 0.5, "size": 64, "border_detection": False}),
    ],
)
def test_what_is_for_the_kind_is_taken(model: str, requested: dict[str, Any]) -> None:
    check_supported(ColorizeSettings(**requested), model_spec(model))


EFFECTS: dict[str, tuple[dict[str, Any], ...]] = {
    "look": ({}, {"look": "vivid"}),
    "saturation": ({}, {"saturation": 0.5}),
    "vibrance": ({}, {"vibrance": 0.9}),
    "coherence": ({"coherence": 0.0}, {"coherence": 1.0}),
    "temperature": ({"temperature": 1.0}, {"temperature": 0.0}),
    "size": ({"size": 32}, {"size": 96}),
    "fuse": ({"fuse": "none"}, {"fuse": "full"}),
    "upsampling": ({}, {"upsampling": "bilinear"}),
    "border_detection": ({}, {"border_detection": False}),
    "samples": ({}, {"samples": 2}),
    "draws": ({"samples": 2}, {"samples": 2, "draws": 6}),
    "seed": ({}, {"seed": 5}),
    "guidance": ({"guidance": 0.0}, {"guidance": 2.0}),
    "refine": ({}, {"refine": False}),
    "rank": ({"samples": 6}, {"samples": 6, "rank": True}),
    "reference": ({}, {"reference": COLORED}),
    "transfer": tuple({"reference": COLORED, "transfer": how} for how in ("energy", "quantiles")),
    "warmth": ({}, {"warmth": 1.0}),
    "tint": ({}, {"tint": "teal"}),
    "tint_strength": ({"tint": "teal"}, {"tint": "teal", "tint_strength": 1.0}),
    "hints": ({}, {"hints": (parse_hint("50%,50%,red"),)}),
}
"""Of each setting, two sets of settings that differ by it."""


@pytest.mark.slow
@pytest.mark.parametrize("model", ["cgan", "cic", "lrac", "pixcolor"])
def test_a_setting_that_a_model_takes_changes_its_colors(model: str) -> None:
    painter, refused = Painter(model), set()
    assert [*EFFECTS] == [*SETTINGS]
    for name, pair in EFFECTS.items():
        try:
            colored = [painter.colorize(BORDERED, ColorizeSettings(**{"size": 32, **each})) for each in pair]
        except SettingsError:
            refused.add(name)
            continue
        before, after = (np.stack([each.pixels for each in several]) for several in colored)
        assert not np.array_equal(before, after), name
    assert refused == REFUSED[model]


REFUSED = {
    "cic": {"draws", "seed", "guidance", "refine", "rank"},
    "lrac": {"draws", "seed", "guidance", "refine", "rank"},
    "pixcolor": {"vibrance", "coherence", "fuse"},
    "cgan": {"vibrance", "coherence", "fuse", "guidance", "refine"},
}


@pytest.mark.parametrize(
    ("name", "value", "keyword", "option"),
    [
        ("rank", True, "rank=True", "--rank"),
        ("border_detection", False, "border_detection=False", "--no-border-detection"),
        ("look", "vivid", "look=vivid", "--look vivid"),
        ("tint_strength", None, "tint_strength", "--tint-strength"),
        ("samples", 2, "samples=2", "--samples 2"),
    ],
)
def test_settings_are_named_in_the_reader_s_words(name: str, value: Any, keyword: str, option: str) -> None:
    assert (as_keyword(name, value), as_option(name, value)) == (keyword, option)


@pytest.mark.parametrize(
    "settings", [{"rank": True, "seed": 3}, {"refine": False, "samples": 2}, {"guidance": 0.1}, {"seed": -1}]
)
def test_a_message_for_the_command_line_holds_options_alone(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        check_supported(ColorizeSettings(**settings), model_spec("gray"))
    assert "=" not in caught.value.for_command
    assert all(as_option(name).removeprefix("--") in caught.value.for_command for name in settings)
    assert "--" not in str(caught.value)


@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_of_many_digits_are_out_of_range(digits: int) -> None:
    for name in ("seed", "samples", "size", "saturation", "warmth"):
        with pytest.raises(SettingsError, match=name) as caught:
            SETTINGS[name].check(name, 10**digits)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"look": "warm"}, "look must be one of natural, accurate, vivid, not 'warm'"),
        ({"saturation": -0.1}, "saturation must be a number from 0 to 3, not -0.1"),
        ({"saturation": 3.1}, "saturation must be a number from 0 to 3, not 3.1"),
        ({"saturation": float("nan")}, "saturation must be a number from 0 to 3, not nan"),
        ({"warmth": 1.5}, "warmth must be a number from -1 to 1"),
        ({"tint": "turqoise"}, "'turqoise' is not a color; did you mean turquoise"),
        ({"tint": "#12"}, "write # and 3 or 6 digits"),
        ({"tint": "teal", "tint_strength": 0.0}, "tint_strength must be a number from 0.01 to 1, not 0"),
        ({"tint_strength": 0.7}, "tint_strength needs tint; give that too"),
        ({"transfer": "energy"}, "transfer needs reference; give that too"),
        ({"transfer": "magic"}, "transfer must be one of energy, quantiles"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ColorizeSettings(**values)


WRONG_KINDS: dict[str, list[object]] = {
    "number": [None, "high", True, [1.0]],
    "whole": [None, "64", True, 64.5],
    "flag": [None, "true", 1],
    "choice": [None, 1, "Natural"],
    "color": [None, 5, (1.0, 0.0, 0.0)],
}


@pytest.mark.parametrize("name", [name for name in SETTINGS if SETTINGS[name].kind in WRONG_KINDS])
def test_values_of_the_wrong_kind_are_refused_by_name(name: str) -> None:
    """By the table itself: the type checks of this suite come before those of `ColorizeSettings`."""
    setting = SETTINGS[name]
    for value in WRONG_KINDS[setting.kind]:
        with pytest.raises(SettingsError, match=f"^{name} must be {re.escape(setting.values)}, not "):
            setting.check(name, value)


def test_a_wrong_value_in_python_is_named() -> None:
    program = (
        "import autochrome\n"
        "for value in (None, 'high'):\n"
        "    try: autochrome.colorize('a.png', saturation=value)\n"
        "    except ValueError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [
        f"saturation must be a number from 0 to 3, not {value!r}" for value in (None, "high")
    ]


def test_the_documentation_describes_every_setting() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, setting in SETTINGS.items():
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{name}`")]
        assert setting.help in row
        assert setting.values in row
        assert re.search(rf"\b{name}\b", colorize.__doc__ or ""), f"the docstring of colorize lacks {name}"


def test_the_keywords_of_colorize_are_the_settings() -> None:
    assert [*get_type_hints(Settings)] == [*SETTINGS]


@pytest.mark.parametrize(
    ("requested", "used"),
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
    requested: dict[str, Any], used: DecoderSettings
) -> None:
    assert resolve(ColorizeSettings(**requested), SURE) == used


def test_a_model_that_draws_has_its_own_values_in_a_look() -> None:
    plain = resolve(ColorizeSettings(), DRAWS)
    assert plain == DecoderSettings(size=64, fuse="none", temperature=0.5, guidance=0.25)
    vivid = resolve(ColorizeSettings(look="vivid", temperature=0.125), DRAWS)
    assert vivid == DecoderSettings("vivid", size=64, fuse="none", temperature=0.125, guidance=0.5)


def test_saturation_multiplies_the_look_s_own() -> None:
    assert resolve(ColorizeSettings(look="vivid", saturation=2.0), SURE).chroma_scale == 3.0
    assert resolve(ColorizeSettings(saturation=2.0), SURE).chroma_scale == 2.0
    assert resolve(ColorizeSettings(look="vivid", saturation=0.0), SURE).chroma_scale == 0.0


@pytest.mark.parametrize("model", list_models(internal=True))
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
                with pytest.raises(SettingsError, match=rf"{model} does not support look={look}; use"):
                    check(settings, spec)


def test_settings_are_checked_without_torch() -> None:
    """So that a wrong option is answered at once."""
    program = "import sys, autochrome.pipeline.settings; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
