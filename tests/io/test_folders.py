from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from autochrome.errors import PhotoError
from autochrome.io.folders import PassedOver, find_photos, is_photo, passed_over


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


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir/b.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "__MACOSX/._b.jpg",
        "._b.jpg",
        ".thumbnails/normal/1.png",
        ".Trashes/501/b.jpg",
        ".Trash-1000/files/b.jpg",
        "$RECYCLE.BIN/S-1-5/$R1.jpg",
        "1932/@eaDir/c.jpg",
    ],
)
def test_what_systems_keep_beside_photos_is_left_out(album: Path, name: str):
    before = relatives(album, recursive=True)
    (album / name).parent.mkdir(parents=True, exist_ok=True)
    (album / name).write_bytes(b"")
    assert relatives(album, recursive=True) == before
    assert not is_photo(PurePath(name))
    assert passed_over(album, recursive=True).files == {"TXT": 1}


def test_a_folder_of_a_system_can_be_named_itself(album: Path):
    inside = album / "@eaDir" / "e.jpg"
    inside.parent.mkdir()
    inside.write_bytes(b"")
    assert relatives(inside.parent) == ["e.jpg"]
    assert relatives(album / ".trash") == ["e.jpg"]


def test_every_format_is_found_and_others_are_counted_by_ending(album: Path):
    for name in (
        "scan.BMP",
        "a.jp2",
        "b.gif",
        "c.pgm",
        "1932/raw.nef",
        "p.psd",
        "q.PSD",
        "bare",
        "Thumbs.db",
    ):
        (album / name).write_bytes(b"")
    assert relatives(album) == ["a.TIFF", "a.jp2", "b.gif", "b.jpg", "c.pgm", "scan.BMP"]
    assert passed_over(album) == PassedOver({"PSD": 2, "TXT": 1, "": 1}, folders=2)
    assert passed_over(album, True) == PassedOver({"PSD": 2, "TXT": 1, "": 1, "NEF": 1})
    assert passed_over(album, True, album / "1932") == PassedOver({"PSD": 2, "TXT": 1, "": 1})
    assert passed_over(album, results=album / "1932").folders == 1
