"""Options that several commands share, and their way to settings and a painter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from autochrome.errors import PhotoError, shown
from autochrome.pipeline.settings import (
    LARGEST_SEED,
    SETTINGS,
    ColorizeSettings,
    capabilities,
    check_supported,
)

if TYPE_CHECKING:
    from autochrome.models.spec import ModelSpec
    from autochrome.pipeline.painter import Painter

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

PATH = click.Path(path_type=Path)
OUT_FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

DEFAULT_MODEL = "cic"
_MOST_DIGITS = 18
WARMER = 0.5
"""The warmth that --warmer stands for; --cooler is as much below 0."""


class Whole(click.IntRange):
    """Whole numbers, none with so many digits that whoever takes it would fail."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        if len(str(value)) > _MOST_DIGITS:
            self.fail(f"{shown(value)} has more than {_MOST_DIGITS} digits", param, ctx)
        return super().convert(value, param, ctx)


def compose(*options: _Decorator) -> _Decorator:
    """Return one decorator that adds options and arguments, in the order in which ``--help`` lists them."""
    return lambda command: reduce(lambda done, option: option(done), reversed(options), command)


def seed_option(help: str, type: click.ParamType | None = None) -> _Decorator:
    """Return the option ``--seed``, whole numbers from 0 unless another type is given."""
    return click.option("--seed", type=type or Whole(0), default=0, help=help)


replicates_option = click.option(
    "--replicates", type=Whole(1, 100_000), default=1000, help="Bootstrap resamples."
)
protocol_option = click.option(
    "--protocol",
    default="native",
    help="Size of comparison: native, crop:N (central square) or resize:N (shorter side).",
)
data_argument = click.argument("data", type=PATH, nargs=-1, required=True)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace files that exist.")
device_option = click.option(
    "--device", default="auto", help="Device to compute on: auto, cpu, cuda, cuda:1 or mps."
)
model_options = compose(
    click.option("--model", default=DEFAULT_MODEL, help="A name that `autochrome models` lists."),
    click.option(
        "--weights", metavar="W", help="Weights to use instead: a file, hf:owner/repo/file, or an https URL."
    ),
    device_option,
)


def setting_options(names: Iterable[str] = SETTINGS) -> _Decorator:
    """Return the options of settings, from their table; a value that is not given is None."""
    return compose(*(option for name in names for option in _options_of(name)))


def _options_of(name: str) -> list[_Decorator]:
    setting, flag = SETTINGS[name], f"--{name.replace('_', '-')}"
    if name == "hints":
        return [
            click.option(
                "--hint",
                multiple=True,
                metavar="X,Y,COLOR",
                help="A color that is known at a place, in pixels or percent: 40%,25%,#c83232; or in a "
                "rectangle, LEFT,TOP,RIGHT,BOTTOM,COLOR: 0%,0%,100%,30%,skyblue. gray keeps a place gray. "
                "Repeatable. --preview-hints shows where they are.",
            ),
            click.option(
                flag,
                metavar="FILE",
                help="A JSON file of hints for every photo: "
                '{"version": 1, "hints": [{"point": ["40%", "25%"], "color": "#c83232"}, '
                '{"rectangle": ["0%", "0%", "100%", "30%"], "color": "skyblue"}]}',
            ),
        ]
    default = getattr(ColorizeSettings(), name)
    how: dict[str, Any] = {"default": None, "metavar": setting.metavar}
    if setting.kind == "number":
        how["type"] = click.FloatRange(setting.low, setting.high)
    elif setting.kind == "whole":
        endless = setting.high == LARGEST_SEED
        how["type"] = Whole(int(setting.low), None if endless else int(setting.high))
    elif setting.kind == "choice":
        how["type"] = click.Choice(setting.choices)
    elif setting.kind == "flag":
        how["is_flag"], flag, default = True, f"{flag}/--no-{flag[2:]}", None
    standard = setting.unset if default is None else str(default)
    help = f"{setting.help} [default: {standard}]" if standard else setting.help
    options = [click.option(flag, help=help, **how)]
    if name == "warmth":
        options += [
            click.option("--warmer", is_flag=True, help=f"The same as --warmth {WARMER}."),
            click.option("--cooler", is_flag=True, help=f"The same as --warmth {-WARMER}."),
        ]
    return options


decoder_options = setting_options(takewhile(lambda name: name != "samples", SETTINGS))


