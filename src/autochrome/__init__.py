"""Colorize black-and-white photographs.

    import autochrome
    colored = autochrome.colorize("portrait.jpg")
    autochrome.write_photo(colored, "portrait.colorized.jpg", like=colored)

Nothing heavy is imported before it is used: `import autochrome` alone loads neither torch nor numpy.
`autochrome.errors` draws the tree of errors.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autochrome._version import __version__
from autochrome.errors import (
    AutochromeError,
    CheckpointError,
    ColorError,
    DataError,
    DocumentError,
    EvaluationError,
    FileError,
    HintError,
    LaboratoryError,
    LedgerError,
    PhotoError,
    ProbeError,
    RecipeError,
    SettingsError,
    SizeError,
    StudyError,
    TrainingError,
    UnknownModelError,
    WeightsError,
)

if TYPE_CHECKING:
    from autochrome.io.photo import Photo, read_photo, write_photo
    from autochrome.models.registry import create_model, list_models
    from autochrome.pipeline.painter import colorize

_HOMES = {
    "Photo": "autochrome.io.photo",
    "colorize": "autochrome.pipeline.painter",
    "create_model": "autochrome.models.registry",
    "list_models": "autochrome.models.registry",
    "read_photo": "autochrome.io.photo",
    "write_photo": "autochrome.io.photo",
}

__all__ = [
    "AutochromeError",
    "CheckpointError",
    "ColorError",
    "DataError",
    "DocumentError",
    "EvaluationError",
    "FileError",
    "HintError",
    "LaboratoryError",
    "LedgerError",
    "Photo",
    "PhotoError",
    "ProbeError",
    "RecipeError",
    "SettingsError",
    "SizeError",
    "StudyError",
    "TrainingError",
    "UnknownModelError",
    "WeightsError",
    "__version__",
    "colorize",
    "create_model",
    "list_models",
    "read_photo",
    "write_photo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'autochrome' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # imported at first use, found directly from then on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
