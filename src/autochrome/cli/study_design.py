"""The options of `autochrome study new`, derived from the fields of `Design`.

They are made when the command is called, so that listing the commands does not import pydantic.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autochrome.cli.options import PATH, Whole

if TYPE_CHECKING:
    from autochrome.study.design import Design

_OPTIONS = (
    *("protocol", "references", "systems", "title", "question", "consent", "pictures", "raters"),
    *("trials", "practice", "vigilance", "size", "oracle", "seed"),
)
"""The keys of a design that are options, too; the others are rarely changed, and only in the file."""

_SPECIAL: dict[str, dict[str, Any]] = {
    "references": {"type": PATH, "metavar": "DIR"},
    "consent": {"type": PATH, "metavar": "FILE"},
    "systems": {
        "multiple": True,
        "metavar": "NAME=DIR",
        "help": "A system and its folder of results, named like the references. Repeat it for more systems;"
        " repeat a NAME for several samples of one system.",
    },
}
"""Where the command line writes a key differently from the file."""


class DesignCommand(click.Command):
    """A command that has the keys of a design as options, before its own."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the arguments, the options of the design, and the command's own options."""
        own = super().get_params(ctx)
        arguments = [each for each in own if isinstance(each, click.Argument)]
        return [*arguments, *design_options(), *(each for each in own if each not in arguments)]


def design_options() -> list[click.Option]:
    """Return an option for each of the `_OPTIONS`, with the range, choices and description of its field."""
    from autochrome.study.design import Design

    schema = Design.model_json_schema()
    return [_option(name, schema["properties"][name], schema["$defs"]) for name in _OPTIONS]


def _option(name: str, key: dict[str, Any], definitions: dict[str, Any]) -> click.Option:
    """Return the option of a key; ``key`` and ``definitions`` are JSON schemas."""
    value = next(iter(key.get("anyOf", [key])))
    if "$ref" in value:
        value = definitions[value["$ref"].rpartition("/")[2]]
    default = key.get("default")
    description = key["description"].partition("; null:")[0].rstrip(".")
    shown = "" if default is None or default is False else f" [default: {default}]"
    keywords: dict[str, Any] = {"help": f"{description}.{shown}"}
    if value["type"] == "integer":
        keywords["type"] = Whole(value.get("minimum"))
    elif value["type"] == "boolean":
        keywords |= {"is_flag": True, "default": None}
    elif "enum" in value:
        keywords["type"] = click.Choice(value["enum"])
    return click.Option([f"--{_flag(name)}", name], **(keywords | _SPECIAL.get(name, {})))


def _flag(key: str) -> str:
    return "system" if key == "systems" else key


def design_of(file: Path | None, options: dict[str, Any]) -> Design:
    """Return the design that the options give, or that of a file.

    Raises:
        click.UsageError: both are given, or an option is missing or wrong.
        DesignError: the file is wrong.
    """
    from pydantic import ValidationError

    from autochrome.study.design import Design, default_title, explain
    from autochrome.study.records import Protocol

    given = {key: value for key, value in options.items() if value not in (None, ())}
    if file:
        if given:
            names = ", ".join(f"--{_flag(key)}" for key in given)
            raise click.UsageError(f"{names}: --design has the whole design; change it in {file}")
        return Design.read(file)
    for key in ("protocol", "references", "systems"):
        if key not in given:
            raise click.UsageError(f"give --{_flag(key)}, or a whole design with --design")
    given["systems"] = _systems(given["systems"])
    if "consent" in given:
        given["consent"] = _text(given["consent"])
    try:
        return Design.model_validate({"title": default_title(Protocol(given["protocol"])), **given})
    except ValidationError as error:
        raise click.UsageError("; ".join(map(explain, error.errors()))) from error


def _systems(given: tuple[str, ...]) -> dict[str, Path | list[Path]]:
    """Return each system's folder, or the folders of its samples if its name is given several times."""
    folders: dict[str, list[Path]] = {}
    for text in given:
        name, sign, folder = text.partition("=")
        if not (name and sign and folder):
            raise click.BadParameter(
                f"{text!r} is not NAME=DIR, such as cic=results/cic", param_hint="--system"
            )
        folders.setdefault(name, []).append(Path(folder))
    return {name: paths[0] if len(paths) == 1 else paths for name, paths in folders.items()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is not UTF-8 text") from error
