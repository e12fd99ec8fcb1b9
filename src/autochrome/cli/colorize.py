"""`autochrome colorize`: photos, folders of photos, or a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from autochrome.cli.checks import check_free, check_outputs
from autochrome.cli.events import reason_of
from autochrome.cli.hint_preview import write_hint_preview
from autochrome.cli.multipage import PagedColorization, is_paged
from autochrome.cli.options import (
    OUT_FILE,
    check_uncertainty,
    find_spec,
    limit_option,
    make_painter,
    make_settings,
    model_options,
    setting_options,
)
from autochrome.cli.plan import FileOptions, Pages
from autochrome.cli.run import Run, RunOptions, run_options
from autochrome.cli.stopping import ended_at_once, ended_orderly
from autochrome.errors import PhotoError, shown

if TYPE_CHECKING:
    from autochrome.pipeline.painter import Painter
    from autochrome.pipeline.settings import ColorizeSettings

_FORMATS = ("jpeg", "png", "tiff", "webp", "avif", "heic")
_PAGE_DIGITS = 9


class WritableFormat(click.Choice):
    """A format that the libvips at hand can write, which is found out when one is asked for."""

    def __init__(self) -> None:
        super().__init__(_FORMATS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a format; a usage error names those that there are."""
        from autochrome.io.saving import can_write

        self.choices = tuple(filter(can_write, _FORMATS))
        return super().convert(value, param, ctx)


class PageNumber(click.ParamType):
    """A page's number from 0, or "all"."""

    name = "page"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pages:
        """Return the number, or "all"."""
        if value == "all" or isinstance(value, int):
            return value
        if value.isdecimal() and len(value) <= _PAGE_DIGITS:
            return int(value)
        self.fail(f"{shown(value)} is neither a page's number, counted from 0, nor all", param, ctx)


@click.command()
@click.argument("photos", nargs=-1, metavar="PHOTO...")
@click.option("-o", "--out", metavar="OUT", help="File of the result, or a folder; - for stdout.")
@model_options
@setting_options()
@click.option(
    "--preview-hints",
    type=OUT_FILE,
    metavar="FILE",
    help="Only write the photo with its hints and a percent grid to FILE, and color nothing.",
)
@click.option("--look-file", metavar="FILE", help="Use the settings in a look file, or of an earlier result.")
@click.option("--save-look", metavar="FILE", help="Save the settings as a look file: NAME.json.")
@click.option("--uncertainty", is_flag=True, help="Also write NAME.uncertainty.png: white where unsure.")
@click.option(
    "--format",
    type=WritableFormat(),
    metavar="FORMAT",
    help="Format of the results: jpeg, png, tiff, or webp, avif and heic where libvips can write them. "
    "[default: the photo's]",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=92,
    metavar="Q",
    help="Quality of JPEG, WebP, AVIF and HEIC.",
)
@click.option(
    "--page",
    type=PageNumber(),
    metavar="N|all",
    help="Page of a multi-page TIFF, counted from 0, or all in files of their own. "
    "[default: all in one file, if it can hold them]",
)
@limit_option
@click.option("-r", "--recursive", is_flag=True, help="Search subfolders, too.")
@click.option("--overwrite", is_flag=True, help="Replace results that exist (never the photo itself).")
@click.option("--skip-color", is_flag=True, help="Leave out photos that are in color already.")
@click.option("--sidecars", is_flag=True, help="Give results XMP sidecars like the photos': NAME.xmp.")
@run_options
def colorize(
    photos: tuple[str, ...],
    out: str | None,
    model: str,
    weights: str | None,
    device: str,
    format: str | None,
    quality: int,
    page: Pages,
    recursive: bool,
    overwrite: bool,
    uncertainty: bool,
    save_look: str | None,
    keep_ending: bool,
    skip_color: bool,
    preview_hints: Path | None,
    sidecars: bool,
    **given: Any,
) -> None:
    """Color black-and-white photos.

    PHOTO is a file, a folder, or - for a photo from a pipe. The result of portrait.jpg is
    portrait.colorized.jpg beside it, unless -o says otherwise. A folder given with -o is mirrored there.
    With --samples 4 the results are portrait.colorized.1.jpg to portrait.colorized.4.jpg, and a contact sheet
    of them portrait.colorized.sheet.jpg.

    Exit codes: 0, all is done, or was already; 1, something failed and is named, the rest is done; 2, the
    command line is wrong, or a file that an option names, and nothing was begun; 130, 143 or 129, Ctrl-C,
    SIGTERM or SIGHUP ended it, and nothing is half-made.
    """
    how = RunOptions(**{name: given.pop(name) for name in RunOptions.__dataclass_fields__})
    with ended_at_once():
        spec = find_spec(model)
        settings = make_settings(spec=spec, **given)
        if preview_hints:
            write_hint_preview(photos, settings.hints, preview_hints, page=page, overwrite=overwrite)
            return
        look_file = _check_look_file(save_look, overwrite)
        if uncertainty:
            check_uncertainty(spec, settings)
        options = FileOptions(
            Path(out) if out and out != "-" else None,
            out_is_folder=bool(out) and out[-1:] in ("/", os.sep),
            format=format,
            quality=quality,
            page=page,
            recursive=recursive,
            overwrite=overwrite,
            samples=settings.samples,
            uncertainty=uncertainty,
            keep_ending=keep_ending,
            skip_color=skip_color,
            sidecars=sidecars,
        )
        piped = "-" in (*photos, out)
        if piped:
            _check_pipe(photos, options, how)
        elif not photos and not how.files_from:
            raise click.UsageError("name a photo or a folder, or a list of them with --files-from")
        run = None if piped else Run(photos, options, how, spec, weights, settings)
        if run is None or run.needs_model:
            # PyTorch may take long to come from the disk, and nothing else runs while it does.
            import autochrome.pipeline.painter  # noqa: F401

    def load() -> Painter:
        return make_painter(model, weights, device)

    code = 0
    if run is None:
        with ended_orderly(lambda: None):
            _colorize_pipe(photos[0], options, load, settings)
    else:
        code = run.go(load)
    if run is None or run.report.done:
        _save_look(settings, look_file)
    if code:
        sys.exit(code)


