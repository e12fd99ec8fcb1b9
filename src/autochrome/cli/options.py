"""Options that several commands share, and their way to a painter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from autochrome.models.spec import ModelSpec
    from autochrome.pipeline import Painter
    from autochrome.settings import ColorizeSettings

_Command = TypeVar("_Command", bound=Callable[..., Any])

DEFAULT_MODEL = "cic"


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
    """Add what changes the colours: vibrance, temperature, size, fusion and upsampling."""
    for option in (
        click.option(
            "--upsampling",
            type=click.Choice(["guided", "bilinear"]),
            default="guided",
            show_default=True,
            help="How colour comes to full size: along the photo's edges, or smoothly.",
        ),
        click.option(
            "--fuse",
            type=click.Choice(["none", "mirror", "full"]),
            help="Average the prediction over the mirror image, or over three sizes too (slower). "
            "[default: mirror; none where a model draws]",
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
            help="0: the most probable colour; 1: the mean of all, or drawn as learned. "
            "[default: the model's own]",
        ),
        click.option(
            "--vibrance",
            type=click.FloatRange(-1, 2),
            metavar="V",
            help="Preference for vivid colours: 0 none, 1 full, below 0 muted. [default: the model's own]",
        ),
    ):
        command = option(command)
    return command


def sample_options(command: _Command) -> _Command:
    """Add --samples, --seed, --guidance, --refine and --rank: several colorizations of a photo."""
    for option in (
        click.option("--rank", is_flag=True, help="Order the samples, the most plausible first."),
        click.option(
            "--refine/--no-refine",
            default=True,
            show_default=True,
            help="Refine the drawn colours to the photo's shapes, or leave them coarse.",
        ),
        click.option(
            "--guidance",
            type=click.FloatRange(0, 2),
            metavar="G",
            help="How much the photo outweighs what is drawn already: 0 as learned, more is surer and "
            "stronger. [default: the model's own]",
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
            help="Colorizations of each photo, from a model that draws (--model pixcolor).",
        ),
    ):
        command = option(command)
    return command


def make_painter(model: str, weights: str | None, device: str) -> Painter:
    """Load a model for the command line.

    Raises:
        click.ClickException: the model, its weights or the device are not to be had.
    """
    spec = find_spec(model)
    from autochrome.models.weights import WeightsError
    from autochrome.pipeline import Painter

    try:
        return Painter(spec.name, weights=weights, device=device)
    except (WeightsError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def find_spec(model: str) -> ModelSpec:
    """Return what is known of a model, before torch is loaded, so that a typing error is answered at once.

    Raises:
        click.BadParameter: no model has that name.
    """
    from autochrome.models.registry import UnknownModelError, model_spec

    try:
        return model_spec(model)
    except UnknownModelError as error:
        raise click.BadParameter(str(error), param_hint="--model") from error


def make_settings(*, spec: ModelSpec | None = None, **settings: Any) -> ColorizeSettings:
    """Return the settings; a value out of range, or not for that kind of model, is a usage error.

    Raises:
        click.UsageError: naming the value.
    """
    from autochrome.settings import ColorizeSettings, check_supported

    try:
        chosen = ColorizeSettings(**settings)
        if spec is not None:
            check_supported(chosen, spec)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return chosen
