"""Weights from servers and the hub: kept, bounded in size and time, and over https alone."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import pytest

from autochrome.errors import WeightsError
from autochrome.models import downloads
from autochrome.models.registry import create_model
from autochrome.models.weights import WeightsFile, resolve_weights, save_weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCHROME_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_weights(create_model("cic.test"), path)
    return path


def fetch(source: str) -> WeightsFile:
    return resolve_weights(source, local_http=True)


def kept(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@dataclass
class Server:
    """A local server that answers as the hub does, or as any server."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    claim: int = 0
    """Bytes announced beyond those that are sent."""
    length: str | None = None
    """What is announced instead of a length; "chunked" is none."""
    slow: str = ""
    """What is sent byte by byte until `stop`: the "head" or the "body"."""
    only_gets: str = ""
    """The path of which only GET is redirected."""
    raw: bytes | None = None
    """What is sent instead of any answer."""
    stop: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    here: Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        here = self.here
        here.requests.append((self.command, self.path))
        self.close_connection = True
        try:
            if here.raw is not None:
                self.wfile.write(here.raw)
            elif here.slow == "head":
                self._dawdle(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000)
            elif self.path in here.redirects and (self.command, self.path) != ("HEAD", here.only_gets):
                self.send_response(302)
                self.send_header("Location", here.redirects[self.path])
                self.end_headers()
            else:
                self._send(here.files.get(self.path))
        except (BrokenPipeError, ConnectionResetError):
            pass

    do_HEAD = do_GET

    def _send(self, content: bytes | None) -> None:
        here, body = self.here, content or b""
        self.send_response(200 if content is not None else 404)
        if content is None:
            known = any(path.startswith("/".join(self.path.split("/")[:3]) + "/") for path in here.files)
            self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
        if here.length != "chunked":
            self.send_header("Content-Length", here.length or str(len(body) + here.claim))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self._dawdle(body) if here.slow else self.wfile.write(body)

    def _dawdle(self, content: bytes) -> None:
        for byte in content:
            self.wfile.write(bytes([byte]))
            if self.here.stop.wait(0.02):
                break


@pytest.fixture
def server() -> Iterator[Server]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.here = here = Server(f"http://127.0.0.1:{httpd.server_port}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield here
    here.stop.set()
    httpd.shutdown()
    httpd.server_close()


# A server ----------------------------------------------------------------------------------------


def test_download_is_kept(server: Server, file: Path, tmp_path: Path) -> None:
    server.files["/m.safetensors"] = file.read_bytes()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    found = fetch(f"{server.url}/m.safetensors#sha256={digest}")
    assert found.path.read_bytes() == file.read_bytes()
    assert tmp_path / "cache" in found.path.parents
    assert fetch(f"{server.url}/m.safetensors#sha256={digest}") == found
    assert server.requests == [("GET", "/m.safetensors")]


@pytest.mark.parametrize(
    ("content", "claim", "fragment", "told"),
    [
        (b"<html>404</html>", 0, "", "web page"),
        (b"x" * 50, 10, "", r"only 50 of 60 bytes|could not be fetched"),
        (None, 0, "", "404"),
        (b"good", 0, "#sha256=" + "11" * 32, "SHA-256"),
    ],
)
def test_bad_download_leaves_nothing(
    server: Server,
    file: Path,
    tmp_path: Path,
    content: bytes | None,
    claim: int,
    fragment: str,
    told: str,
) -> None:
    if content is not None:
        server.files["/m.safetensors"] = file.read_bytes() if content == b"good" else content
    server.claim = claim
    with pytest.raises(WeightsError, match=told):
        fetch(f"{server.url}/m.safetensors{fragment}")
    assert not kept(tmp_path)


def test_no_server_and_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="could not be fetched"):
        fetch("http://127.0.0.1:9/m.safetensors")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE forbids the network"):
        resolve_weights("https://example.org/m.safetensors")


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/m.safetensors",
        "http://127.0.0.1:9/m.safetensors",
        "http://localhost/m.safetensors",
        "ftp://example.org/m.safetensors",
        "file:///etc/passwd",
        "https:/example.org/m.safetensors",
        "https://[/m.safetensors",
        "https://127.0.0.1:port/m.safetensors",
        "https://" + "a" * 80 + ".example/m.safetensors",
    ],
)
def test_what_is_no_address_over_https(address: str) -> None:
    with pytest.raises(WeightsError, match=r"https alone|not an address|could not be fetched"):
        resolve_weights(address)


@pytest.mark.parametrize(
    "target",
    [
        "http://example.org/m.safetensors",
        "ftp://example.org/m",
        "file:///etc/passwd",
        "http://10.0.0.1/",
        "//[/x",
    ],
)
def test_no_redirect_leads_away_from_https(server: Server, target: str) -> None:
    server.redirects["/m.safetensors"] = target
    with pytest.raises(WeightsError):
        fetch(f"{server.url}/m.safetensors")
    assert server.requests == [("GET", "/m.safetensors")]


