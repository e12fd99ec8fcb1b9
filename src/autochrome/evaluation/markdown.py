"""Tables as GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric_from: int = 1) -> str:
    """Return a table whose columns from ``numeric_from`` on, counted from 0, are aligned right."""
    rule = ["---" if column < numeric_from else "---:" for column in range(len(head))]
    lines = [[cell.replace("|", "\\|").replace("\n", "<br>") for cell in row] for row in (head, *rows)]
    lines.insert(1, rule)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
