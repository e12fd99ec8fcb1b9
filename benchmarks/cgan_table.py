"""The tables of docs/papers/cgan.md: how real, how diverse and how accurate a model's samples are.

    python -m benchmarks.cgan_table PHOTOS [--model cgan] [--weights FILE] [--samples 8] [--photos N]
                                           [--seed 0] [--temperature T] [--size S] [--brief]
                                           [--beside pixcolor] [--beside-photos N]

PHOTOS is a folder of color photos or of tar shards of them (ours: eval-256px), used at their own size. Each
is painted by the pipeline as a person gets it: at full size, with its own L* held, and with noise that is
the photo's own. Prints Markdown with 95% bootstrap intervals over photos.

--beside measures a second model by the same code, at its own settings; over fewer photos if asked, and then
the first model's colors and diversity are shown over those, too. --brief leaves out MS-SSIM and the accuracy
beside CIC: enough to choose a temperature or a size by. MS-SSIM is left out, too, where a photo has a side
below 176 pixels.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from autochrome.data.sources import PhotoSource, open_source
from autochrome.errors import DataError, UnknownModelError, WeightsError
from autochrome.pipeline.painter import ColorizeSettings, Painter
from benchmarks.painted_samples import Errors, Painted, measure, measure_rivals
from benchmarks.painted_tables import accuracy_table, color_table, diversity_table
from benchmarks.sample_tables import pair_tables


def measured(
    title: str, painter: Painter, source: PhotoSource, count: int, settings: ColorizeSettings, *, brief: bool
) -> Painted:
    """Figures of the first photos, told on the way."""

    def progress(done: int) -> None:
        print(f"\r{title}: {done} of {count} photos", end="", file=sys.stderr, flush=True)

    found = measure(painter, source, count, settings, structure=not brief, progress=progress)
    print(file=sys.stderr)
    return found


@dataclass(frozen=True)
class System:
    """A model that was measured.

    Attributes:
        title: its name, and over how many photos.
        asked: how it was asked.
        found: its figures.
        beside: the same of the photos that another model was measured on, where those are fewer.
    """

    title: str
    asked: str
    found: Painted
    beside: tuple[str, Painted] | None = None


def report(systems: Sequence[System], rivals: Mapping[str, Errors] | None) -> str:
    """All tables: those of colors and diversity with a column for each system, then each system's own."""
    columns = {}
    for system in systems:
        columns[system.title] = system.found
        columns |= dict([system.beside]) if system.beside else {}
    parts = ["\n".join(f"- {system.title}: {system.asked}" for system in systems)]
    parts += [f"### Colors\n\n{color_table(columns)}", f"### Diversity\n\n{diversity_table(columns)}"]
    for system in systems:
        if system.found.ms_ssim.shape[1]:
            parts.append(f"MS-SSIM of {system.title}:\n\n{pair_tables(system.found)}")
    if rivals:
        parts.append("### Accuracy")
        parts += [f"{system.title}:\n\n{accuracy_table(system.found, rivals)}" for system in systems]
    return "\n\n".join(parts)


def described(painter: Painter, settings: ColorizeSettings) -> str:
    """How a model was asked."""
    spec = painter.model.spec
    how = {"size": settings.size or spec.working_size, **spec.defaults}
    if settings.temperature is not None:
        how["temperature"] = settings.temperature
    asked = ", ".join(f"{key} {value:g}" for key, value in how.items())
    return f"{settings.samples} samples of each photo, {asked}, seed {settings.seed}"


def run(arguments: argparse.Namespace, source: PhotoSource, settings: ColorizeSettings) -> str:
    """Measure everything."""
    count = min(len(source), arguments.photos or len(source))
    fewer = min(count, arguments.beside_photos or count)
    brief = arguments.brief
    painter = Painter(arguments.model, weights=arguments.weights, device="cpu")
    name = painter.model.spec.name
    found = measured(name, painter, source, count, settings, brief=brief)
    also = (f"{name}, {fewer} photos", found.first(fewer)) if arguments.beside and fewer < count else None
    systems = [System(f"{name}, {count} photos", described(painter, settings), found, also)]
    if arguments.beside:
        painter = Painter(arguments.beside, device="cpu")
        settings = replace(settings, temperature=None, size=None)
        other = painter.model.spec.name
        title = f"{other}{' again' if other == name else ''}, {fewer} photos"
        found = measured(other, painter, source, fewer, settings, brief=brief)
        systems.append(System(title, described(painter, settings), found))
    return report(systems, None if brief else measure_rivals(arguments.single_answer, source, count))


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", metavar="PHOTOS")
    parser.add_argument("--model", default="cgan", help="a model of several answers (default: cgan)")
    parser.add_argument("--weights", help="instead of the shipped ones")
    parser.add_argument("--samples", type=int, default=8, help="of each photo (default: 8)")
    parser.add_argument("--photos", type=int, help="only the first so many by name")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    parser.add_argument("--temperature", type=float, help="of the draws (default: the model's own)")
    parser.add_argument("--size", type=int, help="shorter side of what the model sees (default: its own)")
    parser.add_argument(
        "--brief", action="store_true", help="colors and spread alone, in less than half the time"
    )
    parser.add_argument("--beside", metavar="MODEL", help="measure another model, too: pixcolor")
    parser.add_argument("--beside-photos", type=int, metavar="N", help="over the first so many photos")
    parser.add_argument(
        "--single-answer", default="cic", help="what accuracy is compared with (default: cic)"
    )
    arguments = parser.parse_args(argv)
    for name in ("photos", "beside_photos"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')} is at least 1")
    try:
        settings = ColorizeSettings(
            samples=arguments.samples,
            seed=arguments.seed,
            temperature=arguments.temperature,
            size=arguments.size,
        )
        print(run(arguments, open_source(arguments.folder), settings))
    except (DataError, UnknownModelError, WeightsError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
