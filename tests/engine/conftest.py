from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.data.made_photos import write_folder
from tests.engine.tiny_run import write_recipe


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "photos")


@pytest.fixture
def recipe_file(tmp_path: Path, photos: Path) -> Path:
    return write_recipe(tmp_path / "tiny.yaml", photos)


@pytest.fixture
def environment() -> dict[str, str]:
    """For commands that a test runs in another process."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
