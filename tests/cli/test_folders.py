"""`autochrome colorize` with a folder of everything: what is read, what is not, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from tests.cli.photos import GRAY, is_colored, names, put

PICTURE = PIL.Image.fromarray(GRAY[..., 0])


@pytest.mark.parametrize("name", ["a.jp2", "a.bmp", "a.gif", "a.pgm"])
def test_a_format_that_is_only_read_comes_back_as_png_with_a_note(colorize, name: str) -> None:
    Path("album").mkdir()
    PICTURE.save(f"album/{name}")
    result = colorize("album", "-o", "out/")
    assert result.exit_code == 0, result.output
    assert is_colored("out/a.png") and f"note: album/{name}" in result.stderr and "PNG" in result.stderr
    assert colorize(f"album/{name}", "-o", "b.jpg").stderr.count("note") == 0  # it was asked for


def test_two_formats_of_one_name_do_not_replace_each_other(colorize) -> None:
    Path("album").mkdir()
    PICTURE.save("album/a.bmp")
    put("album/a.png")
    result = colorize("album", "-o", "out/")
    assert result.exit_code == 1 and "would replace that of" in result.stderr
    assert names() == {"album/a.bmp", "album/a.png", "out/a.png"}


def test_what_a_folder_holds_besides_photos_is_counted(colorize) -> None:
    put("album/a.png")
    put("album/below/b.png")
    put("album/@eaDir/a.png/thumb.jpg")
    put("album/.Trashes/c.png")
    for name in ("x.psd", "y.psd", "notes.txt", "Thumbs.db", "._a.png"):
        Path("album", name).write_bytes(b"8BPS")
    result = colorize("album", "-o", "album/colored")
    assert result.exit_code == 0
    assert "note: album: 3 other files were not looked at: 2 PSD, 1 TXT; 1 folder was not" in result.stderr
    deep = colorize("album", "-r", "-o", "album/colored")
    assert "3 other files" in deep.stderr and "not searched" not in deep.stderr
    assert {name for name in names() if "colored" in name} == {
        "album/colored/a.png",
        "album/colored/below/b.png",
    }


def test_a_folder_of_other_files_alone_says_which(colorize) -> None:
    Path("raws").mkdir()
    Path("raws/a.NEF").write_bytes(b"MM\0*")
    result = colorize("raws")
    assert result.exit_code == 1
    assert "holds no photos" in result.stderr and "1 other file was not looked at: 1 NEF" in result.stderr


def test_nothing_is_said_of_a_folder_of_photos(colorize) -> None:
    put("album/a.png")
    assert "note" not in colorize("album").stderr
