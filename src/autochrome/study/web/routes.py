"""The addresses of a study's server.

A browser holds only a random token, in a cookie. It gets the opaque id of its open trial and the addresses of
the trial's pictures in the order of their slots, but no versions or names, nor whether it is a vigilance
trial. A vote is acknowledged once it is stored, and may be sent any number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Cookie, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ValidationError

from autochrome.errors import AlreadyAnswered, BadVote, NoSuchTrial, NotCurrent, StudyFull
from autochrome.study.records import Protocol, Stage, Trial
from autochrome.study.storage.store import Study
from autochrome.study.web.media import media_address, trial_and_slot
from autochrome.study.web.pages import Pages
from autochrome.study.web.requests import ConsentBody, SeatBody, VoteBody

COOKIE = "rater"
COOKIE_SECONDS = 180 * 24 * 3600

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_FEEDBACK = {
    Protocol.TWO_AFC: ("Colored by a computer", "The photo’s own colors"),
    Protocol.TURING: ("The photo’s own colors", "Colored by a computer"),
    Protocol.PREFERENCE: ("Colors for this photo", "Another photo’s colors"),
}
"""What is written on the answer and on the other picture, by protocol."""

_Body = TypeVar("_Body", bound=BaseModel)

router = APIRouter()
"""Its application has the study and its pages in ``state``."""


class Refusal(Exception):
    """A request that is refused; becomes JSON with the status."""

    def __init__(self, status: int, error: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.content = {"error": error, **more}


# What the handlers depend on. The first two are coroutines, to be called without a thread.


async def _study(request: Request) -> Study:
    return request.app.state.study


async def _pages(request: Request) -> Pages:
    return request.app.state.pages


def _body_of(model: type[_Body]) -> Callable[[Request], Coroutine[Any, Any, _Body]]:
    """Return a dependency that reads a body of the right types."""

    async def read(request: Request) -> _Body:
        try:
            return model.model_validate_json(await request.body())
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])[:80] or "body"
            raise Refusal(422, f"{place}: {first['msg']}") from error

    return read


_Study = Annotated[Study, Depends(_study)]
_Pages = Annotated[Pages, Depends(_pages)]
_Token = Annotated[str | None, Cookie(alias=COOKIE)]
_Consent = Annotated[ConsentBody, Depends(_body_of(ConsentBody))]
_Seat = Annotated[SeatBody, Depends(_body_of(SeatBody))]
_Vote = Annotated[VoteBody, Depends(_body_of(VoteBody))]


# Pages.


@router.get("/")
def start(study: _Study, pages: _Pages, token: _Token = None) -> Response:
    """Return the first page: consent and instructions."""
    return HTMLResponse(pages.render("start", known=_rater(study, token) is not None))


@router.get("/trial")
def trial_page(request: Request, study: _Study, pages: _Pages, token: _Token = None) -> Response:
    """Return the page on which pictures are judged."""
    if _rater(study, token) is None:
        return RedirectResponse("/", 303)
    return HTMLResponse(pages.render("trial", link=_personal_link(request, token)))


@router.get("/done")
def done(request: Request, study: _Study, pages: _Pages, token: _Token = None) -> Response:
    """Return the last page, with the completion code."""
    rater = _rater(study, token)
    if rater is None:
        return RedirectResponse("/", 303)
    if study.next_trial(rater) is not None:
        return RedirectResponse("/trial", 303)
    code = study.completion_code(rater)
    return HTMLResponse(pages.render("done", code=code, link=_personal_link(request, token)))


@router.get("/full")
def full(pages: _Pages) -> Response:
    """Return the page that says that no more raters are needed."""
    return HTMLResponse(pages.message("full"))


@router.get("/r/{token}")
def come_back(token: str, study: _Study, pages: _Pages) -> Response:
    """Return the page of a personal link, whose button asks for the rater's place.

    Opening the page alone gives nothing: messengers open links to show a preview.
    """
    known = _rater(study, token) is not None
    return HTMLResponse(pages.render("back")) if known else HTMLResponse(pages.message("unknown"), 404)


@router.get("/static/{version}/{name}")
def static(version: str, name: str, pages: _Pages) -> Response:
    """Return a script or style of the pages; its address has the version, so it may be cached for good."""
    file = pages.static(name)
    if file is None:
        raise Refusal(404, "there is no such file")
    content, kind = file
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=kind, headers=headers)


# Requests of the pages' scripts.


@router.post("/api/raters")
def enroll(request: Request, study: _Study, _body: _Consent, token: _Token = None) -> Response:
    """Enroll a rater, who consents, and give the browser their token."""
    if _rater(study, token) is not None:
        return JSONResponse({"enrolled": True})
    if not request.app.state.admission.admit(request.client.host if request.client else None):
        raise Refusal(403, "many people have begun from your network within an hour; try again later")
    try:
        new = study.enroll()
    except StudyFull as error:
        raise Refusal(409, str(error), full=True) from error
    response = JSONResponse({"enrolled": True}, 201)
    _set_cookie(response, request, new)
    return response


@router.post("/api/seat")
def take_seat(request: Request, study: _Study, body: _Seat) -> Response:
    """Give a browser the place of the rater whose personal link it has opened."""
    if _rater(study, body.token) is None:
        raise Refusal(404, "nobody takes part under this personal link; check that all of it was copied")
    response = JSONResponse({"seated": True})
    _set_cookie(response, request, body.token)
    return response


@router.get("/api/trial")
def next_trial(study: _Study, token: _Token = None) -> Response:
    """Return the rater's open trial."""
    trial = study.next_trial(_known_rater(study, token))
    return JSONResponse({"done": True} if trial is None else _described(study, trial))


