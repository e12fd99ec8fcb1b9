"""Weights from servers: over https alone, also where a server redirects, within a size and a time.

Downloads are kept under ``AUTOCHROME_CACHE`` (default ``~/.cache/autochrome``); ``HF_HUB_OFFLINE=1`` forbids
the network.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from autochrome.errors import WeightsError
from autochrome.io.whole_file import written_whole

MOST_BYTES = 4 << 30
MOST_SECONDS = 3600.0
"""For a file, from the first request to the last byte."""

_TIMEOUT = 30  # seconds without an answer
_CHUNK = 1 << 20
_LOCAL = ("localhost", "127.0.0.1", "::1")
_HUB_SOURCE = re.compile(r"hf:(?P<repo>[^/@]+/[^/@]+)/(?P<file>[^@]+?)(?:@(?P<revision>.+))?")
_HUB_HELP = "write hf:owner/repo/file.safetensors or hf:owner/repo/file.safetensors@revision"


def cache_dir() -> Path:
    """Return the folder of downloads: ``AUTOCHROME_CACHE`` or ``~/.cache/autochrome``."""
    return Path(os.environ.get("AUTOCHROME_CACHE") or "~/.cache/autochrome").expanduser()


# Any server ---------------------------------------------------------------------------------------


def from_url(
    url: str, sha256: str | None, check: Callable[[Path], object], *, local_http: bool = False
) -> Path:
    """Return the file behind a URL, downloaded now or earlier.

    Args:
        url: without a fragment.
        sha256: the digest demanded; asking for another one fetches again.
        check: raises for a file that must not be kept.
        local_http: take http from this computer too, as tests do.

    Raises:
        WeightsError: it is not https, cannot be reached, is too large, or takes too long.
    """
    _require_https(url, local_http)
    last = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2]
    file_name = re.sub(r"[^A-Za-z0-9._-]", "_", last)[-80:] or "weights.safetensors"
    key = hashlib.sha256(f"{url}#{sha256 or ''}".encode()).hexdigest()[:16]
    target = cache_dir() / "urls" / f"{key}-{file_name}"
    if not target.is_file():
        if _offline():
            raise WeightsError(_unreachable(url, "offline"))
        _within_time(url, lambda: _download(url, target, check, local_http))
    return target


def _require_https(url: str, local_http: bool, *, after: str = "") -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        local = parts.hostname in _LOCAL
    except ValueError as error:
        raise WeightsError(f"{url[:100]} is not an address ({error}); write https://...") from error
    if parts.scheme != "https" and not (local_http and local and parts.scheme == "http"):
        whence = f"{after} leads to {url[:100]}, but" if after else f"{url[:100]}:"
        raise WeightsError(f"{whence} weights are fetched over https alone; give an https:// address")


class _HttpsAlone(urllib.request.HTTPRedirectHandler):
    """Follow no redirect to anything but https."""

    def __init__(self, local_http: bool) -> None:
        self.local_http = local_http

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Return the next request."""
        _require_https(newurl, self.local_http, after=req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str, target: Path, check: Callable[[Path], object], local_http: bool) -> None:
    """Fetch into the cache; what is not to be kept never gets its name there."""
    until = time.monotonic() + MOST_SECONDS
    target.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(target) as temporary:
        with temporary.open("wb") as file, _answer(url, local_http) as answer:
            length = answer.headers.get("Content-Length", "")
            expected = int(length) if re.fullmatch("[0-9]{1,15}", length) else None
            _check_size(url, expected or 0)
            while chunk := _next_chunk(answer, url):
                file.write(chunk)
                _check_size(url, file.tell())
                if time.monotonic() > until:  # whoever waited for it has gone
                    raise WeightsError(_too_slow(url))
            received = file.tell()
        if expected is not None and received != expected:
            raise WeightsError(f"{url}: only {received} of {expected} bytes came; try again")
        check(temporary)


def _answer(url: str, local_http: bool) -> HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "autochrome"})
    opener = urllib.request.build_opener(_HttpsAlone(local_http))
    try:
        return opener.open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        raise WeightsError(
            f"{url}: the server answered {error.code} {error.reason}; check the address"
        ) from error
    except WeightsError:
        raise
    except (OSError, HTTPException, ValueError) as error:
        raise WeightsError(_unreachable(url, getattr(error, "reason", error))) from error


