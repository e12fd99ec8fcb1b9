"""The pages of a study: templates, scripts and styles that need nothing from elsewhere.

Everything is read once, when the server starts, so that no request ever names a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
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
        "Thank you for coming. There is nothing left to judge here, and nothing was stored.",
        None,
    ),
    "unknown": (
        "This link leads to nobody",
        "No one takes part under this personal link. Look whether all of it was copied, or begin anew.",
        ("/", "To the first page"),
    ),
    "back": (
        "Welcome back",
        "You go on where you left; nothing that you answered is lost.",
        ("/trial", "Go on"),
    ),
    "missing": ("There is nothing here", "The study begins on its first page.", ("/", "To the first page")),
}


class Pages:
    """The pages of one study as HTML, and the files that they load.

    Args:
        design: what the study is called, asks, and shows.
    """

    def __init__(self, design: Design) -> None:
        self._files = {
            path.name: path.read_bytes() for path in sorted(_HERE.iterdir()) if path.suffix in _KINDS
        }
        digest = hashlib.sha256(b"\0".join(self._files.values())).hexdigest()[:12]
        environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
        environment.globals.update(title=design.title, static=f"/static/{digest}")
        self._template = environment.get_template
        self._design = design

    def start(self, *, known: bool) -> str:
        """Consent, what will be asked, and the button to begin; or to go on, for a rater who is known."""
        design = self._design
        return self._render(
            "start",
            consent=_paragraphs(design.consent),
            steps=steps(design),
            keys=keys(design.protocol),
            minutes=minutes(design),
            layout=design.protocol.value,
            size=design.size,
            known=known,
        )

    def trial(self, *, link: str) -> str:
        """Show the page on which pictures are judged; its script asks for them."""
        design = self._design
        return self._render(
            "trial",
            question=design.question,
            reminder=reminder(design),
            keys=keys(design.protocol),
            link=link,
        )

    def done(self, *, code: str, link: str) -> str:
        """Thanks, and the completion code."""
        return self._render("done", code=code, link=link)

    def message(self, name: str) -> str:
        """One of the pages that say one thing: full, unknown, back, missing."""
        heading, words, action = _MESSAGES[name]
        return self._render("message", heading=heading, words=words, action=action)

    def static(self, name: str) -> tuple[bytes, str] | None:
        """Content and media type of a file of the pages; None if it is none of them."""
        content = self._files.get(name)
        return None if content is None else (content, _KINDS[Path(name).suffix])

    def _render(self, name: str, **values: Any) -> str:
        return self._template(f"{name}.html").render(values)


def _paragraphs(text: str) -> Sequence[str]:
    return [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]
