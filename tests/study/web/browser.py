"""A rater in Debian's Chromium: what the browser tests drive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from autochrome.study.records import Trial
from tests.study.web.served import Server

WAIT_MS = 60_000
POLL_MS = 20
"""Between two looks at the page; to look at every frame would keep it drawing frames."""
Device = Literal["phone", "desk"]
_WINDOWS: dict[Device, dict[str, Any]] = {
    "phone": {
        "viewport": {"width": 390, "height": 740},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
    "desk": {"viewport": {"width": 1280, "height": 800}},
}


class Rater:
    """Somebody who takes part, on a phone by touch or at a desk by keyboard.

    Attributes:
        page: their browser's page.
        pressed: slots that they chose, by id of the trial.
        fetched: slots of the pictures that the page asked for, in that order.
        problems: errors of the page, and requests to anywhere but the server.
        widest: width of the widest page, in CSS pixels.
    """

    def __init__(self, browser: Browser, server: Server, device: Device, state: Any = None) -> None:
        self.server, self.device = server, device
        self.context = browser.new_context(storage_state=state, **_WINDOWS[device])
        self.context.set_default_timeout(WAIT_MS)
        self.page: Page = self.context.new_page()
        self.pressed: dict[str, tuple[int, ...]] = {}
        self.fetched: list[int] = []
        self.problems: list[str] = []
        self.widest = 0
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self._on_request)

    @property
    def number(self) -> int:
        """Their number in the study."""
        token = next(cookie for cookie in self.context.cookies() if cookie.get("name") == "rater")
        number = self.server.study.rater(token.get("value", ""))
        assert number is not None
        return number

    @property
    def state(self) -> str:
        """What the page of trials is doing."""
        return self.page.evaluate("document.body.dataset.state ?? ''")

    def open(self, path: str = "/") -> None:
        self.page.goto(f"{self.server.address}{path}")

    def begin(self) -> None:
        """Agree on the first page."""
        self.open()
        self.look("start")
        if self.device == "desk":
            self.page.keyboard.press("Enter")
        else:
            self.page.tap("#begin")
        self.page.wait_for_url("**/trial")

    def wait(self, *states: str) -> str:
        """Wait until the page is in one of the states."""
        found = self.page.wait_for_function(
            "states => states.includes(document.body.dataset.state) && document.body.dataset.state",
            arg=list(states),
            polling=POLL_MS,
        )
        return found.json_value()

    def _leave(self, state: str) -> None:
        """Wait until the page is in another state."""
        self.page.wait_for_function(
            "state => document.body.dataset.state !== state", arg=state, polling=POLL_MS
        )

    def start(self) -> None:
        """Start a timed display, where the page asks for it."""
        if self.wait("ready", "showing", "asking") == "ready":
            self.look("ready")
            self.press("Space", "#start")

    def answer(self, slots: Iterable[int]) -> str:
        """Answer the open question; returns the trial's id."""
        self.wait("asking")
        trial = self.open_trial()
        self.look("asking")
        self.pressed[trial.id] = tuple(slots)
        for slot in self.pressed[trial.id]:
            self.press(str(slot + 1), f"[data-slot='{slot}']:is(button)")
        if self.server.study.design.protocol == "questionnaire":
            self.look("marked")
            self.press("Enter", "#submit")
        return trial.id

    def open_trial(self) -> Trial:
        trial = self.server.study.next_trial(self.number)
        assert trial is not None
        return trial

    def finish(self, choose: Callable[[Trial], Iterable[int]]) -> None:
        """Judge until the last page, choosing by the trial."""
        timed = self.server.study.design.timed
        while True:
            state = self.wait("ready", "asking", "feedback", "done")
            if state == "done":
                self.look("done")
                return
            if state == "ready":
                self.start()
            elif state == "asking":
                self.answer(choose(self.open_trial()))
            else:
                self.look("feedback")
                self._leave("feedback")
            if not timed and state == "asking":
                self._leave("sending")

    def press(self, key: str, target: str) -> None:
        """Press a key at the desk, tap its target on the phone."""
        if self.device == "desk":
            self.page.keyboard.press(key)
        else:
            self.page.tap(target)

    def look(self, name: str) -> None:
        """Measure the page, and take its picture if `AUTOCHROME_SCREENSHOTS` names a folder for it."""
        self.widest = max(self.widest, self.page.evaluate("document.documentElement.scrollWidth"))
        folder = os.environ.get("AUTOCHROME_SCREENSHOTS")
        if not folder:
            return
        for theme in ("light", "dark"):
            self.page.emulate_media(color_scheme=theme)
            place = Path(folder) / f"{self.server.study.design.protocol}-{name}-{self.device}-{theme}.png"
            if not place.exists():
                self.page.screenshot(path=place, full_page=name in ("start", "done"))

    def close(self) -> None:
        self.context.close()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("blob", "data") and address.netloc != f"127.0.0.1:{self.server.port}":
            self.problems.append(f"asked for {request.url}")
        if address.path.startswith("/media/"):
            self.fetched.append(int(address.path.split(".")[1]))
