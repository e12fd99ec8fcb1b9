"""`autochrome figures`: what the papers show of a photo, drawn for one of yours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from autochrome.cli.options import decoder_options, make_painter, make_settings, model_options

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, UInt8
    from torch import Tensor

    from autochrome.io.photo import Photo
    from autochrome.pipeline.painter import ColorizeSettings, Painter, Prediction

_Command = TypeVar("_Command", bound=Callable[..., Any])
_SIDE = 320  # longer side of one picture on a sheet, in pixels
_REACH = 10  # CIE units: a bin stands for itself and the eight around it


@click.group()
def figures() -> None:
    """Draw the papers' figures for a photo."""


def _figure_options(command: _Command) -> _Command:
    """Add the photo, -o, --overwrite, and all that chooses a model and its colors."""
    for option in (
        click.option("--overwrite", is_flag=True, help="Replace the figure if it exists."),
        click.option(
            "-o", "--out", required=True, type=click.Path(path_type=Path), help="The figure's file."
        ),
        click.argument("photo", type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return model_options(decoder_options(command))


@figures.command()
@_figure_options
def temperatures(photo: Path, out: Path, overwrite: bool, **options: Any) -> None:
    """Show the way from the mean color to the most probable one (CIC, figure 4).

    The columns are the paper's temperatures: 1, 1/2, 1/4, 1/6, 1/8, 1/12, 0.
    """
    _check_target(out, overwrite)
    painter, settings, prediction = _predict(photo, options)
    from autochrome.color.decoding import FIGURE_4_TEMPERATURES

    columns = {}
    for value in FIGURE_4_TEMPERATURES:
        painted = painter.paint(prediction, replace(settings, temperature=value))
        columns[f"T = {Fraction(value).limit_denominator(100)}"] = [painted.pixels]
    _write_sheet(columns, [photo.name], out)


@figures.command()
@_figure_options
@click.option("--bins", type=click.IntRange(1, 32), default=8, show_default=True, help="How many colors.")
def probabilities(photo: Path, out: Path, overwrite: bool, bins: int, **options: Any) -> None:
    """Show where the model expects the most probable distinct colors (CIC, figure 14).

    Above each map is the color it stands for, with its a and b: a bin together with the eight around it.
    White is the largest probability that the map reaches, given in per cent.
    """
    _check_target(out, overwrite)
    painter, settings, prediction = _predict(photo, options)
    import torch

    _require_ab_bins(painter)
    distribution = _distribution(painter, prediction, settings)
    shape = prediction.photo.size
    columns = {"photo": [painter.paint(prediction, settings).pixels, prediction.photo.pixels]}
    for center in _distinct_bins(distribution, bins):
        a, b, chance = _around(distribution, center)
        label = f"a {a:.0f}, b {b:.0f}: up to {100 * float(chance.max()):.0f}%"
        whole = torch.from_numpy(prediction.extent.over_file(chance.numpy()))
        columns[label] = [_swatch(a, b), _gray_map(whole, shape)]
    _write_sheet(columns, None, out)


def _require_ab_bins(painter: Painter) -> None:
    from autochrome.color.bins import AB_BINS
    from autochrome.models.base import HasDistribution

    assert isinstance(painter.model, HasDistribution)
    if painter.model.axes != (slice(0, AB_BINS),):
        raise click.ClickException(
            f"{painter.model.spec.name} does not predict the {AB_BINS} ab bins that this figure shows; "
            "use --model cic, or see where it is unsure with: autochrome colorize PHOTO --uncertainty"
        )


def _check_target(out: Path, overwrite: bool) -> None:
    from autochrome.report.contact_sheet import SHEET_SUFFIXES

    if out.suffix.lower() not in SHEET_SUFFIXES:
        raise click.BadParameter(
            f"{out.name} must end in one of {', '.join(sorted(SHEET_SUFFIXES))}", param_hint="-o"
        )
    if out.exists() and not overwrite:
        raise click.ClickException(f"{out} exists already. Use --overwrite to replace it")
    if not out.absolute().parent.is_dir():
        raise click.ClickException(f"the folder of {out} does not exist; make it first")


def _predict(path: Path, options: dict[str, Any]) -> tuple[Painter, ColorizeSettings, Prediction]:
    """Read the photo, load the model, ask it; the photo of the prediction is reduced to a sheet's size."""
    from autochrome.io.photo import read_photo

    photo = read_photo(path)
    painter = make_painter(options.pop("model"), options.pop("weights"), options.pop("device"))
    settings = make_settings(spec=painter.model.spec, **options)
    from autochrome.models.base import HasDistribution

    if not isinstance(painter.model, HasDistribution):
        raise click.ClickException(f"{painter.model.spec.name} predicts no distribution; use another --model")
    return painter, settings, painter.predict(_reduced(photo), settings)


def _reduced(photo: Photo) -> Photo:
    """The photo's lightness as an 8-bit gray photo no larger than a picture on a sheet."""
    import numpy as np
    import torch

    from autochrome.color.gamut import fit_chroma_into
    from autochrome.color.lightness import Lightness
    from autochrome.io.photo import Photo

    height, width = photo.size
    scale = min(1.0, _SIDE / max(height, width))
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    luma = Lightness(photo.pixels).reduced(height, width)[0, 0]
    gray = np.empty((height, width, 3), np.uint8)
    fit_chroma_into(gray, luma, torch.zeros(2, height, width))
    return Photo(np.ascontiguousarray(gray[:, :, :1]))


def _distribution(
    painter: Painter, prediction: Prediction, settings: ColorizeSettings
) -> Float[Tensor, "313 h w"]:
    """Probabilities after the vibrance asked for, before the temperature."""
    import torch

    from autochrome.guidance import Vibrance
    from autochrome.models.base import HasDistribution

    assert isinstance(painter.model, HasDistribution)
    amount = settings.vibrance if settings.vibrance is not None else 0.0
    with torch.inference_mode():
        return torch.softmax(Vibrance(painter.model.prior, amount)(prediction.answer), dim=1)[0].cpu()


def _distinct_bins(distribution: Float[Tensor, "313 h w"], count: int) -> list[int]:
    """The bins most probable over the photo, none of whose neighborhoods overlap."""
    from autochrome.color.bins import AB_CENTERS

    chosen: list[int] = []
    for index in distribution.mean((1, 2)).argsort(descending=True).tolist():
        apart = (AB_CENTERS[chosen] - AB_CENTERS[index]).abs().amax(1) if chosen else None
        if apart is None or bool((apart > 2 * _REACH).all()):
            chosen.append(index)
        if len(chosen) == count:
            break
    return chosen


def _around(distribution: Float[Tensor, "313 h w"], center: int) -> tuple[float, float, Float[Tensor, "h w"]]:
    """A bin's a and b, and the probability of it and those beside it."""
    from autochrome.color.bins import AB_CENTERS

    near = (AB_CENTERS - AB_CENTERS[center]).abs().amax(1) <= _REACH
    a, b = AB_CENTERS[center].tolist()
    return a, b, distribution[near].sum(0)


def _swatch(a: float, b: float) -> UInt8[np.ndarray, "h w 3"]:
    """The color at middle lightness, with as much of its chroma as sRGB holds there."""
    import numpy as np
    import torch

    from autochrome.color.gamut import fit_chroma_into

    swatch = np.empty((48, 192, 3), np.uint8)
    chroma = torch.tensor([a, b])[:, None, None].expand(2, 48, 192).contiguous()
    fit_chroma_into(swatch, torch.full((48, 192), 60.0), chroma)
    return swatch


def _gray_map(chance: Float[Tensor, "h w"], shape: tuple[int, int]) -> UInt8[np.ndarray, "h w 1"]:
    """Probabilities as gray, white being the largest, at the size of the photo."""
    from torch.nn import functional as F

    large = F.interpolate(chance[None, None], shape, mode="bilinear")[0, 0]
    return (large * (255 / large.max().clamp_min(1e-12))).round().byte().numpy()[:, :, None]


def _write_sheet(columns: dict[str, list[Any]], captions: list[str] | None, out: Path) -> None:
    from autochrome.report.contact_sheet import Layout, contact_sheets, write_sheets

    layout = Layout(cell_width=_SIDE, cell_height=_SIDE)
    write_sheets(contact_sheets(columns, captions, layout=layout), out)
    click.echo(f"{out}", err=True)
