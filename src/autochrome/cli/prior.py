"""`autochrome prior`: the color statistics of a set of photos."""

from __future__ import annotations

from pathlib import Path

import click

_SHOWN = 8


@click.command()
@click.argument("data", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("prior.txt"),
    show_default=True,
    help="The file to write.",
)
@click.option(
    "--side",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Shorter side of a photo when counted.",
)
@click.option(
    "--photos", type=click.IntRange(1), metavar="N", help="Count on so many of the photos. [default: all]"
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the choice of those photos."
)
def prior(data: tuple[Path, ...], out: Path, side: int, photos: int | None, seed: int) -> None:
    """Estimate how often each of the 313 ab bins occurs in the photos of DATA.

    DATA are folders of pictures or of tar shards. Name the file in a recipe as data.prior: training weighs
    the colors by it, and it is saved with the weights.
    """
    import numpy as np
    from rich.console import Console
    from rich.progress import Progress

    from autochrome.data.priors import estimate_prior, save_prior
    from autochrome.data.sources import JoinedSource, open_source

    if not out.absolute().parent.is_dir():
        raise click.UsageError(f"the folder of {out} does not exist; make it first")
    console = Console(stderr=True)
    source = JoinedSource([open_source(place) for place in data])
    numbers = np.random.default_rng(seed).permutation(len(source))[:photos].tolist()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("photos", total=len(numbers))
        shares = estimate_prior(
            source,
            side=side,
            numbers=numbers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    names = " ".join(place.resolve().name for place in data)
    save_prior(
        shares, out, about=f"share of each of the 313 ab bins in {len(numbers)} photos of {names}, {side} px"
    )
    _tell(shares.tolist(), len(numbers), out)


def _tell(shares: list[float], photos: int, out: Path) -> None:
    from autochrome.color.bins import AB_CENTERS

    occupied = sum(share > 0 for share in shares)
    click.echo(f"{out}: {photos} photos, {occupied} of {len(shares)} bins occur. The most common colors:")
    for index in sorted(range(len(shares)), key=lambda i: -shares[i])[:_SHOWN]:
        a, b = AB_CENTERS[index].int().tolist()
        click.echo(f"  a {a:4d}  b {b:4d}  {100 * shares[index]:5.1f}%")
