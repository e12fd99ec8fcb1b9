"""The server of a study: the application, and running it under uvicorn."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

import anyio.to_thread
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from uvicorn.supervisors import Multiprocess

from autochrome.errors import StudyBusy, StudyError
from autochrome.study.storage.store import DATABASE_VARIABLE, Study
from autochrome.study.web.admission import Admission
from autochrome.study.web.guard import Guard, with_security_headers
from autochrome.study.web.pages import Pages
from autochrome.study.web.patience import PatientProtocol
from autochrome.study.web.routes import Refusal, router

THREADS = 40
"""Requests handled at once. The database takes votes one by one; more requests would only wait there."""
CONNECTIONS = 1000
"""Open connections and running requests above which new ones get status 503; the pages then retry."""

_FOLDER_VARIABLE = "AUTOCHROME_STUDY_FOLDER"
_HOSTS_VARIABLE = "AUTOCHROME_STUDY_HOSTS"


def create_app(study: Study, *, hosts: Collection[str] | None = None) -> FastAPI:
    """Return the application of an open study; ``hosts`` are those of `Guard`."""
    app = FastAPI(title=study.design.title, openapi_url=None, lifespan=_with_threads)
    app.add_middleware(Guard, hosts=hosts)
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(StudyBusy, _busy)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _internal_error)
    app.state.study, app.state.pages = study, Pages(study.design)
    app.state.admission = Admission()
    app.include_router(router)
    return app


def serve(
    study: Study,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    *,
    names: Collection[str] = (),
    database: str | None = None,
) -> None:
    """Serve an open study until SIGINT or SIGTERM; running requests are finished.

    Args:
        study: what to serve.
        host: address to listen on; the default is reachable only from this computer.
        port: 0 takes a free one.
        workers: number of processes; if several, each opens the study itself.
        names: other names by which people reach the server, such as that of a proxy in front of it.
        database: what the study was opened with, for the worker processes.

    Raises:
        StudyError: the server cannot listen on the address.
    """
    hosts = allowed_hosts(host, names)
    listener = _listen(host, port)
    _print_address(study, host, listener.getsockname()[1], names)
    if workers == 1:
        with graceful_shutdown():
            uvicorn.Server(_config(create_app(study, hosts=hosts))).run(sockets=[listener])
        return
    os.environ[_FOLDER_VARIABLE] = str(study.folder)
    if database is not None:
        os.environ[DATABASE_VARIABLE] = database
    os.environ[_HOSTS_VARIABLE] = "" if hosts is None else ",".join(sorted(hosts))
    config = _config(f"{__name__}:_worker_app", workers=workers)
    with graceful_shutdown():
        Multiprocess(config, sockets=[listener]).run()


def allowed_hosts(host: str, names: Collection[str] = ()) -> frozenset[str] | None:
    """Return the names by which a server on this host may be addressed; None for any.

    On loopback these are this computer's names and ``names``; otherwise any, unless ``names`` are given.
    """
    if is_loopback(host):
        return frozenset({"localhost", "127.0.0.1", "::1", host.lower(), *names})
    return frozenset({host.lower(), *names}) if names else None


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached only from this computer."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _worker_app() -> FastAPI:
    """Return the application for a worker process, which uvicorn starts with our environment."""
    hosts = os.environ[_HOSTS_VARIABLE]
    study = Study.open(Path(os.environ[_FOLDER_VARIABLE]))
    return create_app(study, hosts=frozenset(hosts.split(",")) if hosts else None)


def _config(app: FastAPI | str, workers: int = 1) -> uvicorn.Config:
    """Return uvicorn's settings: no log of addresses, short timeouts, small headers."""
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        factory=isinstance(app, str),
        workers=workers,
        log_level="warning",
        access_log=False,  # it would have addresses and personal links
        server_header=False,
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=16_384,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=10,
        ws="none",
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StudyError(
            f"cannot listen on {host}, port {port} ({reason}); choose another with --host and --port"
        ) from error
    # Connections inherit it; asyncio sets it only on sockets that it created. Without it the second part of
    # every short answer waits 40 ms for the browser to acknowledge the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _print_address(study: Study, host: str, port: int, names: Collection[str]) -> None:
    shown = f"[{host}]" if ":" in host else host
    print(f"{study.design.title}: http://{shown}:{port}/ (stop with Ctrl+C)", flush=True)
    if not is_loopback(host):
        print("Everyone who can reach this computer over the network can take part.", file=sys.stderr)
    elif names:
        print(f"Also as {', '.join(names)}, if a proxy forwards requests to it.", flush=True)


@contextmanager
def graceful_shutdown() -> Iterator[None]:
    """Treat SIGTERM like Ctrl+C, and neither as an error: uvicorn stops, then raises the signal again."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@asynccontextmanager
async def _with_threads(_app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse(error.content, error.status)


async def _busy(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503, {"retry-after": "1"})


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer an unknown path or method: with a page for people, with JSON for programs."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(request.app.state.pages.message("missing"), 404)
    detail = {404: "there is nothing here; start at /", 405: "this address does not support that method"}
    content = {"error": detail.get(error.status_code, str(error.detail))}
    return JSONResponse(content, error.status_code, error.headers)


async def _internal_error(_request: Request, _error: Exception) -> Response:
    """Answer an unexpected error. This handler runs outside `Guard`, so it adds the headers itself."""
    response = JSONResponse({"error": "the server failed; no answer is lost, try again"}, 500)
    response.raw_headers = with_security_headers(response.raw_headers)
    return response
