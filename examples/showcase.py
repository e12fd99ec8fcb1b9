"""Make the README's pictures: scikit-image's photographs, colored with the bundled weights.

    python examples/showcase.py [--samples [--model M] | --steered] [--seed S] [FOLDER ...]

Writes docs/images/showcase.png: gray, and the three looks. With --samples it writes
docs/images/samples.jpg instead: gray, and four colorizations that PixColor draws of each photo; of another
model that draws, samples-MODEL.jpg. With --steered, docs/images/steered.jpg: LRAC's own result, and what a
person may make of it. With folders it makes a sheet of each folder's photos, showcase-FOLDER.png or
samples-FOLDER.jpg in the current folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from autochrome.guidance import parse_hint
from autochrome.io.folders import find_photos
from autochrome.io.in_memory import from_array
from autochrome.io.photo import Photo, read_photo
from autochrome.pipeline.painter import ColorizeSettings, Painter
from autochrome.report.contact_sheet import Layout, contact_sheets, fit, write_sheets
from autochrome.report.uncertainty_map import draw_uncertainty

PICTURES = ("camera", "astronaut", "rocket", "chelsea")
MORE_PICTURES = (*PICTURES, "coffee", "coins", "grass", "brick")
_DRAWS = "pixcolor"
LAYOUT = Layout(cell_width=300, cell_height=240)
VERSIONS = {
    "natural": ColorizeSettings(),
    "accurate": ColorizeSettings(look="accurate"),
    "vivid": ColorizeSettings(look="vivid"),
}


STEERED = {
    "camera": "38%,50%,midnightblue",
    "coffee": "12%,85%,saddlebrown",
    "rocket": "20%,30%,darkslateblue",
    "chelsea": "35%,40%,#b4783c,15%",
}
"""scikit-image's pictures, and a hint for each."""


def bundled_pictures(names: Iterable[str]) -> list[Photo]:
    """Return scikit-image's pictures in color; the model sees only their lightness."""
    import skimage.data

    return [from_array(getattr(skimage.data, name)()) for name in names]


def sheet(photos: Iterable[Photo], path: Path) -> list[Path]:
    """Color photos in every version and write them side by side."""
    painter, gray = Painter(), Painter("gray")
    columns: dict[str, list] = {"gray": [], **{name: [] for name in VERSIONS}}
    for photo in photos:
        columns["gray"].append(gray.colorize(photo)[0].pixels)
        for name, settings in VERSIONS.items():
            columns[name].append(painter.colorize(photo, settings)[0].pixels)
    return write_sheets(contact_sheets(columns, layout=LAYOUT), path)


def samples_sheet(
    photos: Iterable[Photo], path: Path, *, samples: int = 4, seed: int = 0, model: str | Painter = _DRAWS
) -> list[Path]:
    """Draw colorizations of photos and write them side by side, one photo a row."""
    painter, gray = model if isinstance(model, Painter) else Painter(model), Painter("gray")
    columns: dict[str, list] = {"gray": [], **{f"sample {k}": [] for k in range(1, samples + 1)}}
    for photo in photos:
        drawn = painter.colorize(photo, ColorizeSettings(samples=samples, seed=seed))
        for name, picture in zip(columns, [*gray.colorize(photo), *drawn], strict=True):
            columns[name].append(fit(picture.pixels, LAYOUT))
    return write_sheets(contact_sheets(columns, layout=LAYOUT), path)


def steered_sheet(path: Path, model: str = "lrac") -> list[Path]:
    """Color scikit-image's pictures with a model that has a distribution, and steer it."""
    painter, gray = Painter(model), Painter("gray")
    [astronaut] = bundled_pictures(["astronaut"])
    columns: dict[str, list] = {}
    for photo, hint in zip(bundled_pictures(STEERED), STEERED.values(), strict=True):
        versions = {
            model: ColorizeSettings(),
            "--warmer": ColorizeSettings(warmth=0.5),
            "--tint teal": ColorizeSettings(tint="teal"),
            "--reference astronaut": ColorizeSettings(reference=astronaut),
            "--hint": ColorizeSettings(hints=(parse_hint(hint),)),
        }
        row = {"gray": gray.colorize(photo)[0].pixels}
        row |= {name: painter.colorize(photo, settings)[0].pixels for name, settings in versions.items()}
        uncertainty = painter.colorize(photo)[0].uncertainty
        assert uncertainty is not None
        row["--uncertainty"] = draw_uncertainty(uncertainty.values, photo.size, most=uncertainty.most)
        for name, pixels in row.items():
            columns.setdefault(name, []).append(fit(pixels, LAYOUT))
    return write_sheets(contact_sheets(columns, layout=LAYOUT), path)


def main() -> None:
    """Make the sheets."""
    parser = argparse.ArgumentParser(description="Make the README's pictures.")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--samples", action="store_true", help="four colorizations of each photo")
    parser.add_argument("--model", default=_DRAWS, help="whose colorizations (default: %(default)s)")
    parser.add_argument("--steered", action="store_true", help="what a person may make of LRAC's result")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.steered:
        print(*steered_sheet(Path("docs/images/steered.jpg")))
        return
    name = "samples" if chosen.samples else "showcase"
    name += f"-{chosen.model}" if chosen.samples and chosen.model != _DRAWS else ""
    make = partial(samples_sheet, seed=chosen.seed, model=chosen.model) if chosen.samples else sheet
    suffix = "jpg" if chosen.samples else "png"
    if not chosen.folders:
        target = Path(f"docs/images/{name}.{suffix}")
        target.parent.mkdir(parents=True, exist_ok=True)
        print(*make(bundled_pictures(MORE_PICTURES if chosen.samples else PICTURES), target))
    for folder in chosen.folders:
        photos = (read_photo(photo.path) for photo in find_photos([folder]))
        print(*make(photos, Path(f"{name}-{folder.resolve().name}.{suffix}")))


if __name__ == "__main__":
    main()
