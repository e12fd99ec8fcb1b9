"""The group: what it lists, and that listing loads nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

import autochrome
from autochrome.cli.main import COMMANDS, main


def test_version() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.output == f"autochrome {autochrome.__version__}\n"


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name, (_, help) in COMMANDS.items():
        assert name in result.output
        assert help in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says(name: str) -> None:
    module = COMMANDS[name][0].split(":")[0]
    assert find_spec(module), f"{module} is not there"
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["colorise", "a.jpg"], "did you mean colorize?"), (["a.jpg"], "autochrome colorize a.jpg")],
)
def test_unknown_command(arguments: list[str], hint: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert hint in result.output


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["models"], ["colorize", "--help"]])
def test_python_m_answers_without_torch(arguments: list[str]) -> None:
    program = (
        f"import sys, runpy; sys.argv = ['autochrome', *{arguments!r}]\n"
        "try: runpy.run_module('autochrome', run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "print({'torch', 'numpy', 'pyvips'} & set(sys.modules), code)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "set() 0"


@pytest.mark.parametrize("step", ["parse_args", "invoke"])
def test_ctrl_c_says_130_at_every_moment(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"click.Group.{step}", interrupted)
    result = CliRunner().invoke(main, ["models"])
    assert (result.exit_code, result.output) == (130, "interrupted\n")
