"""How often pictures that cannot be colored, or need no color, are told from photos: false alarms and hits.

    python -m reproduce.misfits PHOTOS [--photos N] [--gray]

PHOTOS is a folder: our historical photographs, in which every note would be a false alarm, or color photos,
which give the false alarms with --gray, and without it the hits of "in color". From each photo misfits are
made: black and white by a threshold and by dithering, both also as JPEG of quality 60, a hard halftone, and
(once a photo, of its size) white noise. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyvips

from autochrome.color.lightness import Lightness
from autochrome.color.own_color import OwnColor
from autochrome.errors import PhotoError
from autochrome.evaluation.markdown import markdown_table
from autochrome.io.photo import Photo, read_photo
from autochrome.pipeline.extent import find_extent
from autochrome.pipeline.misfits import is_noise, is_two_toned
from autochrome.pipeline.picture import Picture
from autochrome.pipeline.predict import small_luma
from reproduce.painting import counted, photos_in

CRITERIA = ("two tones", "noise", "in color")


def noticed(pixels: np.ndarray) -> set[str]:
    """Return what `predict` would note about a picture "h w c"."""
    extent = find_extent(pixels)
    picture = Picture(Photo(pixels), extent)
    found = {"in color"} if OwnColor(pixels).is_in_color else set()
    if extent.is_uniform:
        return found
    if is_two_toned(picture.photo.pixels):
        return found | {"two tones"}
    return found | {"noise"} if is_noise(small_luma(picture)) else found


def misfits(gray: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Yield pictures made from gray levels "h w", with their kinds."""
    threshold = ((gray > np.median(gray)) * 255).astype(np.uint8)
    dithered = dither(gray)
    for name, made in (("threshold", threshold), ("dithered", dithered), ("halftone", halftone(gray))):
        yield name, made[..., None]
        yield f"{name}, JPEG", as_jpeg(made)
    yield "noise", rng.integers(0, 256, (*gray.shape, 1), np.uint8)


def dither(gray: np.ndarray) -> np.ndarray:
    """Return black and white by error diffusion (Floyd and Steinberg, 1976)."""
    values = gray.astype(np.float32)
    height, width = values.shape
    for y in range(height):
        for x in range(width):
            old = values[y, x]
            values[y, x] = 255.0 if old > 127 else 0.0
            error = old - values[y, x]
            if x + 1 < width:
                values[y, x + 1] += error * 7 / 16
            if y + 1 < height:
                if x:
                    values[y + 1, x - 1] += error * 3 / 16
                values[y + 1, x] += error * 5 / 16
                if x + 1 < width:
                    values[y + 1, x + 1] += error / 16
    return values.astype(np.uint8)


def halftone(gray: np.ndarray, enlarged: int = 3, period: float = 6.4) -> np.ndarray:
    """Return black dots on white, in a screen at 45 degrees, on a finer grid than the photo's."""
    fine = gray.repeat(enlarged, 0).repeat(enlarged, 1) / 255
    y, x = np.mgrid[: fine.shape[0], : fine.shape[1]] * (2 * np.pi / period / 2**0.5)
    return ((fine > (np.cos(x + y) + np.cos(x - y)) / 4 + 0.5) * 255).astype(np.uint8)


def as_jpeg(gray: np.ndarray) -> np.ndarray:
    """Return levels "h w" after JPEG compression of quality 60, "h w 1"."""
    content = pyvips.Image.new_from_array(gray).write_to_buffer(".jpg", Q=60)
    return pyvips.Image.new_from_buffer(content, "").numpy()[..., None]


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS", help="folder of photos")
    parser.add_argument("--photos", type=int, help="only the first so many")
    parser.add_argument("--gray", action="store_true", help="take the photos' lightness alone")
    arguments = parser.parse_args(argv)
    try:
        paths = photos_in(arguments.folder, arguments.photos)
    except PhotoError as error:
        parser.error(str(error))
    rng, found, totals = np.random.default_rng(0), Counter[tuple[str, str]](), Counter[str]()
    for path in counted(paths, "photos"):
        pixels = read_photo(path).pixels
        lightness = Lightness(pixels).rows(0, len(pixels)).numpy()
        gray = np.rint(lightness * 2.55).astype(np.uint8)
        photo = "photo, gray" if arguments.gray else "photo"
        for kind, made in [(photo, gray[..., None] if arguments.gray else pixels), *misfits(gray, rng)]:
            totals[kind] += 1
            found.update((kind, criterion) for criterion in noticed(np.ascontiguousarray(made)))
    rows = [
        [kind, str(total), *(str(found[kind, each]) for each in CRITERIA)] for kind, total in totals.items()
    ]
    print(markdown_table(["", "pictures", *CRITERIA], rows))


if __name__ == "__main__":
    main()
