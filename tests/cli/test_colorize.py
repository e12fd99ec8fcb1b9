"""`autochrome colorize`: files, folders and pipes, and where results go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from autochrome.io.photo import Photo, read_photo, write_photo
from tests.cli.photos import GRAY, is_colored, names, put

# Where results go --------------------------------------------------------------------------------


def test_beside_the_photo(colorize) -> None:
    put("camera.png")
    result = colorize("camera.png")
    assert result.exit_code == 0, result.output
    assert names() == {"camera.png", "camera.colorized.png"}
    assert is_colored("camera.colorized.png")
    assert result.stdout == ""
    assert "camera.png -> camera.colorized.png" in result.stderr


def test_into_a_file_whose_ending_names_the_format(colorize) -> None:
    put("camera.png")
    assert colorize("camera.png", "-o", "result.jpg").exit_code == 0
    assert names() == {"camera.png", "result.jpg"}
    assert read_photo("result.jpg").format == "jpeg"


@pytest.mark.parametrize("out", ["made/new/", "there"])
def test_one_photo_into_a_folder(colorize, out: str) -> None:
    put("camera.png")
    Path("there").mkdir()
    assert colorize("camera.png", "-o", out).exit_code == 0
    assert names() == {"camera.png", str(Path(out, "camera.png"))}


def test_format_and_quality(colorize) -> None:
    put("camera.png")
    sizes = []
    for quality in (10, 95):
        assert colorize("camera.png", "--format", "jpeg", "--quality", quality, "--overwrite").exit_code == 0
        sizes.append(Path("camera.colorized.jpg").stat().st_size)
    assert names() == {"camera.png", "camera.colorized.jpg"}
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(("out", "problem"), [("old.json", "is a file"), ("new.jpg", "named like a picture")])
def test_several_photos_need_a_folder(colorize, out: str, problem: str) -> None:
    put("photos/a.png")
    Path("old.json").write_text("{}")
    for photos in (["photos"], ["photos/a.png", "photos/a.png"]):
        result = colorize(*photos, "-o", out)
        assert result.exit_code == 1
        assert problem in result.output
        assert names() == {"photos/a.png", "old.json"}
    assert colorize("photos", "-o", "new.jpg/").exit_code == 0  # so it was meant
    assert names() == {"photos/a.png", "old.json", "new.jpg/a.png"}


def test_folder_beside_and_not_below(colorize) -> None:
    put("photos/a.png")
    put("photos/b.JPG")
    put("photos/sub/c.png")
    Path("photos/notes.txt").write_text("no photo")
    result = colorize("photos")
    assert result.exit_code == 0, result.output
    assert {"photos/a.colorized.png", "photos/b.colorized.JPG"} < names()
    assert not any("sub/c.colorized" in name for name in names())
    assert "2 colorized" in result.stderr


def test_tree_is_mirrored(colorize) -> None:
    put("photos/a.png")
    put("photos/x/y/b.png")
    assert colorize("photos", "--recursive", "-o", "out").exit_code == 0
    assert names() == {"photos/a.png", "photos/x/y/b.png", "out/a.png", "out/x/y/b.png"}


def test_earlier_results_are_no_photos(colorize) -> None:
    put("photos/a.png")
    assert colorize("photos").exit_code == 0
    before = names()
    result = colorize("photos")
    assert result.exit_code == 0
    assert "0 colorized, 1 skipped" in result.stderr
    assert names() == before
    assert colorize("photos", "--overwrite").exit_code == 0
    assert names() == before


def test_sheets_of_looks_are_no_photos(colorize) -> None:
    """Those that `autochrome try` writes beside the photos."""
    put("photos/a.png")
    put("photos/a.try.jpg")
    put("photos/try.jpg")
    assert colorize("photos", "-o", "out").exit_code == 0
    assert names() == {"photos/a.png", "photos/a.try.jpg", "photos/try.jpg", "out/a.png", "out/try.jpg"}


def test_files_that_are_not_looked_at_are_counted(colorize) -> None:
    put("album/a.png")
    for name in ("album/b.psd", "album/c.psd", "album/notes.txt"):
        Path(name).write_bytes(b"x")
    result = colorize("album")
    assert result.exit_code == 0, result.output
    assert "note: album: 3 other files were not looked at: 2 PSD, 1 TXT" in result.output
    assert Path("album/a.colorized.png").exists()


def test_results_inside_the_folder_are_no_photos(colorize) -> None:
    put("photos/a.png")
    for _ in range(2):
        assert colorize("photos", "-r", "-o", "photos/out").exit_code == 0
        assert names() == {"photos/a.png", "photos/out/a.png"}


def test_photos_in_color_are_left_out_on_request_and_named(colorize) -> None:
    put("in/gray.png")
    put("in/color.png", np.ascontiguousarray(skimage.data.astronaut()[::8, ::8]))
    result = colorize("in", "-o", "out", "--skip-color")
    assert result.exit_code == 0
    assert "note: in/color.png: it is in color already, and was left out" in result.stderr
    assert "1 colorized, 1 in color already" in result.stderr
    assert Path("out/gray.png").is_file() and not Path("out/color.png").exists()
    result = colorize("in/gray.png", "-o", "-", "--skip-color")
    assert result.exit_code == 2


def test_named_twice_is_done_once(colorize) -> None:
    put("photos/a.png")
    result = colorize("photos/a.png", "photos", "./photos/a.png")
    assert result.exit_code == 0
    assert names() == {"photos/a.png", "photos/a.colorized.png"}


def test_pages(colorize) -> None:
    pages = [np.ascontiguousarray(GRAY + np.uint8(i)) for i in range(2)]
    import pyvips

    images = [pyvips.Image.new_from_array(page) for page in pages]
    joined = images[0].join(images[1], "vertical").copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", 64)
    joined.write_to_file("scan.tif")
    assert colorize("scan.tif", "--page", 1).exit_code == 0
    assert colorize("scan.tif", "--page", "all").exit_code == 0
    made = {"scan.colorized.tif", "scan.page-000.colorized.tif", "scan.page-001.colorized.tif"}
    assert names() == {"scan.tif"} | made
    second = read_photo("scan.page-001.colorized.tif").pixels
    np.testing.assert_array_equal(second, read_photo("scan.colorized.tif").pixels)
    assert not np.array_equal(second, read_photo("scan.page-000.colorized.tif").pixels)
    result = colorize("scan.tif", "--page", 2, "--overwrite")
    assert result.exit_code == 1
    assert "no page 2" in result.stderr


# A pipe ------------------------------------------------------------------------------------------


def test_pipe_carries_the_photo_alone(colorize) -> None:
    content = put("camera.png").read_bytes()
    result = colorize("-", given=content)
    assert result.exit_code == 0, result.stderr
    colored = read_photo(result.stdout_bytes)
    assert colored.format == "png"
    assert colored.pixels.shape == (64, 64, 3)
    assert names() == {"camera.png"}


def test_pipe_in_and_pipe_out(colorize) -> None:
    content = put("camera.png").read_bytes()
    assert colorize("-", "-o", "result.jpg", given=content).exit_code == 0
    assert is_colored("result.jpg")
    result = colorize("camera.png", "-o", "-", "--format", "jpeg")
    assert read_photo(result.stdout_bytes).format == "jpeg"


@pytest.mark.parametrize(
    ("arguments", "given", "told"),
    [
        (["-", "camera.png"], b"", "takes one page of one photo"),
        (["-", "--page", "all"], b"", "takes one page of one photo"),
        (["-"], b"", "the photo from the pipe: is empty"),
        (["-"], b"hello\n", "the photo from the pipe: is not a photo"),
        (["-", "-o", "camera.png"], b"", "camera.png exists already"),
    ],
)
def test_wrong_pipes(colorize, arguments: list[str], given: bytes, told: str) -> None:
    put("camera.png")
    result = colorize(*arguments, given=given)
    assert result.exit_code != 0
    assert told in " ".join(result.stderr.split())
    assert result.stdout_bytes == b""
    assert names() == {"camera.png"}


def test_a_real_pipe(weights: Path, tmp_path: Path) -> None:
    content = write_photo(Photo(GRAY), format="png")
    command = [
        sys.executable,
        "-m",
        "autochrome",
        "colorize",
        "-",
        "--model",
        "cic.test",
        "--weights",
        weights,
    ]
    run = subprocess.run(command, input=content, capture_output=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert read_photo(run.stdout).pixels.shape == (64, 64, 3)
    assert run.stderr == b""
