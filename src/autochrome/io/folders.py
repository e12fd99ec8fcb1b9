"""Find the photos that paths on the command line name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from autochrome.errors import PhotoError
from autochrome.io.saving import PHOTO_SUFFIXES
from autochrome.io.sniff import RAW_SUFFIXES

UNREADABLE_SUFFIXES = RAW_SUFFIXES | {".bmp", ".gif", ".jp2", ".jxl", ".psd"}
"""Endings of pictures that are not read."""


@dataclass(frozen=True, order=True)
class FoundPhoto:
    """A photo's file, and its place in a mirrored tree.

    Attributes:
        path: the file.
        relative: its path below the folder that was named; its name if the file itself was named.
    """

    path: Path
    relative: Path


OnError = Callable[[object, PhotoError], None]
"""What to do with a folder that may not be searched, and its error."""


def find_photos(
    paths: Iterable[str | os.PathLike[str]], recursive: bool | None = None, on_error: OnError | None = None
) -> list[FoundPhoto]:
    """Return the photos that `paths` name, sorted by path, each once.

    A named file is taken whatever its ending (its content decides later). In folders, files with a photo's
    ending are taken; hidden files and folders are skipped, and links to folders not followed.

    Args:
        paths: photos and folders.
        recursive: search subfolders, too; None if this cannot be requested, so that no error advises it.
        on_error: called with each folder that may not be read, while the others are searched; such a folder
            is an error if there is no such function.

    Raises:
        PhotoError: a path does not exist, a folder may not be read, or there are no photos.
    """
    named = [Path(path) for path in paths]
    photos: dict[Path, FoundPhoto] = {}
    unreadable: list[object] = []

    def failed(folder: object, error: PhotoError) -> None:
        if on_error is None:
            raise error
        unreadable.append(folder)
        on_error(folder, error)

    for path in named:
        if os.path.isdir(path):
            files = _files_in(path, bool(recursive), PHOTO_SUFFIXES, failed)
            below = [FoundPhoto(file, file.relative_to(path)) for file in files]
        elif os.path.lexists(path):
            below = [FoundPhoto(path, Path(path.name))]
        else:
            raise PhotoError(path, "does not exist", "Check the spelling of the name and its folder")
        for each in below:
            photos.setdefault(Path(os.path.abspath(each.path)), each)
    if not photos and not unreadable:
        hint = "" if recursive is not False else ", or search the folders below too (--recursive)"
        where = ", ".join(map(str, named)) or "no path"
        raise PhotoError(where, "holds no photos", f"Name JPEG, PNG, TIFF, WebP, HEIC or AVIF files{hint}")
    return sorted(photos.values())


def unreadable_pictures(folder: Path, recursive: bool = False) -> list[Path]:
    """Return the pictures in a folder that `find_photos` leaves out because their formats are not read."""
    return sorted(_files_in(folder, recursive, UNREADABLE_SUFFIXES, lambda *_: None))


def _files_in(folder: Path, recursive: bool, suffixes: Set[str], on_error: OnError) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        problem = f"could not be searched ({error.strerror})"
        on_error(error.filename, PhotoError(error.filename, problem, "Check the folder's permissions"))

    for place, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield Path(place, name)
