"""The parts of a document: frozen records of what to show, independent of HTML.

All text is plain, and anything that looks like markup is shown literally, except that `Text`, `Note`,
captions and table cells support ``**bold**`` and `` `code` ``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Table:
    """Rows under a head.

    Attributes:
        head, rows: names of the columns, and as many cells in each row.
        caption: what the table shows and how it was computed.
        numeric_from: index of the first column of numbers; it and those after it are aligned right.

    Raises:
        ValueError: a row is longer or shorter than the head.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    numeric_from: int = 1

    @classmethod
    def of(
        cls,
        things: Iterable[Any],
        columns: Mapping[str, Callable[[Any], str]],
        caption: str = "",
        *,
        numeric_from: int = 1,
    ) -> Table:
        """Return a table with a row for each thing; ``columns`` has the head and the cell of each column."""
        rows = [[cell(thing) for cell in columns.values()] for thing in things]
        return cls(list(columns), rows, caption, numeric_from)

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.head):
                raise ValueError(f"row {number} has {len(row)} cells under a head of {len(self.head)}")


@dataclass(frozen=True)
class Figure:
    """A chart or a picture.

    Attributes:
        content: SVG text, or a PNG, JPEG, WebP or GIF file as bytes.
        alt: what it shows, in words, for those who cannot see it.
        caption: shown below.
    """

    content: str | bytes
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Text:
    """Paragraphs, separated by blank lines."""

    text: str


@dataclass(frozen=True)
class Note:
    """Highlighted paragraphs."""

    text: str
    kind: Literal["note", "warning"] = "note"


@dataclass(frozen=True)
class Gallery:
    """A contact sheet: rows of pictures that can be enlarged.

    Attributes:
        items: label of each row, and its pictures; a row may be shorter than the head.
        head: what each column of pictures shows.
        caption: what the sheet shows.

    Raises:
        ValueError: a row has more pictures than the head has names.
    """

    items: Sequence[tuple[str, Sequence[Figure]]]
    head: Sequence[str]
    caption: str = ""

    def __post_init__(self) -> None:
        for label, figures in self.items:
            if len(figures) > len(self.head):
                raise ValueError(f"{label}: {len(figures)} pictures under a head of {len(self.head)}")


Part = Table | Figure | Text | Note | Gallery


@dataclass(frozen=True)
class Section:
    """A chapter of a document.

    Attributes:
        title: its heading, and its name in the navigation.
        parts: in reading order; consecutive figures are placed side by side.
        lead: a sentence or two below the heading.
    """

    title: str
    parts: Sequence[Part]
    lead: str = ""
