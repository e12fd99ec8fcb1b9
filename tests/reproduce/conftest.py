"""Photos for the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures of 176 pixels, one of them wider."""
    from autochrome.io.photo import Photo, write_photo  # not before the shape checks are set

    folder = tmp_path / "photos"
    folder.mkdir()
    for name, width in (("astronaut", 176), ("chelsea", 176), ("coffee", 200)):
        picture = np.ascontiguousarray(getattr(skimage.data, name)()[:176, :width])
        write_photo(Photo(picture), folder / f"{name}.png")
    return folder
