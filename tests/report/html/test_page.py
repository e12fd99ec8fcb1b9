"""The page is one valid file that loads nothing, whatever its texts say."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from autochrome.report.html import Document, Figure, Gallery, Note, Section, Table, Text, charts

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Checker(HTMLParser):
    """Keeps elements and ids, and fails where a tag is not closed in its turn."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> names an attribute twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def check(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert not checker.open
    ids = [attributes["id"] for _, attributes in checker.elements if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id is there twice"
    return checker


def picture(format: str = "PNG", size: tuple[int, int] = (6, 4)) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(np.full((size[1], size[0], 3), 120, np.uint8)).save(stream, format)
    return stream.getvalue()


@pytest.fixture
def document() -> Document:
    chart = charts.lines({"a": (np.arange(3.0), np.ones(3))}, xlabel="one", ylabel="two")
    sheet = Gallery(
        [("first", [Figure(picture(), "a pair")] * 2), ("second", [])], ["gray", "truth"], "Sheet"
    )
    return Document(
        "A title & <more>",
        [
            Section("Scores", [Table(["", "PSNR"], [["cic", "22.1"]], "Of **all** photos."), Note("Mind.")]),
            Section("Scores", [Figure(chart, 'a "matrix"', "One"), Figure(chart, "the same")]),
            Section("Photos", [sheet, Text("One.\n\nTwo `three` <b>four</b>.")], lead="Look."),
        ],
        "Below",
        {"photos": "400"},
    )


def test_tags_are_balanced_and_ids_unique(document: Document) -> None:
    page = check(document.html())
    assert [link["href"] for link in page.all("a")][1:4] == ["#scores", "#scores-2", "#photos"]
    assert {section["id"] for section in page.all("section")} == {"scores", "scores-2", "photos"}


def test_references_inside_of_charts_find_their_targets(document: Document) -> None:
    html = document.html()
    ids = {attributes.get("id") for _, attributes in check(html).elements}
    wanted = set(re.findall(r'url\(#([^)]+)\)|<use[^>]*href="#([^"]+)"', html))
    assert wanted and {one or other for one, other in wanted} <= ids


def test_texts_are_not_taken_for_markup(document: Document) -> None:
    hostile = '<script>alert("x")</script><img src=x onerror=y>'
    gallery = Gallery([(hostile, [Figure(picture(), hostile, hostile)])], [hostile], hostile)
    parts = [Text(hostile), Note(hostile), Table([hostile], [[hostile]], hostile), gallery]
    chart = charts.intervals([(hostile, 1.0, 0.0, 2.0)], xlabel=hostile)
    page = check(
        Document(
            hostile,
            [Section(hostile, [*parts, Figure(chart, hostile)], hostile)],
            hostile,
            {hostile: hostile},
        ).html()
    )
    assert len(page.all("script")) == 1
    assert not [image for image in page.all("img") if "onerror" in image]
    assert "".join(page.text).count("<img src=x") >= 10


def test_bold_and_code_are_the_only_signs() -> None:
    page = check(Document("t", [Section("s", [Text("**a*b** `<c>` *d* _e_")])]).html())
    assert len(page.all("strong")) == len(page.all("code")) == 1
    assert "*d* _e_" in "".join(page.text) and "<c>" in page.text


def test_nothing_is_loaded_and_the_one_script_is_allowed_by_its_hash(document: Document) -> None:
    html = document.html()
    page = check(html)
    addresses = [image["src"] for image in page.all("img")]
    assert addresses and all(address and address.startswith("data:image/") for address in addresses)
    assert not page.all("link") and "@import" not in html
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy and "default-src 'none'" in policy and f"'sha256-{digest}'" in policy


def test_every_picture_and_chart_is_named_for_those_who_cannot_see(document: Document) -> None:
    page = check(document.html())
    assert all(image.get("alt") is not None for image in page.all("img"))
    assert [chart["aria-label"] for chart in page.all("svg")] == ['a "matrix"', "the same"]
    assert all(button.get("type") == "button" for button in page.all("button"))
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))


def test_pictures_keep_their_bytes_and_say_their_size(document: Document) -> None:
    image = next(image for image in check(document.html()).all("img") if image.get("loading") == "lazy")
    assert (image["width"], image["height"]) == ("6", "4")
    assert base64.b64decode(str(image["src"]).removeprefix("data:image/png;base64,")) == picture()


@pytest.mark.parametrize(("format", "kind"), [("JPEG", "jpeg"), ("WEBP", "webp"), ("GIF", "gif")])
def test_pictures_that_browsers_show_are_inlined(format: str, kind: str) -> None:
    html = Document("t", [Section("s", [Figure(picture(format), "p")])]).html()
    assert f"data:image/{kind};base64," in html


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no picture", "is no picture"), (picture("TIFF"), "neither of"), ("<svg><g></svg>", "well-formed")],
)
def test_figures_of_other_kinds_are_refused(content: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Document("t", [Section("s", [Figure(content, "it")])]).html()


def test_figures_that_follow_each_other_share_a_grid() -> None:
    chart = Figure("<svg xmlns='http://www.w3.org/2000/svg'/>", "c")
    page = check(Document("t", [Section("s", [chart, chart, Text("between"), chart])]).html())
    assert len([grid for grid in page.all("div") if grid.get("class") == "figures"]) == 2


def test_rows_must_fit_their_head() -> None:
    with pytest.raises(ValueError, match="row 2 has 1 cells under a head of 2"):
        Table(["a", "b"], [["1", "2"], ["3"]])
    with pytest.raises(ValueError, match="2 pictures under a head of 1"):
        Gallery([("photo", [Figure(b"", "")] * 2)], ["gray"])


def test_writing_replaces_the_whole_file_or_leaves_it(document: Document, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(ValueError, match="is no picture"):
        Document("t", [Section("s", [Figure(b"", "broken")])]).write(path)
    assert path.read_text() == "old"
    document.write(path)
    assert path.read_text(encoding="utf-8") == document.html()
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
