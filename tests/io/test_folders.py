from __future__ import annotations

from pathlib import Path

import pytest

from autochrome.errors import PhotoError
from autochrome.io.folders import find_photos, unreadable_pictures


@pytest.fixture
def album(tmp_path: Path) -> Path:
    names = (
        "b.jpg",
        "a.TIFF",
        "notes.txt",
        ".hidden.jpg",
        "1932/c.png",
        "1932/deep/d.webp",
        ".trash/e.jpg",
        "x/f.heic",
    )
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def relatives(*paths: Path, recursive: bool = False) -> list[str]:
    return [found.relative.as_posix() for found in find_photos(paths, recursive)]


def test_a_folder_gives_its_photos_sorted(album: Path):
    assert relatives(album) == ["a.TIFF", "b.jpg"]


def test_recursive_mirrors_the_tree_without_hidden_ones(album: Path):
    assert relatives(album, recursive=True) == [
        "1932/c.png",
        "1932/deep/d.webp",
        "a.TIFF",
        "b.jpg",
        "x/f.heic",
    ]
    assert all(found.path == album / found.relative for found in find_photos([album], recursive=True))


def test_a_file_named_itself_is_taken_whatever_its_ending(album: Path):
    assert relatives(album / "notes.txt") == ["notes.txt"]
    assert relatives(album / ".hidden.jpg") == [".hidden.jpg"]


def test_each_photo_comes_once(album: Path):
    assert relatives(album / "b.jpg", album, album / "1932" / ".." / "b.jpg") == ["a.TIFF", "b.jpg"]


def test_linked_folders_are_not_followed(album: Path):
    (album / "1932" / "loop").symlink_to(album)
    assert len(relatives(album, recursive=True)) == 5


def test_what_is_not_there_and_what_is_empty(album: Path):
    with pytest.raises(PhotoError, match=r"no\.jpg: does not exist"):
        find_photos([album / "no.jpg"])
    (album / "empty").mkdir()
    with pytest.raises(PhotoError, match=r"holds no photos.*--recursive"):
        find_photos([album / "empty"], recursive=False)
    with pytest.raises(PhotoError, match="no path"):
        find_photos([])


def test_pictures_in_other_formats_are_reported(album: Path):
    for name in ("scan.BMP", "1932/raw.nef", ".trash/old.gif"):
        (album / name).write_bytes(b"")
    assert relatives(album) == ["a.TIFF", "b.jpg"]
    assert unreadable_pictures(album) == [album / "scan.BMP"]
    assert unreadable_pictures(album, recursive=True) == [album / "1932/raw.nef", album / "scan.BMP"]
