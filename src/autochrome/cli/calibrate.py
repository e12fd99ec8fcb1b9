"""`autochrome calibrate`: fit the tone curves of a drawing model's colors to photos."""

from __future__ import annotations

from pathlib import Path

import click

from autochrome.models.registry import default_specs

_SHOWN = (-40, -20, -10, 0, 10, 20, 40)  # bytes from gray
_CHANNELS = {"ycbcr": ("Cb", "Cr"), "yuv": ("U", "V")}
WITH_CURVES = [name for name, spec in default_specs().items() if "tone_curves" in spec.can]
"""The models that it is for, by their short names."""


@click.command()
@click.argument("data", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--model",
    default="pixcolor",
    show_default=True,
    help=f"A model that draws: {' or '.join(WITH_CURVES)}.",
)
@click.option("--weights", metavar="W", help="The weights to calibrate, instead of the shipped ones.")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("calibrated.safetensors"),
    show_default=True,
    help="The file to write: the weights with the new curve.",
)
@click.option(
    "--photos",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    metavar="N",
    help="Photos to draw for.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed for choosing photos and drawing.",
)
def calibrate(
    data: tuple[Path, ...], model: str, weights: str | None, out: Path, photos: int, seed: int
) -> None:
    """Fit how vivid drawn colors are to the photos of DATA: folders of pictures or of tar shards.

    Draws of a network that was trained or fine-tuned come out paler than its photos, or more vivid. This
    draws for N photos, compares how frequent each color is with the truth, and writes weights whose draws
    pass through a curve that undoes the difference. It is the last step of training pixcolor.compact and
    cgan.compact.
    """
    import numpy as np
    import torch
    from rich.console import Console
    from rich.progress import Progress

    from autochrome.data.sources import JoinedSource, open_source
    from autochrome.engine.tone_curves import fit_tone_curves
    from autochrome.errors import UnknownModelError
    from autochrome.models.base import SamplingColorizer
    from autochrome.models.registry import create_model
    from autochrome.models.tone_curves import apply_curve
    from autochrome.models.weights import save_weights

    if not out.absolute().parent.is_dir():
        raise click.UsageError(f"the folder of {out} does not exist; make it first")
    console = Console(stderr=True)
    try:
        network = create_model(model, weights=weights)
        if not isinstance(network, SamplingColorizer) or "tone_curves" not in network.spec.can:
            raise click.BadParameter(
                f"{network.spec.name} has no curve to fit; {' and '.join(WITH_CURVES)} have one",
                param_hint="--model",
            )
        source = JoinedSource([open_source(place) for place in data])
        numbers = np.random.default_rng(seed).permutation(len(source))[:photos].tolist()
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("photos", total=len(numbers))
            curve = fit_tone_curves(
                network,
                source,
                numbers=numbers,
                seed=seed,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        digest = save_weights(network, out)
    except UnknownModelError as error:
        raise click.BadParameter(str(error), param_hint="--model") from error
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{out}: curve of {len(numbers)} photos, sha256 {digest}. Bytes from gray become:")
    gray = network.curve_neutral
    places = gray + torch.tensor(_SHOWN) / 255
    moved = 255 * (apply_curve(places.expand(1, 2, 1, -1), curve)[0, :, 0] - gray)
    for name, channel in zip(_CHANNELS[network.spec.space], moved.tolist(), strict=True):
        pairs = zip(_SHOWN, channel, strict=True)
        click.echo(f"  {name:2}  " + "  ".join(f"{before}: {after:z.1f}" for before, after in pairs))
