"""The page in headless Chromium: it fits, its theme can be chosen, its pictures enlarge by keyboard."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Browser, Page

from autochrome.report.html import Document, Figure, Gallery, Note, Section, Table, Text, charts


def picture(gray: int) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(np.full((80, 120, 3), gray, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A document with much of everything."""
    wide = Table(
        [f"column {n}" for n in range(14)], [[f"row {r}"] + ["12.34 [1.2, 3.4]"] * 13 for r in range(3)]
    )
    chart = charts.lines({"a": (np.arange(9.0), np.arange(9.0))}, xlabel="x", ylabel="y")
    row = [Figure(picture(40 * n), f"picture {n}") for n in range(6)]
    sheet = Gallery([("a_name_without_any_space_" * 3, row), ("b", row)], [f"system {n}" for n in range(6)])
    long = "word" * 60
    sections = [
        Section("Tables", [wide, Text(long), Note(f"`{long}`")]),
        Section("Charts", [Figure(chart, "a chart", "A caption"), Figure(chart, "another")]),
        Section("Pictures", [sheet, Text("end\n\n" * 40)]),
    ]
    path = tmp_path_factory.mktemp("document") / "document.html"
    Document("A title that is rather long, with averyveryverylongword in it", sections, long).write(path)
    return path.as_uri()


def visit(
    browser: Browser, address: str, width: int, theme: Literal["light", "dark"] = "light"
) -> tuple[Page, list[str]]:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    return page, problems


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(browser: Browser, address: str, width: int) -> None:
    page, problems = visit(browser, address, width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # The wide table does, within its own box, and its first column stays.
    table = page.locator(".table .scroll").first
    assert table.evaluate("box => box.scrollWidth > box.clientWidth")
    left = page.locator("tbody th").first.bounding_box()
    table.evaluate("box => box.scrollLeft = 200")
    assert page.locator("tbody th").first.bounding_box() == left
    assert not problems
    page.context.close()


def test_the_theme_follows_the_system_until_it_is_chosen_and_is_remembered(
    browser: Browser, address: str
) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    page, _ = visit(browser, address, 1280, "dark")
    dark = page.evaluate(background)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(background)
    assert dark != light
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(background) == dark
    page.reload()
    assert page.evaluate(background) == dark
    page.emulate_media(media="print")
    assert page.evaluate(background) == light
    page.context.close()


def test_pictures_enlarge_by_keyboard(browser: Browser, address: str) -> None:
    page, problems = visit(browser, address, 1280)
    page.locator(".enlarge").nth(1).focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    assert dialog.locator("img").get_attribute("alt") == "picture 1"
    page.wait_for_function("document.querySelector('dialog img').getBoundingClientRect().width > 400")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert dialog.locator("img").get_attribute("alt") == "picture 3"
    assert "system 3" in dialog.locator(".title").inner_text()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    page.wait_for_function("document.activeElement.getAttribute('aria-label') === 'Enlarge: picture 3'")
    assert not problems
    page.context.close()


def test_the_navigation_says_where_the_reader_is(browser: Browser, address: str) -> None:
    page, _ = visit(browser, address, 390)
    for name in ("Charts", "Pictures"):
        page.get_by_role("link", name=name, exact=True).click()
        page.locator(f".contents a[aria-current]:text-is('{name}')").wait_for()
    page.context.close()
