"""`autochrome prior`: the color statistics of a set of photos."""

from __future__ import annotations

from pathlib import Path

import click

from autochrome.cli.checks import check_outputs
from autochrome.cli.console import photo_bar
from autochrome.cli.options import OUT_FILE, Whole, data_argument, overwrite_option, seed_option

_SHOWN = 8


@click.command()
@data_argument
@click.option("-o", "--out", type=OUT_FILE, default=Path("prior.txt"), help="The file to write.")
@click.option("--side", type=Whole(1), default=64, help="Shorter side of a photo when counted.")
@click.option("--photos", type=Whole(1), metavar="N", help="Number of photos to count. [default: all]")
@seed_option("Seed for choosing those photos.")
@overwrite_option
def prior(
    data: tuple[Path, ...], out: Path, side: int, photos: int | None, seed: int, overwrite: bool
) -> None:
    """Estimate how often each of the 313 ab bins occurs in the photos of DATA.

    DATA are folders of pictures or of tar shards. Name the file in a recipe as data.prior: training weights
    colors by it, and it is saved with the model.
    """
    from autochrome.color.bins import AB_CENTERS
    from autochrome.data.priors import estimate_prior, save_prior
    from autochrome.data.sources import choose_photos

    check_outputs(out, overwrite=overwrite)
    source, numbers = choose_photos(data, photos, seed)
    with photo_bar() as progress:
        estimated = estimate_prior(source, side=side, numbers=numbers, progress=progress)
    names, count = " ".join(place.resolve().name for place in data), len(numbers)
    save_prior(
        estimated, out, about=f"share of each of the 313 ab bins in {count} photos of {names}, {side} px"
    )
    shares = estimated.tolist()
    occupied = sum(share > 0 for share in shares)
    click.echo(f"{out}: {count} photos, {occupied} of {len(shares)} bins occur. The most common colors:")
    for index in sorted(range(len(shares)), key=lambda i: -shares[i])[:_SHOWN]:
        a, b = AB_CENTERS[index].int().tolist()
        click.echo(f"  a {a:4d}  b {b:4d}  {100 * shares[index]:5.1f}%")
