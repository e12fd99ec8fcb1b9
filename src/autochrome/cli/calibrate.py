"""`autochrome calibrate`: fit the tone curve of a drawing model's colours to photos."""

from __future__ import annotations

from pathlib import Path

import click

_SHOWN = (88, 108, 118, 128, 138, 148, 168)


@click.command()
@click.argument("data", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--model", default="pixcolor", show_default=True, help="A PixColor model.")
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
    "--photos", type=click.IntRange(1), default=2000, show_default=True, metavar="N", help="Draw for so many."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the choice of photos and draws."
)
def calibrate(
    data: tuple[Path, ...], model: str, weights: str | None, out: Path, photos: int, seed: int
) -> None:
    """Fit how vivid drawn colours are to the photos of DATA: folders of pictures or of tar shards.

    Draws of a network that was trained or fine-tuned come out paler than its photos, or more vivid. This
    draws for N photos, compares how frequent each colour is with the truth, and writes weights whose draws
    pass through a curve that undoes the difference. It is the last step of training pixcolor.compact.
    """
    import numpy as np
    from rich.console import Console
    from rich.progress import Progress

    from autochrome.data.sources import DataError, JoinedSource, open_source
    from autochrome.engine.calibration import calibrate as fit
    from autochrome.models.pixcolor.model import PixColor
    from autochrome.models.registry import UnknownModelError, create_model
    from autochrome.models.weights import WeightsError, save_weights

    if not out.absolute().parent.is_dir():
        raise click.UsageError(f"the folder of {out} does not exist; make it first")
    console = Console(stderr=True)
    try:
        network = create_model(model, weights=weights)
        if not isinstance(network, PixColor):
            raise click.BadParameter(
                f"{model} draws nothing and so has no curve; give a pixcolor model", param_hint="--model"
            )
        source = JoinedSource([open_source(place) for place in data])
        numbers = np.random.default_rng(seed).permutation(len(source))[:photos].tolist()
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("photos", total=len(numbers))
            curve = fit(
                network,
                source,
                numbers=numbers,
                seed=seed,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        digest = save_weights(network, out)
    except UnknownModelError as error:
        raise click.BadParameter(str(error), param_hint="--model") from error
    except (DataError, WeightsError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{out}: curve of {len(numbers)} photos, sha256 {digest}. Bytes of chroma become:")
    for name, channel in zip(("Cb", "Cr"), curve.tolist(), strict=True):
        click.echo(f"  {name}  " + "  ".join(f"{level}: {255 * channel[level]:.1f}" for level in _SHOWN))
