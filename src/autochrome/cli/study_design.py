"""The options of `autochrome study new`, and the design they make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from autochrome.study.design import Design

_Command = TypeVar("_Command", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)
_PROTOCOLS = ("two-afc", "turing", "questionnaire", "preference")
_TITLE = "How real are these colors?"


def design_options(command: _Command) -> _Command:
    """Add the options that become keys of the design."""
    positive, count = click.IntRange(1), click.IntRange(0)
    for option in (
        click.option("--seed", type=int, help="Of the photos that take part. [default: 0]"),
        click.option(
            "--oracle", is_flag=True, default=None, help="turing: the best-liked sample, judged again."
        ),
        click.option("--size", type=count, help="Side of the pictures; 0: as they are. [default: 224]"),
        click.option("--vigilance", type=count, help="Attention checks of a rater."),
        click.option("--practice", type=count, help="Trials before the test, with the answers shown."),
        click.option("--trials", type=positive, help="Test trials of a rater."),
        click.option("--raters", type=positive, help="Votes wanted on each photo and system."),
        click.option("--pictures", type=positive, help="Photos that take part, drawn by the seed."),
        click.option("--consent", type=_PATH, metavar="FILE", help="What raters agree to: plain text."),
        click.option("--question", help="What is asked. [default: the paper's words]"),
        click.option("--title", help=f"What raters see at the top. [default: {_TITLE}]"),
        click.option(
            "--system",
            "systems",
            multiple=True,
            metavar="NAME=DIR",
            help="A system and its folder of results, named as the references. Repeat it for more systems;"
            " repeat a NAME for several samples of one system.",
        ),
        click.option("--references", type=_PATH, metavar="DIR", help="Folder of the true photos."),
        click.option("--protocol", type=click.Choice(_PROTOCOLS), help="How people are asked."),
    ):
        command = option(command)
    return command


def design_of(file: Path | None, options: dict[str, Any]) -> Design:
    """The design of the options, or of a file.

    Raises:
        click.UsageError: both are given, or too little is.
        DesignError: the file's is wrong.
    """
    from pydantic import ValidationError

    from autochrome.study.design import Design

    given = {key: value for key, value in options.items() if value not in (None, ())}
    if file:
        if given:
            names = ", ".join(f"--{'system' if key == 'systems' else key}" for key in given)
            raise click.UsageError(f"{names}: --design has the whole design; change it in {file}")
        return Design.read(file)
    for key in ("protocol", "references", "systems"):
        if key not in given:
            option = "system" if key == "systems" else key
            raise click.UsageError(f"give --{option}, or a whole design with --design")
    given["systems"] = _systems(given["systems"])
    if "consent" in given:
        given["consent"] = _text(given["consent"])
    try:
        return Design.model_validate({"title": _TITLE, **given})
    except ValidationError as error:
        raise click.UsageError("; ".join(map(_explain, error.errors()))) from error


def _explain(problem: Any) -> str:
    """A problem of a design; what concerns the whole of it names its keys itself."""
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def _systems(given: tuple[str, ...]) -> dict[str, Path | list[Path]]:
    """Folders by name; of a name that is given several times, the samples."""
    found: dict[str, list[Path]] = {}
    for text in given:
        name, sign, folder = text.partition("=")
        if not (name and sign and folder):
            raise click.BadParameter(
                f"{text!r} is not NAME=DIR, such as cic=results/cic", param_hint="--system"
            )
        found.setdefault(name, []).append(Path(folder))
    return {name: folders[0] if len(folders) == 1 else folders for name, folders in found.items()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is no text in UTF-8") from error