def _check_pipe(photos: tuple[str, ...], options: FileOptions, how: RunOptions) -> None:
    how.check_pipe()
    if len(photos) > 1 or options.page == "all":
        raise click.UsageError("a pipe (-) takes one page of one photo; color the others separately")
    if options.skip_color:
        raise click.UsageError("--skip-color leaves out photos of several, and a pipe (-) has only one")
    if options.sidecars:
        raise click.UsageError("--sidecars writes files beside others, and a pipe (-) has none beside it")
    if options.samples > 1 or options.uncertainty:
        several = "--uncertainty" if options.samples == 1 else f"--samples {options.samples}"
        raise click.UsageError(
            f"a pipe (-) takes one colorization, not {several}; name the photo's file, "
            "without -o or with -o FILE"
        )


def _check_look_file(file: str | None, overwrite: bool) -> Path | None:
    """Return the look file to write, if one was requested and can be."""
    if file is None:
        return None
    path = Path(file)
    if path.suffix != ".json":
        raise click.BadParameter(f"{path.name} must end in .json", param_hint="--save-look")
    check_outputs(path, overwrite=overwrite)
    return path


def _save_look(settings: ColorizeSettings, path: Path | None) -> None:
    from autochrome.pipeline.look_file import write_look

    if path is not None:
        write_look(settings, path)


def _colorize_pipe(
    name: str, options: FileOptions, load: Callable[[], Painter], settings: ColorizeSettings
) -> None:
    """Color one photo from stdin, or to stdout, or both; nothing but the photo goes to stdout."""
    to_stdout = options.out is None
    if name == "-" and sys.stdin.isatty():
        raise click.UsageError("nothing is piped in: cat photo.jpg | autochrome colorize - > colored.jpg")
    if to_stdout and sys.stdout.isatty():
        raise click.UsageError("the photo would go to the terminal; redirect it (> FILE) or give -o FILE")
    if options.out is not None:
        check_free(options.out, options.overwrite)
    source: bytes | Path = sys.stdin.buffer.read() if name == "-" else Path(name)
    try:
        content, notes = _colored_content(source, options, load(), settings)
    except PhotoError as error:
        raise click.ClickException(
            str(error).replace("the given bytes", "the photo from the pipe")
        ) from error
    except click.ClickException:
        raise
    except Exception as error:  # here, too, nobody sees a traceback
        raise click.ClickException(reason_of(error)) from error
    for note in notes:
        click.echo(f"note: {note}", err=True)
    if content is not None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _colored_content(
    source: bytes | Path, options: FileOptions, painter: Painter, settings: ColorizeSettings
) -> tuple[bytes | None, tuple[str, ...]]:
    """Color a photo, or all its pages, into the file of the options, or return it encoded; and the notes."""
    from autochrome.io.losses import losses
    from autochrome.io.pages import pages_to_keep
    from autochrome.io.photo import read_photo, write_photo
    from autochrome.io.saving import format_for

    assert not isinstance(options.page, str)
    count = pages_to_keep(source) if options.page is None else 1
    if count > 1 and is_paged(options.out or Path("result.tif"), options.format):
        pages = PagedColorization(source, count, painter, settings)
        if options.out is not None:
            pages.write(options.out)
            return None, pages.notes
        with TemporaryDirectory(prefix="autochrome-") as folder:
            pages.write(Path(folder, "result.tif"))
            return Path(folder, "result.tif").read_bytes(), pages.notes
    photo = read_photo(source, page=options.page)
    [colored] = painter.colorize(photo, settings)
    made = colored.provenance
    content = write_photo(
        colored, options.out, format=options.format, quality=options.quality, provenance=made
    )
    lost = losses(photo, format_for(options.out, options.format, photo.format).name)
    return content, (*colored.notes, *([lost] if lost else []))
