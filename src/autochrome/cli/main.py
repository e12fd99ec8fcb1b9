"""The group of commands; a command is imported when it is called."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import click

from autochrome._version import __version__
from autochrome.cli.stopping import ended_as_by_error, exit_code
from autochrome.errors import AutochromeError

# name -> (where the command is, its line in --help)
COMMANDS = {
    "colorize": ("autochrome.cli.colorize:colorize", "Color black-and-white photos."),
    "try": ("autochrome.cli.try_:try_", "Compare every model and look for a photo, on one sheet."),
    "models": ("autochrome.cli.models:models", "List the models."),
    "figures": ("autochrome.cli.figures:figures", "Draw the papers' figures for a photo."),
    "evaluate": ("autochrome.cli.evaluate:evaluate", "Score colorized photos against the originals."),
    "compare": ("autochrome.cli.compare:compare", "Compare models and results: every metric, one report."),
    "study": ("autochrome.cli.study:study", "Ask people to judge colorized photos."),
    "train": ("autochrome.cli.train:train", "Train a model from a recipe."),
    "calibrate": ("autochrome.cli.calibrate:calibrate", "Fit tone curves that make drawn colors vivid."),
    "prior": ("autochrome.cli.prior:prior", "Estimate the color statistics of photos."),
    "probe": ("autochrome.cli.probe:probe", "Probe what a model's features encode about photo content."),
}


@contextmanager
def _interruption_reported() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(exit_code(signal.SIGINT))


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the table's order, the most used first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        return getattr(import_module(module), attribute)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error that the user can fix becomes one line and exit code 1.

        So does a file that cannot be read or written, but not a pipe that the reader has closed. After a
        signal the code is 128 and the signal's number: 130 after Ctrl-C.
        """
        try:
            with ended_as_by_error(), _interruption_reported():
                return super().invoke(ctx)
        except AutochromeError as error:
            raise click.ClickException(getattr(error, "for_command", str(error))) from error
        except MemoryError as error:
            raise click.ClickException("not enough memory; close other programs, or ask for less") from error
        except BrokenPipeError:
            raise
        except OSError as error:
            place = error.filename or "the disk"
            raise click.ClickException(f"{place}: {error.strerror or error}") from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, which Ctrl-C may interrupt as well."""
        with _interruption_reported():
            return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name.

        Raises:
            click.UsageError: there is no such command; the message names similar ones, or what to type.
        """
        if args[0] in COMMANDS or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        close = get_close_matches(args[0], COMMANDS, n=2)
        hint = f"to color a photo: autochrome colorize {args[0]}"
        if close:
            hint = f"did you mean {' or '.join(close)}?"
        raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="autochrome", message="%(prog)s %(version)s")
def main() -> None:
    """Color black-and-white photographs.

    autochrome colorize portrait.jpg writes portrait.colorized.jpg beside it.
    """
