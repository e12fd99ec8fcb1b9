"""A document as one HTML file that needs nothing else: no network, no fonts, no library."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import count, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from autochrome.io.whole_file import write_whole
from autochrome.report.html.markdown import document_markdown
from autochrome.report.html.parts import Figure, Part, Section

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif"}
_SIGNS = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*", re.DOTALL)
_ID = re.compile(r'(\bid="|\bhref="#|url\(#)')


@dataclass(frozen=True)
class Document:
    """A title, facts about the whole, and sections.

    Attributes:
        title: in the heading and in the browser's tab.
        sections: each has a link in the navigation.
        subtitle, facts: a sentence, and names and values for a small table, below the title.
    """

    title: str
    sections: Sequence[Section]
    subtitle: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def html(self) -> str:
        """Return the document as one self-contained HTML file.

        It follows the system's theme until the reader chooses one; a content security policy keeps it from
        loading anything.

        Raises:
            ValueError: a figure is neither SVG nor a picture that browsers show.
        """
        numbers = count(1)
        template = _environment().get_template("page.html")
        style, script = _asset("style.css"), _asset("script.js")
        return template.render(
            document=self,
            sections=list(zip(_anchors(self.sections), self.sections, strict=True)),
            style=style,
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            number=lambda: next(numbers),
        )

    def markdown(self) -> str:
        """Return headings, text and tables as Markdown."""
        return document_markdown(self.title, self.subtitle, self.facts, self.sections)

    def write(self, path: Path) -> None:
        """Write the HTML; an existing file is replaced as a whole.

        Raises:
            OSError: the file cannot be written.
        """
        write_whole(self.html(), path)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("autochrome.report.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "inline": _inline,
        "paragraphs": _paragraphs,
        "groups": _groups,
        "longest_label": _longest_label,
    }
    environment.globals |= {"svg": _svg, "picture": _picture}
    return environment


def _asset(name: str) -> Markup:
    """Return a file of the package, unescaped, for a style or script element."""
    from markupsafe import Markup

    return Markup(resources.files("autochrome.report.html").joinpath(name).read_text(encoding="utf-8"))


def _anchors(sections: Sequence[Section]) -> Iterator[str]:
    """Yield the sections' ids: their titles in lower case with hyphens, numbered if they repeat."""
    used = {"content"}  # the page's own
    for section in sections:
        slug = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-") or "section"
        anchor = next(name for n in count(1) if (name := slug if n == 1 else f"{slug}-{n}") not in used)
        used.add(anchor)
        yield anchor


def _groups(parts: Sequence[Part]) -> list[tuple[str, list[Part]]]:
    """Group consecutive parts by their macro in parts.html, so that a run of figures becomes one grid."""
    return [(kind, list(run)) for kind, run in groupby(parts, lambda part: type(part).__name__.lower())]


def _longest_label(items: Sequence[tuple[str, Sequence[Figure]]]) -> int:
    """Return the width of a gallery's labels, in characters."""
    return 2 + max((len(label) for label, _ in items), default=0)


def _inline(text: str) -> Markup:
    """Return text as HTML, with ``**bold**`` and `` `code` ``."""
    from markupsafe import Markup, escape

    result, start = Markup(""), 0
    for match in _SIGNS.finditer(text):
        tag, content = ("code", match[1]) if match[1] else ("strong", match[2])
        result += escape(text[start : match.start()]) + Markup(f"<{tag}>{{}}</{tag}>").format(content)
        start = match.end()
    return result + escape(text[start:])


def _paragraphs(text: str) -> list[Markup]:
    return [_inline(block.strip()) for block in re.split(r"\n\s*\n", text) if block.strip()]


def _svg(figure: Figure, number: int) -> Markup:
    """Return a figure's SVG for use inside the page, with a label and ids of its own.

    Raises:
        ValueError: it is not well-formed SVG.
    """
    from markupsafe import Markup, escape

    text = re.sub(r"^\s*(<\?xml[^>]*>|<!DOCTYPE[^>]*>|\s)+", "", str(figure.content))
    try:
        root = ElementTree.fromstring(text).tag
    except ElementTree.ParseError as error:
        raise ValueError(f"the figure {figure.alt!r} is no well-formed SVG: {error}") from error
    if root.rpartition("}")[2] != "svg":
        raise ValueError(f"the figure {figure.alt!r} is no SVG but <{root}>")
    text = _ID.sub(rf"\g<1>f{number}-", text)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(figure.alt)}"', 1))


def _picture(figure: Figure) -> dict[str, Any]:
    """Return the address (a data URI), width and height of a picture.

    Raises:
        ValueError: the bytes are not a picture that browsers show.
    """
    import pyvips

    content = figure.content
    assert isinstance(content, bytes)
    try:
        image = pyvips.Image.new_from_buffer(content, "")
    except pyvips.Error as error:
        raise ValueError(f"the figure {figure.alt!r} is no picture") from error
    kind = next((kind for kind in _TYPES if str(image.get("vips-loader")).startswith(kind)), None)
    if kind is None:
        raise ValueError(f"the figure {figure.alt!r} is neither of {', '.join(_TYPES)}")
    data = base64.b64encode(content).decode()
    return {"src": f"data:{_TYPES[kind]};base64,{data}", "width": image.width, "height": image.height}
