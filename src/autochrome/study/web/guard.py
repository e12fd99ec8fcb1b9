"""Checks before every request (host, origin, content type, size), and the headers of every response.

The pages load nothing from other sites and are not for use by other sites, so the headers forbid both.
Starlette's TrustedHostMiddleware is not used: it refuses IPv6 addresses and upper case, and answers in text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES = 4096
"""The longest body accepted; a vote takes about 200 bytes."""
BODY_SECONDS = 10.0
"""How long a body may take to arrive."""

SECURITY_HEADERS = (
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("x-robots-tag", "noindex"),
)
"""On every response, in this order. Pictures reach the page as blobs, to be decoded before they are due."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class _Refused(Exception):
    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


class Guard:
    """Middleware that refuses requests before any other part of the application sees them.

    Args:
        app: the application to guard.
        hosts: names by which the server may be addressed, without ports; None allows any. On loopback they
            must be known: otherwise any web page could let its own name resolve to 127.0.0.1 and read the
            study (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None = None) -> None:
        self.app = app
        self.hosts = None if hosts is None else frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_security_headers(message.get("headers", ()))
            await send(message)

        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            if scope["method"] not in _SAFE_METHODS:
                _check_origin(headers)
                _check_content_type(headers)
                receive = _again(await _read(headers, receive), receive)
        except _Refused as refusal:
            response = JSONResponse({"error": str(refusal)}, refusal.status)
            await response(scope, receive, send_with_headers)
            return
        await self.app(scope, receive, send_with_headers)

    def _check_host(self, headers: Headers) -> None:
        if self.hosts is not None and _host_name(headers.get("host", "")) not in self.hosts:
            names = ", ".join(sorted(self.hosts))
            raise _Refused(400, f"this server can be addressed only as {names}")


def with_security_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return a response's headers followed by ours; without its own cache-control it is not cached."""
    own = list(headers)
    if not any(name.lower() == b"cache-control" for name, _ in own):
        own.append((b"cache-control", b"no-store"))
    return own + [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS]


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _check_origin(headers: Headers) -> None:
    """Refuse requests from pages of other sites.

    `Sec-Fetch-Site` is set by the browser itself and decides if it is present. Over plain HTTP to another
    machine browsers omit it; then `Origin` must be the requested host. Programs send neither.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        same = site == "same-origin"
    else:
        same = origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()
    if not same:
        raise _Refused(403, "requests from other sites are refused; answer on the study's own pages")


def _check_content_type(headers: Headers) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _Refused(415, "send the body as application/json")


async def _read(headers: Headers, receive: Receive) -> bytes:
    """Return the whole body, counted as it arrives: its announced length may be missing or wrong."""
    too_long = _Refused(413, f"the body is longer than {BODY_BYTES} bytes; a vote is much shorter")
    announced = headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:20]) > BODY_BYTES:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise _Refused(400, "the body is incomplete; send it again")
                body += message.get("body", b"")
                if len(body) > BODY_BYTES:
                    raise too_long
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise _Refused(408, f"the body took longer than {BODY_SECONDS:g} s; send it again") from None


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that replays the body that was read, then passes on what follows."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
