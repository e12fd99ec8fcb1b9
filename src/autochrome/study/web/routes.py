"""What is asked of a study's server, and what it answers.

A browser holds a random token in a cookie and nothing else. It is told the opaque id of its open trial and
the addresses of its pictures, in the order of their slots: neither versions, nor names, nor whether the trial
is a vigilance trial. A vote is acknowledged when it is safely stored, and may be sent any number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Cookie, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ValidationError

from autochrome.errors import AlreadyAnswered, BadVote, NoSuchTrial, NotCurrent, StudyFull
from autochrome.study.records import Protocol, Stage, Trial
from autochrome.study.storage.store import Study
from autochrome.study.web.media import media_address, trial_and_slot
from autochrome.study.web.pages import Pages
from autochrome.study.web.requests import ConsentBody, VoteBody, vote_of

COOKIE = "rater"
COOKIE_SECONDS = 180 * 24 * 3600

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_FEEDBACK = {
    Protocol.TWO_AFC: ("Colored by a computer", "The photo’s own colors"),
    Protocol.TURING: ("The photo’s own colors", "Colored by a computer"),
    Protocol.PREFERENCE: ("Colors for this photo", "Another photo’s colors"),
}
"""What is written on the answer and on the other picture, by protocol."""

_Token = Annotated[str | None, Cookie(alias=COOKIE)]
_Model = TypeVar("_Model", bound=BaseModel)


class Refusal(Exception):
    """A request that is not served; becomes JSON with the status."""

    def __init__(self, status: int, error: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.content = {"error": error, **more}


def add_pages(app: FastAPI, study: Study, pages: Pages) -> None:
    """Add what people look at."""

    @app.get("/")
    def start(token: _Token = None) -> Response:
        return HTMLResponse(pages.start(known=_rater(study, token) is not None))

    @app.get("/trial")
    def trial(request: Request, token: _Token = None) -> Response:
        if _rater(study, token) is None:
            return RedirectResponse("/", 303)
        return HTMLResponse(pages.trial(link=_personal_link(request, token)))

    @app.get("/done")
    def done(request: Request, token: _Token = None) -> Response:
        rater = _rater(study, token)
        if rater is None:
            return RedirectResponse("/", 303)
        if study.next_trial(rater) is not None:
            return RedirectResponse("/trial", 303)
        code = study.completion_code(rater)
        return HTMLResponse(pages.done(code=code, link=_personal_link(request, token)))


def add_entrances(app: FastAPI, study: Study, pages: Pages) -> None:
    """Add the ways in that are no part of a rater's way: personal links, a full study, the pages' files."""

    @app.get("/full")
    def full() -> Response:
        return HTMLResponse(pages.message("full"))

    @app.get("/r/{token}")
    def come_back(request: Request, token: str) -> Response:
        # A page with a button, no redirect: browsers withhold a strict cookie from a redirect that another
        # site, such as somebody's mail, has started.
        if _rater(study, token) is None:
            return HTMLResponse(pages.message("unknown"), 404)
        response = HTMLResponse(pages.message("back"))
        _set_cookie(response, request, token)
        return response

    @app.get("/static/{version}/{name}")
    def static(version: str, name: str) -> Response:
        found = pages.static(name)
        if found is None:
            raise Refusal(404, "there is no such file")
        content, kind = found
        # The version in its address changes when it does.
        return Response(
            content, media_type=kind, headers={"cache-control": "public, max-age=31536000, immutable"}
        )


def add_requests(app: FastAPI, study: Study) -> None:
    """Add what the pages' scripts ask."""

    @app.post("/api/raters")
    def enroll(
        request: Request, _body: Annotated[ConsentBody, Depends(_body_of(ConsentBody))], token: _Token = None
    ) -> Response:
        if _rater(study, token) is not None:
            return JSONResponse({"enrolled": True})
        try:
            new = study.enroll()
        except StudyFull as error:
            raise Refusal(409, str(error), full=True) from error
        response = JSONResponse({"enrolled": True}, 201)
        _set_cookie(response, request, new)
        return response

    @app.get("/api/trial")
    def next_trial(token: _Token = None) -> Response:
        trial = study.next_trial(_known_rater(study, token))
        return JSONResponse({"done": True} if trial is None else _described(study, trial))

    @app.get("/media/{address:path}")
    def picture(address: str, token: _Token = None) -> Response:
        rater = _known_rater(study, token)
        trial_id, slot = trial_and_slot(study.secret, address) or ("", 0)
        found = study.trial(rater, trial_id) if trial_id else None
        if found is None or found[1] or slot >= len(found[0].order):
            raise Refusal(
                404, "there is no such picture in your open trial; ask /api/trial for its addresses"
            )
        content = study.picture_path(found[0], slot).read_bytes()
        return Response(content, media_type="image/png", headers={"cache-control": "no-store"})

    @app.post("/api/votes")
    def vote(body: Annotated[VoteBody, Depends(_body_of(VoteBody))], token: _Token = None) -> Response:
        rater = _known_rater(study, token)
        return JSONResponse(_recorded(study, rater, body))


def _recorded(study: Study, rater: int, body: VoteBody) -> dict[str, Any]:
    """Store a vote and return what the page is told.

    Raises:
        Refusal: 404 it is not this rater's trial, 409 it was answered before or is not its turn, 422 it does
            not fit the trial.
    """
    try:
        recorded = study.record(rater, body.trial, vote_of(body, study.design))
    except NoSuchTrial as error:
        raise Refusal(404, "there is no such trial of yours; ask /api/trial for the open one") from error
    except AlreadyAnswered as error:
        raise Refusal(409, "this trial is answered already; go on to the next", recorded=True) from error
    except NotCurrent as error:
        raise Refusal(
            409, "it is not this trial's turn; ask /api/trial for the open one", recorded=False
        ) from error
    except BadVote as error:
        raise Refusal(422, str(error)) from error
    if recorded.feedback is None:
        return {"recorded": True, "feedback": None}
    answer, other = _FEEDBACK[study.design.protocol]
    feedback = {"slot": recorded.feedback, "answer": answer, "other": other}
    return {"recorded": True, "feedback": feedback}


def _described(study: Study, trial: Trial) -> dict[str, Any]:
    """Return what a browser may know of its open trial."""
    design = study.design
    slots = range(len(trial.order))
    timing = {
        "exposure_ms": design.exposure_ms,
        "pause_ms": design.pause_ms,
        "tolerance_ms": design.tolerance_ms,
    }
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
    if not token or len(token) > 64 or not token.isascii():
        return None
    return study.rater(token)


def _known_rater(study: Study, token: str | None) -> int:
    rater = _rater(study, token)
    if rater is None:
        raise Refusal(401, "this browser takes no part in the study yet; open the study's first page")
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


def _body_of(model: type[_Model]) -> Callable[[Request], Coroutine[Any, Any, _Model]]:
    """Return a dependency that reads a body: of the right types, without NaN, not nested without end."""

    async def read(request: Request) -> _Model:
        try:
            return model.model_validate_json(await request.body())
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])[:80] or "body"
            raise Refusal(422, f"{place}: {first['msg']}") from error

    return read
