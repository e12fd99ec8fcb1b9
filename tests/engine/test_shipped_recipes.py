"""Recipes by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autochrome.engine import shipped_recipes
from autochrome.engine.shipped_recipes import find_recipe, recipe_names, recipes_folder
from autochrome.errors import RecipeError


def test_a_shipped_recipe_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"finetune", "cic-paper"} <= set(recipe_names())
    assert find_recipe("finetune") == recipes_folder() / "finetune.yaml"
    monkeypatch.chdir(tmp_path)
    Path("finetune").write_text("a file of that name is the person's own")
    assert find_recipe("finetune") == Path("finetune")


def test_those_in_the_package_are_taken_where_it_was_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(recipes_folder(), tmp_path / "autochrome" / "recipes")
    monkeypatch.setattr(shipped_recipes, "_PACKAGE", tmp_path / "autochrome")
    assert find_recipe("finetune") == tmp_path / "autochrome" / "recipes" / "finetune.yaml"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("fintune", "finetune"), ("recipes/finetune.yml", "finetune"), ("xyz", "cic-paper"), ("", "cic-paper")],
)
def test_an_unknown_recipe_is_answered_with_names(name: str, hint: str) -> None:
    with pytest.raises(RecipeError, match=hint):
        find_recipe(name)
