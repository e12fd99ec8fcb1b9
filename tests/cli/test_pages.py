"""`autochrome colorize` with files of several pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from autochrome.io.photo import page_count, read_photo
from tests.cli.photos import GRAY, is_colored, names

PAGES = [GRAY[..., 0], GRAY[:40, :, 0], GRAY[:, :30, 0].astype(np.uint16) * 257]


def album(path: str = "album.tif", pages: list[np.ndarray] = PAGES) -> None:
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(pages):
            dpi = 300 * (number + 1)
            writer.write(page, photometric="minisblack", resolution=(dpi, dpi), resolutionunit=2)


def test_all_pages_come_back_in_one_file(colorize) -> None:
    album()
    result = colorize("album.tif")
    assert result.exit_code == 0 and result.stderr == "album.tif -> album.colorized.tif\n"
    assert page_count("album.colorized.tif") == 3
    for number, page in enumerate(PAGES):
        colored = read_photo("album.colorized.tif", page=number)
        assert colored.size == page.shape and colored.pixels.dtype == page.dtype
        assert colored.dpi == (300 * (number + 1),) * 2
        assert np.ptp(colored.pixels.astype(int), axis=2).max() > 2


def test_a_page_is_the_same_as_if_it_were_alone(colorize) -> None:
    album()
    colorize("album.tif")
    assert colorize("album.tif", "--page", 1, "-o", "one.tif").exit_code == 0
    assert page_count("one.tif") == 1
    np.testing.assert_array_equal(
        read_photo("one.tif").pixels, read_photo("album.colorized.tif", page=1).pixels
    )


def test_every_page_in_a_file_of_its_own(colorize) -> None:
    album()
    assert colorize("album.tif", "--page", "all").exit_code == 0
    assert names() == {"album.tif", *(f"album.page-00{number}.colorized.tif" for number in range(3))}


def test_thumbnails_are_not_colored(colorize) -> None:
    with tifffile.TiffWriter("a.tif") as writer:
        writer.write(PAGES[0], photometric="minisblack")
        writer.write(PAGES[0][::4, ::4], photometric="minisblack", subfiletype=1)
        writer.write(PAGES[1], photometric="minisblack")
    assert colorize("a.tif").exit_code == 0 and page_count("a.colorized.tif") == 2
    assert colorize("a.tif", "--page", "all").exit_code == 0
    assert read_photo("a.page-001.colorized.tif").size == PAGES[1].shape


@pytest.mark.parametrize("options", [["--format", "png"], ["-o", "out.png"]])
def test_a_format_of_one_page_says_so(colorize, options: list[str]) -> None:
    album()
    result = colorize("album.tif", *options)
    assert result.exit_code == 0
    assert "only the first of its 3 pages" in result.stderr and "--page all" in result.stderr


@pytest.mark.parametrize("options", [["--samples", 2], ["--uncertainty"]])
def test_several_results_of_each_page_get_files_of_their_own(colorize, options: list[object]) -> None:
    album(pages=PAGES[:2])
    assert colorize("album.tif", *options).exit_code == 0
    made = names() - {"album.tif"}
    assert len(made) == (6 if "--samples" in options else 4)
    assert all(name.startswith(("album.page-000.", "album.page-001.")) for name in made)


def test_an_animation_gives_its_first_frame_with_a_note(colorize) -> None:
    frames = [PIL.Image.fromarray(page) for page in (PAGES[0], 255 - PAGES[0])]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    result = colorize("a.gif")
    assert result.exit_code == 0 and is_colored("a.colorized.png")
    assert "only the first of its 2 frames" in result.stderr
    assert colorize("a.gif", "--page", "all").exit_code == 0
    assert is_colored("a.page-001.colorized.png")


def test_a_damaged_page_is_named_and_leaves_nothing(colorize) -> None:
    album(pages=[PAGES[0], np.full((8, 8), 7.0, np.float32)])
    result = colorize("album.tif")
    assert result.exit_code == 1 and "page 1 has values" in result.stderr
    assert names() == {"album.tif"}


def test_notes_name_their_pages(colorize) -> None:
    color = np.dstack([PAGES[0], PAGES[0] // 2, PAGES[0] // 3])
    with tifffile.TiffWriter("a.tif") as writer:
        writer.write(PAGES[0], photometric="minisblack")
        writer.write(color, photometric="rgb")
    assert "(page 1)" in colorize("a.tif").stderr
    with tifffile.TiffWriter("b.tif") as writer:
        for _ in range(2):
            writer.write(color, photometric="rgb")
    result = colorize("b.tif")
    assert "only its lightness was used\n" in result.stderr


def test_pages_through_a_pipe(colorize) -> None:
    album()
    content = Path("album.tif").read_bytes()
    assert page_count(colorize("-", given=content).stdout_bytes) == 3
    assert colorize("-", "-o", "out.tif", given=content).exit_code == 0 and page_count("out.tif") == 3
    assert page_count(colorize("-", "--page", 1, given=content).stdout_bytes) == 1
    assert "only the first of its 3 pages" in colorize("-", "--format", "png", given=content).stderr


@pytest.mark.parametrize("value", ["9" * 5000, "-1", "one", "²", "1.5"])
def test_a_page_that_is_no_number(colorize: Callable, value: str) -> None:
    album()
    result = colorize("album.tif", f"--page={value}")
    assert result.exit_code == 2 and "neither a page's number" in result.stderr
    assert len(result.stderr) < 500


def test_a_page_that_is_not_there(colorize) -> None:
    album()
    result = colorize("album.tif", "--page", "999999999")
    assert result.exit_code == 1 and "has no page 999999999" in result.stderr