@router.get("/media/{address:path}")
def picture(address: str, study: _Study, token: _Token = None) -> Response:
    """Return a picture of the rater's open trial."""
    rater = _known_rater(study, token)
    trial_id, slot = trial_and_slot(study.secret, address) or ("", 0)
    trial = study.open_trial(rater, trial_id) if trial_id else None
    if trial is None or slot >= len(trial.order):
        raise Refusal(404, "there is no such picture in your open trial; ask /api/trial for its addresses")
    content = study.picture_path(trial, slot).read_bytes()
    return Response(content, media_type="image/png", headers={"cache-control": "no-store"})


@router.post("/api/votes")
def vote(study: _Study, body: _Vote, token: _Token = None) -> Response:
    """Store a vote, and return the feedback of a practice trial."""
    rater = _known_rater(study, token)
    try:
        right = study.record(rater, body.trial, body.vote(study.design))
    except NoSuchTrial as error:
        raise Refusal(404, "you have no such trial; ask /api/trial for the open one") from error
    except AlreadyAnswered as error:
        raise Refusal(409, "this trial is already answered; continue with the next", recorded=True) from error
    except NotCurrent as error:
        raise Refusal(409, "this is not the current trial; ask /api/trial for it", recorded=False) from error
    except BadVote as error:
        raise Refusal(422, str(error)) from error
    feedback = None
    if right is not None:
        answer, other = _FEEDBACK[study.design.protocol]
        feedback = {"slot": right, "answer": answer, "other": other}
    return JSONResponse({"recorded": True, "feedback": feedback})


def _described(study: Study, trial: Trial) -> dict[str, Any]:
    """Return what a browser may know about its open trial."""
    design = study.design
    slots = range(len(trial.order))
    timing = design.model_dump(include={"exposure_ms", "pause_ms", "tolerance_ms"})
    return {
        "trial": trial.id,
        "number": trial.number,
        "total": trial.total,
        "practice": design.practice,
        "stage": "practice" if trial.unit.stage is Stage.PRACTICE else "test",
        "protocol": design.protocol.value,
        "question": design.question,
        "pictures": [f"/media/{media_address(study.secret, trial.id, slot)}" for slot in slots],
        "alt": [f"{_ORDINALS[slot]} picture" for slot in slots],
        "size": design.size,
        "feedback_ms": design.feedback_ms,
        "timing": timing if design.timed else None,
    }


def _rater(study: Study, token: str | None) -> int | None:
    return study.rater(token) if token and len(token) <= 64 and token.isascii() else None


def _known_rater(study: Study, token: str | None) -> int:
    rater = _rater(study, token)
    if rater is None:
        raise Refusal(401, "this browser is not taking part in the study; open the study's first page")
    return rater


def _personal_link(request: Request, token: str | None) -> str:
    return f"{request.base_url}r/{token}"


def _set_cookie(response: Response, request: Request, token: str) -> None:
    response.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_SECONDS,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
