"""The tree of errors."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

import autochrome
from autochrome import errors
from autochrome.cli.main import main

CLASSES = [value for value in vars(errors).values() if isinstance(value, type)]


def test_the_docstring_draws_every_class_below_its_parent() -> None:
    drawn, parents = {}, []
    for margin, name, second in re.findall(
        r"^([ │├└─]+)(\w+)(?: \((\w+)\))?$", errors.__doc__ or "", re.MULTILINE
    ):
        depth = len(margin) // 4 - 1
        parents[depth:] = [name]
        drawn[name] = [*([parents[depth - 1]] if depth else ["Exception"]), *([second] if second else [])]
    assert drawn == {each.__name__: [base.__name__ for base in each.__bases__] for each in CLASSES}


def test_the_package_exports_the_first_two_levels() -> None:
    for each in CLASSES:
        if errors.StudyError not in each.__mro__[1:]:
            assert getattr(autochrome, each.__name__) is each
            assert each.__name__ in autochrome.__all__


def test_the_command_line_prints_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise errors.HintError("write 10,20=red")

    monkeypatch.setattr("autochrome.models.registry.list_models", fail)
    result = CliRunner().invoke(main, ["models"])
    assert (result.exit_code, result.output) == (1, "Error: write 10,20=red\n")