def _next_chunk(answer: HTTPResponse, url: str) -> bytes:
    try:
        return answer.read1(_CHUNK)  # what has come so far, so that the time is looked at
    except (OSError, HTTPException, ValueError) as error:
        raise WeightsError(_unreachable(url, error)) from error


# The Hugging Face hub -----------------------------------------------------------------------------


def from_hub(source: str, *, local_http: bool = False) -> Path:
    """Return a file on the Hugging Face hub, downloaded now or earlier; otherwise as `from_url`."""
    parts = _HUB_SOURCE.fullmatch(source)
    if not parts:
        raise WeightsError(f"{source[:100]!r} names no file: {_HUB_HELP}")
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    _require_https(endpoint, local_http, after="HF_ENDPOINT")

    def fetch() -> Path:
        with _hub_errors_named(source, parts):
            return _from_hub(parts, endpoint, source, local_http)

    return fetch() if _offline() else _within_time(source, fetch)


def _from_hub(parts: re.Match[str], endpoint: str, source: str, local_http: bool) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    with _hub_over_https(local_http):
        if not _offline():
            url = hf_hub_url(parts["repo"], parts["file"], revision=parts["revision"], endpoint=endpoint)
            _check_size(
                source, get_hf_file_metadata(url, endpoint=endpoint, library_name="autochrome").size or 0
            )
        return Path(
            hf_hub_download(
                parts["repo"],
                parts["file"],
                revision=parts["revision"],
                cache_dir=cache_dir() / "hub",
                endpoint=endpoint,
                local_files_only=_offline(),
                library_name="autochrome",
            )
        )


@contextmanager
def _hub_over_https(local_http: bool) -> Iterator[None]:
    """Let the hub's client send no request over http, to which an answer may have redirected it."""
    from huggingface_hub import get_session

    client = get_session()
    hooks = client.event_hooks

    def check(request: Any) -> None:
        _require_https(str(request.url), local_http, after="the hub")

    client.event_hooks = {**hooks, "request": [*hooks["request"], check]}
    try:
        yield
    finally:
        client.event_hooks = hooks


@contextmanager
def _hub_errors_named(source: str, parts: re.Match[str]) -> Iterator[None]:
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except LocalEntryNotFoundError as error:
        raise WeightsError(_unreachable(source, error.__cause__ or error)) from error
    except RevisionNotFoundError as error:
        raise WeightsError(f"{source}: the repository has no revision {parts['revision']!r}") from error
    except RepositoryNotFoundError as error:
        raise WeightsError(
            f"{source}: the hub has no repository {parts['repo']}, or it is private (set HF_TOKEN for those)"
        ) from error
    except EntryNotFoundError as error:
        raise WeightsError(f"{source}: the repository has no file {parts['file']}") from error
    except HFValidationError as error:
        raise WeightsError(f"{source!r} is not valid ({error}); {_HUB_HELP}") from error
    except (HfHubHTTPError, OSError) as error:
        raise WeightsError(_unreachable(source, error)) from error


# Limits -------------------------------------------------------------------------------------------


def _within_time(source: str, fetch: Callable[[], Any]) -> Any:
    """Return what a function fetches, or give up: a server may send a byte now and then, for ever."""
    result: Future[Any] = Future()

    def work() -> None:
        try:
            result.set_result(fetch())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=work, name="weights", daemon=True).start()
    try:
        return result.result(MOST_SECONDS)
    except TimeoutError as error:
        raise WeightsError(_too_slow(source)) from error


def _check_size(source: str, size: int) -> None:
    if size > MOST_BYTES:
        raise WeightsError(
            f"{source} is larger than {MOST_BYTES / 1e9:.3g} GB; download it and give the file"
        )


def _too_slow(source: str) -> str:
    return f"{source} took longer than {MOST_SECONDS:g} s; download it and give the file"


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _unreachable(source: str, reason: object) -> str:
    if _offline():
        return (
            f"{source} was never downloaded here and HF_HUB_OFFLINE forbids the network; "
            "unset it, or give a file with --weights"
        )
    return f"{source} could not be fetched ({reason}); check the connection, or download it and give the file"
