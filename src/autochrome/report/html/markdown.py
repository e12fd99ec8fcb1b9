"""A document as Markdown: headings, text and tables, for a repository's pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from autochrome.evaluation.markdown import markdown_table
from autochrome.report.html.parts import Note, Part, Section, Table, Text

_SIGNS = re.compile(r"([\\*`]|<(?=[A-Za-z/!?])|\b_|_\b|(?<=\])\()")
"""Characters that Markdown would interpret within a line: tags, links, underscores at the edge of words."""
_OPENERS = re.compile(r"^([#>+-])", re.MULTILINE)
"""Characters that it would interpret at the beginning of a line: headings, quotations, lists."""


def document_markdown(
    title: str, subtitle: str, facts: Mapping[str, str], sections: Sequence[Section]
) -> str:
    """Return the document as GitHub's Markdown, without figures, ending in a line break."""
    blocks = [f"# {_text(title)}", _text(subtitle)]
    if facts:
        rows = [[name, value] for name, value in facts.items()]
        blocks.append(_table(Table(["", ""], rows, numeric_from=2)))
    for section in sections:
        body = [_text(section.lead), *(block for part in section.parts for block in _part(part))]
        if any(body):
            blocks += [f"## {_text(section.title)}", *body]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _part(part: Part) -> Iterator[str]:
    match part:
        case Text(text):
            yield _text(text)
        case Note(text, kind):
            sign = f"[!{kind.upper()}]"
            yield "\n".join(f"> {line}".rstrip() for line in [sign, *_text(text).splitlines()])
        case Table():
            yield from (_text(part.caption), _table(part))


def _table(table: Table) -> str:
    head, *rows = [[_inline(cell) for cell in row] for row in (table.head, *table.rows)]
    return markdown_table(head, rows, table.numeric_from)


def _text(text: str) -> str:
    return _OPENERS.sub(r"\\\1", _inline(text))


def _inline(text: str) -> str:
    """Escape everything that Markdown would interpret, except ``**bold**`` and `` `code` ``."""
    pieces = re.split(r"(`[^`]+`|\*\*)", text.strip())
    return "".join(piece if index % 2 else _SIGNS.sub(r"\\\1", piece) for index, piece in enumerate(pieces))
