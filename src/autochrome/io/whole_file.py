"""Files that are written whole or not at all, and their digests.

A file is written under a temporary name beside the target, flushed to the disk, and renamed at the end:
readers see the old file or the new one, and of two writers the last one wins.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written_whole(target: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield an empty temporary file that takes the target's name if the block ends without an error.

    Args:
        target: the file to write; an existing one is replaced.
        mode: permissions of the file, before the umask.

    Raises:
        OSError: the file cannot be written; nothing is left behind.
    """
    temporary = target.parent / f".autochrome-{secrets.token_hex(8)}.part"
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(content: str | bytes, target: Path, *, mode: int = 0o666) -> None:
    """Write text (as UTF-8) or bytes as `written_whole` does."""
    with written_whole(target, mode=mode) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(content: Any, target: Path, *, mode: int = 0o666) -> None:
    """Write indented JSON as `written_whole` does.

    Raises:
        ValueError: a number is not finite; no file is written.
        OSError: the file cannot be written.
    """
    write_whole(json.dumps(content, indent=1, allow_nan=False) + "\n", target, mode=mode)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
