"""What a document is made of. Every part is a frozen record of what to show; nothing here knows HTML.

All texts are plain: whatever looks like markup is shown as it stands. `Text`, `Note`, captions and the cells
of tables know two signs, ``**bold**`` and `` `code` ``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Table:
    """Rows under a head.

    Attributes:
        head: names of the columns.
        rows: as many cells in each as the head has.
        caption: what the table shows and on what it stands.
        numeric_from: columns from this one on, counted from 0, hold numbers and are aligned right.

    Raises:
        ValueError: a row is longer or shorter than the head.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    numeric_from: int = 1

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
        width: at most so many CSS pixels wide; ``None``: as wide as its place.
    """

    content: str | bytes
    alt: str
    caption: str = ""
    width: int | None = None


@dataclass(frozen=True)
class Text:
    """Paragraphs, separated by blank lines."""

    text: str


@dataclass(frozen=True)
class Note:
    """Paragraphs that stand out; a warning more so."""

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
        parts: in the order of reading; figures that follow each other stand side by side.
        lead: a sentence or two below the heading: what is to be seen here.
    """

    title: str
    parts: Sequence[Part]
    lead: str = ""
