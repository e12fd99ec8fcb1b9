"""Where training photos come from: a folder of pictures, or tar shards in WebDataset's layout.

Both are read at random by number, so that an epoch is a true permutation and a run can be resumed at any
sample. A shard is a plain tar file; its members' names carry a key and an extension (``000-00042.webp``).
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

PHOTO_EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".avif"})


class DataError(Exception):
    """The training or evaluation photos are missing or cannot be read."""


class PhotoSource(Protocol):
    """Photos by number; ``read`` returns the encoded file, ``key`` its name without folder and extension."""

    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """Name of a photo, without folder and extension."""
        ...

    def read(self, index: int) -> bytes:
        """The encoded file."""
        ...


class FolderSource:
    """Every picture below a folder, in sorted order."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PHOTO_EXTENSIONS)

    def __len__(self) -> int:
        return len(self.files)

    def key(self, index: int) -> str:
        """File name without folder and extension."""
        return self.files[index].stem

    def read(self, index: int) -> bytes:
        """Content of the file."""
        return self.files[index].read_bytes()


class ShardSource:
    """Every picture in a list of tar shards; the members' places are indexed once, then read directly."""

    def __init__(self, shards: Sequence[Path]) -> None:
        self.shards = list(shards)
        self.members: list[tuple[int, str, int, int]] = []
        for number, shard in enumerate(self.shards):
            self.members += [(number, *place) for place in _photo_members(shard)]
        self._open: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self.members)

    def key(self, index: int) -> str:
        """The member's name without extension."""
        return Path(self.members[index][1]).stem

    def read(self, index: int) -> bytes:
        """Content of the member."""
        shard, name, offset, size = self.members[index]
        content = os.pread(self._descriptor(shard), size, offset)
        if len(content) < size:
            raise DataError(f"{self.shards[shard]}: ends inside {name}; copy the shard again")
        return content

    def _descriptor(self, shard: int) -> int:
        # A descriptor belongs to one process: a forked worker opens its own.
        place = (os.getpid(), shard)
        if place not in self._open:
            self._open[place] = os.open(self.shards[shard], os.O_RDONLY)
        return self._open[place]


def _photo_members(shard: Path) -> list[tuple[str, int, int]]:
    """Name, offset and size of a shard's pictures."""
    try:
        with tarfile.open(shard, "r:") as tar:
            return [
                (m.name, m.offset_data, m.size)
                for m in tar
                if m.isfile() and Path(m.name).suffix.lower() in PHOTO_EXTENSIONS
            ]
    except (OSError, tarfile.TarError) as error:
        raise DataError(f"{shard} is not a readable plain tar shard: {error}") from error


def open_source(place: str | Path) -> PhotoSource:
    """Open photos by path: a tar shard, a folder of tar shards, or a folder of pictures.

    Raises:
        DataError: the place does not exist or holds no photo.
    """
    path = Path(os.path.expandvars(place)).expanduser()
    if not path.exists():
        hint = "; set the environment variable that it names" if "$" in str(path) else ""
        raise DataError(f"no photos at {path}: give a folder of pictures or of tar shards{hint}")
    if path.is_file():
        source: PhotoSource = ShardSource([path])
    else:
        shards = sorted(path.glob("*.tar"))
        source = ShardSource(shards) if shards else FolderSource(path)
    if len(source) == 0:
        raise DataError(f"{path} holds no picture ({', '.join(sorted(PHOTO_EXTENSIONS))}) and no tar shard of them")
    return source
