"""The recipes that come with Autochrome, by name: ``finetune`` is ``finetune.yaml``."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from autochrome.errors import RecipeError

_PACKAGE = Path(__file__).parents[1]


def recipes_folder() -> Path:
    """Return the folder of the recipes: that of the wheel, or the repository's, of which it is a copy."""
    packaged = _PACKAGE / "recipes"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / "recipes"


def recipe_names() -> list[str]:
    """Return the names of the shipped recipes, sorted."""
    return sorted(path.stem for path in recipes_folder().glob("*.yaml"))


def find_recipe(name: str) -> Path:
    """Return the file of a recipe.

    Args:
        name: of a shipped recipe, or a path; an existing file comes first.

    Raises:
        RecipeError: there is neither; the message names similar recipes.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = recipe_names()
    if name in known:
        return recipes_folder() / f"{name}.yaml"
    close = get_close_matches(path.stem, known, n=2)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"
    raise RecipeError(f"no recipe at {name}: give a YAML file, or the name of a shipped recipe; {hint}")
