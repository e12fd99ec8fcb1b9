"""How uncertain the models are about photos, and the value that one photo in ten exceeds.

    python -m reproduce.unsure PHOTOS [--model cic ...] [--photos N]

PHOTOS is a folder or a tar shard of photos that nothing is trained or measured on: ours is the held-out shard
of train-144px. Prints the quantiles of `Prediction.doubt` for each model, and how many photos exceed the
registry's threshold: `ModelSpec.unsure_above` is about the 90% quantile.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autochrome.data.photos import decode_rgb
from autochrome.data.sources import PhotoSource, open_source
from autochrome.errors import DataError
from autochrome.evaluation.markdown import markdown_table
from autochrome.io.photo import Photo
from autochrome.pipeline.painter import Painter

MODELS = ("cic", "lrac", "pixcolor", "cgan")
QUANTILES = (0.1, 0.5, 0.9)


def uncertainties(painter: Painter, source: PhotoSource, count: int) -> list[float]:
    """Return the uncertainty about each of some photos, spaced evenly over the source."""
    numbers = np.linspace(0, len(source) - 1, min(count, len(source))).astype(int)
    values = []
    for number in numbers.tolist():
        rgb = decode_rgb(source.read(number), name=source.key(number))
        value = painter.predict(Photo(np.ascontiguousarray(rgb))).doubt
        if value is not None:
            values.append(value)
    return values


def row(name: str, values: Sequence[float], threshold: float) -> list[str]:
    """Return a row of the table."""
    quantiles = (f"{value:.3f}" for value in np.quantile(values, QUANTILES))
    above = sum(value > threshold for value in values)
    return [name, *quantiles, f"{threshold:g}", f"{above} of {len(values)}"]


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS", help="folder or tar shard of photos")
    parser.add_argument(
        "--model", action="append", dest="models", help="repeatable; all bundled ones by default"
    )
    parser.add_argument("--photos", type=int, default=200)
    arguments = parser.parse_args(argv)
    try:
        source = open_source(arguments.folder)
    except DataError as error:
        parser.error(str(error))
    rows = []
    for name in arguments.models or MODELS:
        painter = Painter(name)
        values = uncertainties(painter, source, arguments.photos)
        rows.append(row(name, values, painter.model.spec.unsure_above))
    print(markdown_table(["", *(f"{q:.0%}" for q in QUANTILES), "threshold", "above"], rows))


if __name__ == "__main__":
    main()