def test_a_redirect_over_https_is_followed(server: Server, file: Path) -> None:
    """Where http from this computer is taken, it stands for https."""
    server.files["/there.safetensors"] = file.read_bytes()
    server.redirects["/m.safetensors"] = "/there.safetensors"
    assert fetch(f"{server.url}/m.safetensors").path.read_bytes() == file.read_bytes()
    server.redirects["/loop"] = "/loop"
    with pytest.raises(WeightsError):
        fetch(f"{server.url}/loop")


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_that_is_too_large(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    monkeypatch.setattr(downloads, "MOST_BYTES", 100_000)
    server.files["/m.safetensors"] = bytes(3_000_000)
    server.length = None if announced else "chunked"
    with pytest.raises(WeightsError, match=r"larger than 0\.0001 GB"):
        fetch(f"{server.url}/m.safetensors")
    assert not kept(tmp_path)


@pytest.mark.parametrize("slow", ["head", "body"])
def test_a_server_that_dawdles(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """It sends a byte now and then, so that no single wait is long."""
    monkeypatch.setattr(downloads, "MOST_SECONDS", 0.3)
    server.files["/m.safetensors"] = bytes(1000)
    server.slow = slow
    begun = monotonic()
    with pytest.raises(WeightsError, match=r"longer than 0\.3 s"):
        fetch(f"{server.url}/m.safetensors")
    assert monotonic() - begun < 5
    server.stop.set()
    for thread in threading.enumerate():
        if thread.name == "weights":
            thread.join(10)
    assert not kept(tmp_path)


@pytest.mark.parametrize("length", ["many", "-5", "9" * 400, "\xb2"])
def test_an_announced_length_that_is_none(server: Server, file: Path, length: str) -> None:
    server.files["/m.safetensors"] = file.read_bytes()
    server.length = length
    assert fetch(f"{server.url}/m.safetensors").path.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    "answer", [b"rubbish\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"]
)
def test_answers_that_are_no_http(server: Server, answer: bytes) -> None:
    server.raw = answer
    with pytest.raises(WeightsError, match="could not be fetched"):
        fetch(f"{server.url}/m.safetensors")


@pytest.mark.parametrize("name", ["..%2f..%2f..%2fevil", "%00", "a" * 3000, "%2e%2e", ""])
def test_a_file_stays_in_the_cache_whatever_its_name(
    server: Server, file: Path, tmp_path: Path, name: str
) -> None:
    server.files[f"/{name}"] = file.read_bytes()
    path = fetch(f"{server.url}/{name}").path
    assert path.parent == tmp_path / "cache" / "urls"
    assert len(path.name) < 128


# The hub -----------------------------------------------------------------------------------------


@pytest.fixture
def hub(server: Server, file: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
    for revision in ("main", "v2"):
        server.files[f"/owner/repo/resolve/{revision}/sub/m.safetensors"] = file.read_bytes()
    return server


@pytest.mark.parametrize(("suffix", "revision"), [("", "main"), ("@v2", "v2")])
def test_hub_file_is_fetched_and_found_again_offline(
    hub: Server, file: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, revision: str
) -> None:
    source = f"hf:owner/repo/sub/m.safetensors{suffix}"
    found = fetch(source)
    assert found.path.read_bytes() == file.read_bytes()
    # The client library may ask for something of its own too (/api/...).
    asked_for = {path for _, path in hub.requests if path.startswith("/owner")}
    assert asked_for == {f"/owner/repo/resolve/{revision}/sub/m.safetensors"}
    asked = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch(source).sha256 == found.sha256
    assert len(hub.requests) == asked


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("hf:owner/repo/none.safetensors", "the repository has no file none.safetensors"),
        ("hf:other/repo/m.safetensors", "the hub has no repository other/repo"),
        ("hf:owner/m.safetensors", "names no file: write hf:owner/repo/file.safetensors"),
        ("hf:ow ner/repo/m.safetensors", "not valid"),
    ],
)
def test_what_the_hub_does_not_have(hub: Server, source: str, told: str) -> None:
    with pytest.raises(WeightsError, match=told):
        fetch(source)


def test_a_hub_over_http_is_refused(hub: Server) -> None:
    with pytest.raises(WeightsError, match="https alone"):
        resolve_weights("hf:owner/repo/sub/m.safetensors")
    assert not hub.requests


def test_the_hub_leads_nowhere_but_over_https(hub: Server) -> None:
    hub.only_gets = "/owner/repo/resolve/main/sub/m.safetensors"
    hub.redirects[hub.only_gets] = "http://example.org/m.safetensors"
    with pytest.raises(WeightsError, match="https alone"):
        fetch("hf:owner/repo/sub/m.safetensors")


def test_a_file_on_the_hub_that_is_too_large(hub: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MOST_BYTES", 1000)
    with pytest.raises(WeightsError, match="larger than"):
        fetch("hf:owner/repo/sub/m.safetensors")
    assert {method for method, _ in hub.requests} == {"HEAD"}


def test_hub_offline_before_the_first_time(hub: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="never downloaded here and HF_HUB_OFFLINE"):
        fetch("hf:owner/repo/sub/m.safetensors")
    assert not hub.requests
