"""`autochrome calibrate`: fit the tone curves of a drawing model's colors to photos."""

from __future__ import annotations

from pathlib import Path

import click

from autochrome.cli.checks import check_outputs
from autochrome.cli.console import photo_bar
from autochrome.cli.options import OUT_FILE, Whole, data_argument, find_spec, overwrite_option, seed_option
from autochrome.models.registry import default_specs

_SHOWN = (-40, -20, -10, 0, 10, 20, 40)  # bytes from gray
_CHANNELS = {"ycbcr": ("Cb", "Cr"), "yuv": ("U", "V")}
WITH_CURVES = [name for name, spec in default_specs().items() if "tone_curves" in spec.can]
"""The models that it is for, by their short names."""


@click.command()
@data_argument
@click.option("--model", default="pixcolor", help=f"A model that draws: {' or '.join(WITH_CURVES)}.")
@click.option("--weights", metavar="W", help="The weights to calibrate, instead of the shipped ones.")
@click.option(
    "-o",
    "--out",
    type=OUT_FILE,
    default=Path("calibrated.safetensors"),
    help="The file to write: the weights with the new curve.",
)
@click.option("--photos", type=Whole(1), default=2000, metavar="N", help="Photos to draw for.")
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=1.0,
    help="How far the curve goes: 1 makes colors as frequent as in the photos, 0 changes nothing.",
)
@seed_option("Seed for choosing photos and drawing.")
@overwrite_option
def calibrate(
    data: tuple[Path, ...],
    model: str,
    weights: str | None,
    out: Path,
    photos: int,
    strength: float,
    seed: int,
    overwrite: bool,
) -> None:
    """Fit how vivid drawn colors are to the photos of DATA: folders of pictures or of tar shards.

    Draws of a network that was trained or fine-tuned come out paler than its photos, or more vivid. This
    draws for N photos, compares how frequent each color is with the truth, and writes weights whose draws
    pass through a curve that undoes the difference. It is the last step of training pixcolor.compact and
    cgan.compact.
    """
    spec = find_spec(model)
    check_outputs(out, overwrite=overwrite)
    if "tone_curves" not in spec.can:
        raise click.BadParameter(
            f"{spec.name} has no curve to fit; {' and '.join(WITH_CURVES)} have one", param_hint="--model"
        )
    import torch

    from autochrome.data.sources import choose_photos
    from autochrome.engine.tone_curves import fit_tone_curves
    from autochrome.models.base import SamplingColorizer
    from autochrome.models.registry import create_model
    from autochrome.models.tone_curves import apply_curve
    from autochrome.models.weights import save_weights

    network = create_model(model, weights=weights)
    assert isinstance(network, SamplingColorizer)
    source, numbers = choose_photos(data, photos, seed)
    with photo_bar() as progress:
        curve = fit_tone_curves(
            network, source, numbers=numbers, seed=seed, strength=strength, progress=progress
        )
    digest = save_weights(network, out)
    click.echo(f"{out}: curve of {len(numbers)} photos, sha256 {digest}. Bytes from gray become:")
    gray = network.curve_neutral
    places = gray + torch.tensor(_SHOWN) / 255
    moved = 255 * (apply_curve(places.expand(1, 2, 1, -1), curve)[0, :, 0] - gray)
    for name, channel in zip(_CHANNELS[network.spec.space], moved.tolist(), strict=True):
        pairs = zip(_SHOWN, channel, strict=True)
        click.echo(f"  {name:2}  " + "  ".join(f"{before}: {after:z.1f}" for before, after in pairs))
