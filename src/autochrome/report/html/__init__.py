"""Self-contained HTML documents: sections of text, tables and figures, in light and dark, in one file.

``parts``     the words: Text, Note, Table, Figure, Gallery, Section
``page``      Document: the parts as one HTML file (its templates, style and script stand beside it)
``markdown``  the same as Markdown
``charts``    numbers as SVG that takes its colors from the page
"""

from autochrome.report.html.page import Document
from autochrome.report.html.parts import Figure, Gallery, Note, Part, Section, Table, Text

__all__ = ["Document", "Figure", "Gallery", "Note", "Part", "Section", "Table", "Text"]
