"""The pages of a study: templates, scripts and styles that load nothing from other sites.

Everything is read once, when the server starts, so no request ever names a file on the disk.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from autochrome.study.design import Design
from autochrome.study.web.pages.words import keys, minutes, reminder, steps

_HERE = Path(__file__).parent
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_MESSAGES: dict[str, tuple[str, str, tuple[str, str] | None]] = {
    "full": (
        "This study has all the answers it needs",
        "Thank you for coming. There is nothing left to judge, and nothing about you was stored.",
        None,
    ),
    "unknown": (
        "This link is not valid",
        "Nobody takes part under this personal link. Check that all of it was copied, or begin again.",
        ("/", "Go to the first page"),
    ),
    "missing": ("Page not found", "The study begins on its first page.", ("/", "Go to the first page")),
}


class Pages:
    """The pages of one study as HTML, and the files that they load."""

    def __init__(self, design: Design) -> None:
        self._files = {
            path.name: path.read_bytes() for path in sorted(_HERE.iterdir()) if path.suffix in _KINDS
        }
        digest = hashlib.sha256(b"\0".join(self._files.values())).hexdigest()[:12]
        environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
        environment.globals.update(
            title=design.title,
            static=f"/static/{digest}",
            question=design.question,
            consent=[text for each in design.consent.split("\n\n") if (text := each.strip())],
            steps=steps(design),
            reminder=reminder(design),
            keys=keys(design.protocol),
            minutes=minutes(design),
            layout=design.protocol.value,
            size=design.size,
        )
        self._template = environment.get_template

    def message(self, name: str) -> str:
        """Return a page with a single message: full, unknown or missing."""
        heading, words, action = _MESSAGES[name]
        return self.render("message", heading=heading, words=words, action=action)

    def static(self, name: str) -> tuple[bytes, str] | None:
        """Return the content and media type of one of the pages' files; None if there is no such file."""
        content = self._files.get(name)
        return None if content is None else (content, _KINDS[Path(name).suffix])

    def render(self, name: str, **values: Any) -> str:
        """Return a page by the name of its template: start (known), back, trial (link), done (code, link)."""
        return self._template(f"{name}.html").render(values)