def _set_limit(ctx: click.Context, _: click.Parameter, megapixels: int | None) -> None:
    from autochrome.io.limits import limited_to

    if megapixels is not None:
        ctx.with_resource(limited_to(megapixels * 1_000_000))


limit_option = click.option(
    "--max-megapixels",
    type=Whole(1),
    metavar="M",
    callback=_set_limit,
    expose_value=False,
    help="Largest photo that is read, a guard against hostile files; floats count twofold. [default: 400]",
)


def find_spec(model: str) -> ModelSpec:
    """Return a model's specification; torch is not loaded yet, so that a mistyped name fails at once.

    Raises:
        click.BadParameter: no model has that name.
    """
    from autochrome.errors import UnknownModelError
    from autochrome.models.registry import model_spec

    try:
        return model_spec(model)
    except UnknownModelError as error:
        raise click.BadParameter(str(error), param_hint="--model") from error


def make_painter(model: str, weights: str | None, device: str) -> Painter:
    """Load a model for the command line.

    Raises:
        click.BadParameter: no model has that name, or the weights or device given are not available.
        WeightsError: the model's own weights are not available.
    """
    spec = find_spec(model)
    from autochrome.errors import SettingsError, WeightsError
    from autochrome.pipeline.painter import Painter

    try:
        return Painter(spec.name, weights=weights, device=device)
    except SettingsError as error:
        raise click.BadParameter(str(error), param_hint="--device") from error
    except WeightsError as error:
        if weights is None:
            raise
        raise click.BadParameter(str(error), param_hint="--weights") from error


def make_settings(
    *,
    spec: ModelSpec,
    look_file: str | None = None,
    warmer: bool = False,
    cooler: bool = False,
    **options: Any,
) -> ColorizeSettings:
    """Return the requested settings; what is not given comes from the look file and the defaults.

    The files of the reference, the hints and the look are read.

    Raises:
        click.UsageError: a value is out of range, contradicts another, or is not supported by the model; or a
            file that an option names cannot be read, or does not hold what it should.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if warmer + cooler + ("warmth" in given) > 1:
        raise click.UsageError("give one of --warmer, --cooler and --warmth")
    if warmer or cooler:
        given["warmth"] = WARMER if warmer else -WARMER
    try:
        given |= _read_files(given.pop("reference", None), given.pop("hints", None), given.pop("hint", ()))
        if look_file is None:
            settings = ColorizeSettings(**given)
        else:
            from autochrome.pipeline.look_file import read_look

            settings = read_look(look_file, **given)
            _note_other_weights(look_file, spec)
        check_supported(settings, spec)
        if settings.reference is not None:
            from autochrome.pipeline.reference import check_reference

            check_reference(settings.reference)
    except (ValueError, PhotoError) as error:
        raise click.UsageError(getattr(error, "for_command", str(error))) from error
    return settings


def _note_other_weights(look_file: str, spec: ModelSpec) -> None:
    """Print a note if the look is of a result of another model, or of other weights."""
    from autochrome.pipeline.look_file import look_origin

    made = look_origin(look_file)
    if made is None or (made.model, made.weights_sha256) == (spec.name, spec.sha256 or ""):
        return
    other = "other weights" if made.model == spec.name else made.model
    click.echo(f"note: {look_file}: it was made with {other}; its settings give other colors now", err=True)


def _read_files(reference: str | None, hints: str | None, more_hints: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings that the options --reference, --hints and --hint stand for.

    Raises:
        PhotoError: the reference cannot be read.
        HintError: a hint cannot be parsed.
    """
    settings: dict[str, Any] = {}
    if hints or more_hints:
        from autochrome.guidance import parse_hint, read_hints

        settings["hints"] = (*(read_hints(hints) if hints else ()), *map(parse_hint, more_hints))
    if reference is not None:
        from autochrome.io.photo import read_photo

        settings["reference"] = read_photo(reference)
    return settings


def check_uncertainty(spec: ModelSpec, settings: ColorizeSettings) -> None:
    """Check, before the model is loaded, that a map of its uncertainty can be made; UsageError if not."""
    can = capabilities(spec)
    if "samples" not in can:
        raise click.UsageError(f"{spec.name} does not know how sure it is; use --model cic")
    if "distribution" not in can and settings.samples < 2:
        raise click.UsageError(
            f"the uncertainty of {spec.name} is how much its samples differ; give --samples 2 or more"
        )
