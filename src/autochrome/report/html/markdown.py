"""A document as Markdown: headings, text and tables, for a repository's pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from autochrome.evaluation.markdown import markdown_table
from autochrome.report.html.parts import Figure, Gallery, Note, Part, Section, Table, Text

_SIGNS = re.compile(r"([\\*`]|<(?=[A-Za-z/!?])|\b_|_\b|(?<=\])\()")
"""What Markdown would take for a sign within a line: tags, links, an underscore at the edge of a word."""
_OPENERS = re.compile(r"^([#>+-])", re.MULTILINE)
"""What it would take for a heading, a quotation or a list at the beginning of one."""


def document_markdown(
    title: str, subtitle: str, facts: Mapping[str, str], sections: Sequence[Section], *, figures: bool
) -> str:
    """The document as GitHub's Markdown, ending in a line break."""
    blocks = [f"# {_text(title)}", _text(subtitle)]
    if facts:
        rows = [[name, value] for name, value in facts.items()]
        blocks.append(_table(Table(["", ""], rows, numeric_from=2)))
    for section in sections:
        body = [_text(section.lead)]
        for part in section.parts:
            body += _part(part, figures)
        if any(body):
            blocks += [f"## {_text(section.title)}", *body]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _part(part: Part, figures: bool) -> Iterator[str]:
    match part:
        case Text(text):
            yield _text(text)
        case Note(text, kind):
            sign = f"[!{kind.upper()}]"
            yield "\n".join(f"> {line}".rstrip() for line in [sign, *_text(text).splitlines()])
        case Table():
            yield from (_text(part.caption), _table(part))
        case Figure(alt=alt, caption=caption) if figures:
            yield f"*{_text(caption)}*" if caption else ""
            yield _text(alt)
        case Gallery(caption=caption) if figures:
            yield f"*{_text(caption)}*" if caption else ""


def _table(table: Table) -> str:
    head, *rows = [[_inline(cell) for cell in row] for row in (table.head, *table.rows)]
    return markdown_table(head, rows, table.numeric_from)


def _text(text: str) -> str:
    return _OPENERS.sub(r"\\\1", _inline(text))


def _inline(text: str) -> str:
    """Text in which nothing but ``**bold**`` and `` `code` `` is a sign, and little is escaped in vain."""
    pieces = re.split(r"(`[^`]+`|\*\*)", text.strip())
    return "".join(piece if index % 2 else _SIGNS.sub(r"\\\1", piece) for index, piece in enumerate(pieces))
