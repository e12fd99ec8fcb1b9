"""No command replaces a file that exists, unless it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from autochrome.cli.main import COMMANDS, main

WITH_FOLDERS = {"compare", "train"}
"""Commands whose output is a folder of their own, in which an interrupted run continues."""
WRITING = {"out", "json_path", "markdown_path", "sheet", "save_look"}


def commands(group: click.Group = main, above: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


def test_every_command_that_writes_a_file_has_the_option() -> None:
    writing = {
        name: {param.name for param in command.params}
        for name, command in commands()
        if WRITING & {param.name for param in command.params} and name not in WITH_FOLDERS
    }
    assert len(writing) == 10, writing.keys()
    assert [name for name, options in writing.items() if "overwrite" not in options] == []
    assert set(COMMANDS) >= WITH_FOLDERS


@pytest.mark.parametrize(
    "words",
    [
        "calibrate nowhere -o there.json",
        "evaluate . . --json there.json",
        "evaluate . . --markdown there.json",
        "prior nowhere -o there.json",
        "probe nowhere --model cic.test --random -o there.json",
        "study export nowhere -o there.json",
        "study report nowhere -o new.html --json there.json",
    ],
)
def test_a_file_that_exists_is_refused_before_the_work(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.json").write_text("older")
    result = CliRunner().invoke(main, words.split())
    assert result.exit_code == 1
    assert result.stderr == "Error: there.json exists already. Use --overwrite to replace it\n"
    again = CliRunner().invoke(main, [*words.split(), "--overwrite"])
    assert "exists already" not in again.output
    assert Path("there.json").read_text() == "older" and len(list(tmp_path.iterdir())) == 1


def test_a_device_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("device.json").symlink_to("/dev/null")
    result = CliRunner().invoke(main, ["prior", "nowhere", "-o", "device.json", "--overwrite"])
    assert result.exit_code == 1
    assert "device.json is a device, and only files are replaced" in result.stderr
    assert Path("/dev/null").is_char_device()
