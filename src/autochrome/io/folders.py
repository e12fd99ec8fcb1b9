"""From what a person names on the command line to the photos that are meant."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autochrome.errors import PhotoError
from autochrome.io.saving import PHOTO_SUFFIXES


@dataclass(frozen=True, order=True)
class FoundPhoto:
    """A photo's file, and its place in a mirrored tree.

    Attributes:
        path: the file.
        relative: its path below the folder that was named; for a file named itself, its name.
    """

    path: Path
    relative: Path


def find_photos(paths: Iterable[str | os.PathLike[str]], recursive: bool = False) -> list[FoundPhoto]:
    """The photos that `paths` name, sorted by path, each once.

    A file named itself is taken whatever its ending (its content decides later). In folders, files with a
    photo's ending are taken, and hidden files and folders passed over; links to folders are not followed.

    Raises:
        PhotoError: a path does not exist, a folder may not be read, or nothing was found.
    """
    named = [Path(path) for path in paths]
    found: dict[Path, FoundPhoto] = {}
    for path in named:
        if path.is_dir():
            below = [FoundPhoto(file, file.relative_to(path)) for file in _photos_in(path, recursive)]
        elif path.exists() or path.is_symlink():
            below = [FoundPhoto(path, Path(path.name))]
        else:
            raise PhotoError(path, "does not exist", "Check the spelling of the name and its folder")
        for each in below:
            found.setdefault(Path(os.path.abspath(each.path)), each)
    if not found:
        hint = "" if recursive else ", or search the folders below too (--recursive)"
        where = ", ".join(map(str, named)) or "no path"
        raise PhotoError(where, "holds no photos", f"Name JPEG, PNG, TIFF, WebP, HEIC or AVIF files{hint}")
    return sorted(found.values())


def _photos_in(folder: Path, recursive: bool) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        raise PhotoError(
            error.filename, f"could not be searched ({error.strerror})", "Check the folder's permissions"
        ) from error

    for place, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in PHOTO_SUFFIXES:
                yield Path(place, name)
