"""Make the README's picture: photographs that scikit-image carries, coloured with the shipped weights.

    python examples/showcase.py [FOLDER ...]

Writes docs/images/showcase.png. With folders it makes a sheet of each folder's photos instead,
showcase-FOLDER.png in the current folder. The columns: gray, default, calmer and calmest.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from autochrome.io.folders import find_photos
from autochrome.io.in_memory import from_array
from autochrome.io.photo import Photo, read_photo
from autochrome.pipeline import ColorizeSettings, Painter
from autochrome.report.contact_sheet import Layout, contact_sheets, write_sheets

PICTURES = ("camera", "astronaut", "rocket", "chelsea")
VERSIONS = {
    "Autochrome": ColorizeSettings(),
    "--vibrance 0.25": ColorizeSettings(vibrance=0.25),
    "--vibrance 0": ColorizeSettings(vibrance=0.0),
}


def bundled_pictures() -> list[Photo]:
    """scikit-image's pictures, colours and all; the model is given their lightness alone."""
    import skimage.data

    return [from_array(getattr(skimage.data, name)()) for name in PICTURES]


def sheet(photos: Iterable[Photo], path: Path) -> list[Path]:
    """Colour photos in every version and write them side by side."""
    painter, gray = Painter(), Painter("gray")
    columns: dict[str, list] = {"gray": [], **{name: [] for name in VERSIONS}}
    for photo in photos:
        columns["gray"].append(gray.colorize(photo)[0].pixels)
        prediction = painter.predict(photo)
        for name, settings in VERSIONS.items():
            columns[name].append(painter.paint(prediction, settings).pixels)
    return write_sheets(contact_sheets(columns, layout=Layout(cell_width=300, cell_height=240)), path)


def main(folders: list[str]) -> None:
    """Make the sheets."""
    if not folders:
        target = Path("docs/images/showcase.png")
        target.parent.mkdir(parents=True, exist_ok=True)
        print(*sheet(bundled_pictures(), target))
    for folder in folders:
        photos = (read_photo(found.path) for found in find_photos([Path(folder)]))
        print(*sheet(photos, Path(f"showcase-{Path(folder).name}.png")))


if __name__ == "__main__":
    main(sys.argv[1:])
