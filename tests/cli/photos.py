"""Photos in the test's folder, and what has become of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.data

from autochrome.io.photo import Photo, read_photo, write_photo

LEDGER = "autochrome-ledger.jsonl"
GRAY = np.ascontiguousarray(skimage.data.camera()[::8, ::8, None])


def put(name: str, pixels: np.ndarray = GRAY, **fields: object) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_photo(Photo(pixels, **fields), path)  # type: ignore[arg-type]
    return path


def names() -> set[str]:
    """All files below, hidden ones too, but the ledgers of runs."""
    return {str(path) for path in Path().rglob("*") if path.is_file() and path.name != LEDGER}


def is_colored(path: str | Path) -> bool:
    pixels = read_photo(path).pixels
    return pixels.shape[2] == 3 and np.ptp(pixels.astype(int), axis=2).max() > 2
