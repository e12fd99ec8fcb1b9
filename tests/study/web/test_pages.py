"""What raters read before they begin, and the files of the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autochrome.study.design import Design
from autochrome.study.records import Protocol
from autochrome.study.web.pages import Pages
from autochrome.study.web.pages.words import minutes, steps


def test_how_long_a_study_takes_with_the_papers_values(small_design: Callable[..., Design]) -> None:
    paper = {"practice": 10, "trials": 40, "vigilance": 4, "pictures": None}
    # 54 trials of two displays of 1 s, two pauses of .25 s and 2 s for the answer; feedback 10 times 2.4 s:
    # 267 s.
    assert minutes(small_design("two-afc", **paper)) == "about 5 minutes"
    # 4 questions of 20 s: 80 s.
    assert minutes(small_design("questionnaire")) == "about 2 minutes"
    # 7 pairs of 6 s: 42 s.
    assert minutes(small_design("preference")) == "about a minute"


@pytest.mark.parametrize(
    ("protocol", "keys", "said"),
    [
        (
            "two-afc",
            {"exposure_ms": 1500},
            ["9 photos", "each for 1.5 seconds", "first 2 trials are for practice"],
        ),
        ("turing", {"practice": 1}, ["8 photos", "each for one second", "first trial is for practice"]),
        ("questionnaire", {}, ["4 photos", "5 versions", "or none"]),
        ("preference", {}, ["7 photos", "each twice at once", "no right or wrong"]),
    ],
)
def test_raters_are_told_what_they_will_see(
    protocol: str, keys: dict[str, Any], said: list[str], small_design: Callable[..., Design]
) -> None:
    design = small_design(protocol, question="Which one?", **keys)
    told = " ".join(steps(design))
    assert "Which one?" in told
    for words in said:
        assert words in told


@pytest.mark.parametrize("protocol", list(Protocol))
def test_pages_hold_the_design_s_words_and_no_markup_of_theirs(
    protocol: Protocol, small_design: Callable[..., Design]
) -> None:
    design = small_design(protocol.value, title="A <b>", question="Q <i>?", consent="One & one.\n\nTwo.")
    pages = Pages(design)
    start = pages.render("start", known=False)
    assert '<p class="lead">One &amp; one.</p>' in start and "<p>Two.</p>" in start
    for page in (
        start,
        pages.render("trial", link="http://x/<s>"),
        pages.render("done", code="<s>", link="x"),
        pages.message("full"),
    ):
        assert "A &lt;b&gt;" in page
        assert not any(tag in page for tag in ("<b>", "<i>", "<s>"))


def test_only_scripts_styles_and_the_icon_are_files(small_design: Callable[..., Design]) -> None:
    pages = Pages(small_design("two-afc"))
    content, kind = pages.static("trial.js") or (b"", "")
    assert (kind, b"displayInTurn" in content) == ("text/javascript", True)
    for name in ("start.html", "__init__.py", "words.py", "", ".", "../design.py"):
        assert pages.static(name) is None
