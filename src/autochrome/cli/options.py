"""Options that several commands share, and their way to a painter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from autochrome.io.photo import Photo
    from autochrome.models.spec import ModelSpec
    from autochrome.pipeline.painter import Painter
    from autochrome.pipeline.settings import ColorizeSettings

_Command = TypeVar("_Command", bound=Callable[..., Any])

DEFAULT_MODEL = "cic"
WARMER = 0.5
"""The warmth that --warmer stands for; --cooler is as much below 0."""


replicates_option = click.option(
    "--replicates", type=click.IntRange(1), default=1000, show_default=True, help="Bootstrap resamples."
)


def model_options(command: _Command) -> _Command:
    """Add --model, --weights and --device."""
    for option in (
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps."),
        click.option("--weights", metavar="W", help="A file, hf:owner/repo/file, or an https address."),
        click.option("--model", default=DEFAULT_MODEL, show_default=True, help="See `autochrome models`."),
    ):
        command = option(command)
    return command


def decoder_options(command: _Command) -> _Command:
    """Add what changes the colors: look, saturation, vibrance, temperature, size, fusion and upsampling."""
    for option in (
        click.option(
            "--upsampling",
            type=click.Choice(["guided", "bilinear"]),
            default="guided",
            show_default=True,
            help="How color comes to full size: along the photo's edges, or smoothly.",
        ),
        click.option(
            "--fuse",
            type=click.Choice(["none", "mirror", "full"]),
            help="Average the prediction over the mirror image, or over three sizes too (slower). "
            "[default: the look's; none where a model draws]",
        ),
        click.option(
            "--size",
            type=click.IntRange(32, 2048),
            metavar="N",
            help="Shorter side of what the model sees, in pixels. [default: the model's own]",
        ),
        click.option(
            "--temperature",
            type=click.FloatRange(0, 1),
            metavar="T",
            help="0: the most probable color; 1: the mean of all. Where a model draws, 1 draws as learned, "
            "0 always the same. [default: the look's]",
        ),
        click.option(
            "--coherence",
            type=click.FloatRange(0, 1),
            metavar="C",
            help="How far a surface has one color: 0 every place for itself, 1 most. "
            "[default: the model's own]",
        ),
        click.option(
            "--vibrance",
            type=click.FloatRange(-1, 2),
            metavar="V",
            help="Preference for vivid colors: 0 none, 1 full, below 0 muted. [default: the look's]",
        ),
        click.option(
            "--saturation",
            type=click.FloatRange(0, 3),
            default=1.0,
            show_default=True,
            metavar="S",
            help="How strong the colors are: 0 leaves the photo gray, 1.2 makes them a little stronger. It "
            "comes on top of the look.",
        ),
        click.option(
            "--look",
            type=click.Choice(["natural", "accurate", "vivid"]),
            default="natural",
            show_default=True,
            help="natural: believable; accurate: calm, nearest to the truth on average; vivid: bold. Other "
            "options override what a look sets.",
        ),
    ):
        command = option(command)
    return command


def sample_options(command: _Command) -> _Command:
    """Add --samples, --seed, --guidance, --refine and --rank: several colorizations of a photo."""
    for option in (
        click.option(
            "--rank", is_flag=True, help="Order the samples of --model pixcolor, the most plausible first."
        ),
        click.option(
            "--refine/--no-refine",
            default=True,
            show_default=True,
            help="Refine what --model pixcolor draws to the photo's shapes, or leave it coarse.",
        ),
        click.option(
            "--guidance",
            type=click.FloatRange(0, 2),
            metavar="G",
            help="How much the photo outweighs what --model pixcolor has drawn already: 0 as learned, "
            "more is surer and stronger. [default: the look's]",
        ),
        click.option(
            "--seed",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            metavar="S",
            help="Another seed gives other samples, the same seed the same.",
        ),
        click.option(
            "--samples",
            type=click.IntRange(1, 64),
            default=1,
            show_default=True,
            metavar="N",
            help="Colorizations of each photo: drawn (--model pixcolor or cgan), or the best guess and "
            "others that favor one hue after another.",
        ),
    ):
        command = option(command)
    return command


def guidance_options(command: _Command) -> _Command:
    """Add what steers the colors: a reference, hints, warmth and tint."""
    for option in (
        click.option(
            "--tint-strength",
            type=click.FloatRange(0.01, 1),
            metavar="S",
            help="How strongly. [default: 0.5]",
        ),
        click.option(
            "--tint",
            metavar="COLOR",
            help="Draw what the model is unsure of toward a color: a CSS name, or #rrggbb in quotes.",
        ),
        click.option(
            "--warmth",
            type=click.FloatRange(-1, 1),
            metavar="W",
            help="The same by degrees: 1 much warmer, -1 much cooler.",
        ),
        click.option("--cooler", is_flag=True, help="Prefer cool colors where the model is unsure."),
        click.option("--warmer", is_flag=True, help="Prefer warm colors where the model is unsure."),
        click.option(
            "--transfer",
            type=click.Choice(["energy", "quantiles"]),
            help="How the palette comes over: within what the model believes, or color by color. "
            "[default: energy; quantiles where a model has no distribution]",
        ),
        click.option(
            "--hints", metavar="FILE", help="A JSON file of hints, for every photo (docs/hints.md)."
        ),
        click.option(
            "--hint",
            multiple=True,
            metavar="X,Y,COLOR",
            help="A color that is known at a place, in pixels or percent: 40%,25%,#c83232. Repeatable.",
        ),
        click.option("--reference", metavar="PHOTO", help="A photo in color whose palette is taken over."),
    ):
        command = option(command)
    return command


def make_painter(model: str, weights: str | None, device: str) -> Painter:
    """Load a model for the command line.

    Raises:
        click.ClickException: the model, its weights or the device are not to be had.
    """
    spec = find_spec(model)
    from autochrome.errors import WeightsError
    from autochrome.pipeline.painter import Painter

    try:
        return Painter(spec.name, weights=weights, device=device)
    except (WeightsError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def find_spec(model: str) -> ModelSpec:
    """Return what is known of a model, before torch is loaded, so that a typing error is answered at once.

    Raises:
        click.BadParameter: no model has that name.
    """
    from autochrome.errors import UnknownModelError
    from autochrome.models.registry import model_spec

    try:
        return model_spec(model)
    except UnknownModelError as error:
        raise click.BadParameter(str(error), param_hint="--model") from error


def make_settings(*, spec: ModelSpec | None = None, **settings: Any) -> ColorizeSettings:
    """Return the settings; a value out of range, or not for that kind of model, is a usage error.

    A ``reference`` and the file of ``hints`` are read; ``warmer`` and ``cooler`` become ``warmth``.

    Raises:
        click.UsageError: naming the value.
        click.ClickException: the reference cannot be read, or has no colors.
    """
    from autochrome.pipeline.settings import ColorizeSettings, check_supported

    path, transfer = settings.pop("reference", None), settings.pop("transfer", None)
    try:
        if transfer is not None and path is None:
            raise ValueError("--transfer takes the colors of a --reference; give that photo too")
        chosen = ColorizeSettings(**_with_hints(_with_biases(settings)))
        if spec is not None:
            check_supported(chosen, spec)
        if path is not None:
            chosen = replace(chosen, reference=_read_reference(path), transfer=transfer)
        if spec is not None:
            check_supported(chosen, spec)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return chosen


def _with_biases(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with --warmer, --cooler and --warmth as one number, and without a strength unsaid.

    Raises:
        ValueError: two of them are given, or a strength of no tint.
    """
    warmer, cooler = settings.pop("warmer", False), settings.pop("cooler", False)
    if warmer + cooler + (settings.get("warmth") is not None) > 1:
        raise ValueError("give one of --warmer, --cooler and --warmth")
    if warmer or cooler:
        settings["warmth"] = WARMER if warmer else -WARMER
    strength = settings.pop("tint_strength", None)
    if strength is None:
        return settings
    if settings.get("tint") is None:
        raise ValueError("--tint-strength is that of a --tint; give the color too")
    return {**settings, "tint_strength": strength}


def _with_hints(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with the hints of --hint and --hints together.

    Raises:
        HintError: one cannot be understood.
    """
    texts, path = settings.pop("hint", ()), settings.pop("hints", None)
    if not texts and path is None:
        return settings
    from autochrome.guidance import parse_hint, read_hints

    from_file = () if path is None else read_hints(path)
    return {**settings, "hints": (*from_file, *(parse_hint(text) for text in texts))}


def _read_reference(path: str) -> Photo:
    from autochrome.errors import PhotoError
    from autochrome.io.photo import read_photo

    try:
        photo = read_photo(path)
        from autochrome.pipeline.reference import check_reference

        check_reference(photo)
    except (PhotoError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    return photo


def check_uncertainty(spec: ModelSpec, settings: ColorizeSettings) -> None:
    """Check that a map of a model's uncertainty can be made, as far as it can be told before it is loaded.

    Raises:
        click.UsageError: it cannot; the message says what to ask for instead.
    """
    if spec.draws and settings.samples < 2:
        raise click.UsageError(
            f"--uncertainty of {spec.name} is how much its samples differ; give --samples 2 or more"
        )
    if not spec.draws and not spec.defaults:
        raise click.UsageError(f"{spec.name} does not know how sure it is; use --model cic")
