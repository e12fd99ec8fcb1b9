"""The report of a run: its order, its bounds, and what it looks like in Chromium."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from autochrome.io.photo import Photo, write_photo
from autochrome.report.batch import BatchReport, Colored

FACTS = {"colored": "2", "failed": "1", "time": "12 s"}


def put(path: Path, level: int = 90, shape: tuple[int, int] = (60, 90)) -> Path:
    write_photo(Photo(np.full((*shape, 3), level, np.uint8)), path)
    return path


def colored(folder: Path, name: str, uncertainty: float | None) -> Colored:
    return Colored(put(folder / name), put(folder / f"{name}.png", 150), uncertainty=uncertainty)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(style|script).*?</\1>", "", html)).split())


def test_failures_first_then_the_least_certain(tmp_path: Path) -> None:
    report = BatchReport({"model": "cic.compact"})
    for name, uncertainty in (("certain.png", 0.1), ("unsure.png", 0.9), ("middling.png", 0.5)):
        report.add(colored(tmp_path, name, uncertainty))
    report.failures.append(("album/broken.jpg", "PhotoError", "is empty. Fetch it again"))
    report.note("album/a.jpg", "a color photo")
    report.note("album/b.jpg", "a color photo")
    html = report.document(FACTS).html()
    text = text_of(html)
    order = [
        "broken.jpg is empty. Fetch it again (PhotoError)",
        "unsure.png",
        "uncertainty 90%",
        "middling.png",
    ]
    order += ["certain.png", "uncertainty 10%", "a color photo", "album/a.jpg", "album/b.jpg", "cic.compact"]
    places = [text.index(each) for each in order]
    assert places == sorted(places), text
    assert html.count("data:image/webp") == 6
    assert "http://" not in html


def test_few_photos_are_shown_and_the_first_of_equal_ones(tmp_path: Path) -> None:
    report = BatchReport(shown=2)
    for number in range(5):
        report.add(colored(tmp_path, f"{number}.png", None))
    text = text_of(report.document(FACTS).html())
    assert [name for name in ("0.png", "1.png", "2.png", "4.png") if name in text] == ["0.png", "1.png"]
    assert "The first 2 of 5 photos are shown." in text


def test_what_is_gone_is_named_without_its_pictures(tmp_path: Path) -> None:
    report = BatchReport()
    gone = colored(tmp_path, "gone.png", 0.5)
    report.add(gone)
    gone.source.unlink()
    html = report.document(FACTS).html()
    assert "gone.png" in html
    assert "data:image/webp" not in html


def test_names_of_any_bytes(tmp_path: Path) -> None:
    report = BatchReport()
    report.failures.append((os.fsdecode(b"caf\xe9 <b>.jpg"), "PhotoError", "is empty"))
    report.document(FACTS).write(tmp_path / "report.html")
    assert "caf\N{REPLACEMENT CHARACTER} &lt;b&gt;.jpg" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits(browser, tmp_path: Path, width: int) -> None:
    report = BatchReport({"model": "cic.compact", "look": "vivid"})
    for number, shape in enumerate(((60, 90), (600, 100), (100, 700))):
        name = f"a-folder/with_a_long_name_{'x' * 60}_{number}.png"
        (tmp_path / "a-folder").mkdir(exist_ok=True)
        photo = Colored(
            put(tmp_path / name, 90, shape), put(tmp_path / f"{number}.png", 150, shape), uncertainty=0.5
        )
        report.add(photo)
        report.failures.append((name, "PhotoError", "is cut short after 40% of its lines. Fetch it again"))
        report.note(name, "the model is unsure of most of its colors")
    report.document(FACTS).write(tmp_path / "report.html")
    page = browser.new_page(viewport={"width": width, "height": 900})
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto((tmp_path / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator(".gallery img").count() == 6
    assert page.locator("h2").first.inner_text().startswith("Failures")
    page.close()
    assert problems == []
