"""Weights from the package, files, the hub and servers; strictness; what is told of wrong ones."""

from __future__ import annotations

import hashlib
import pickle
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from autochrome.errors import WeightsError
from autochrome.models.base import Colorizer
from autochrome.models.registry import create_model, model_spec
from autochrome.models.weights import load_weights, read_weights_metadata, resolve_weights, save_weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCHROME_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def model() -> Colorizer:
    return create_model("cic.test")


@pytest.fixture
def file(model: Colorizer, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_weights(model, path)
    return path


@dataclass
class Server:
    """A local server that answers as the hub does, or as any server."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    claim: int = 0
    """Bytes announced beyond those that are sent."""


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            here.requests.append((self.command, self.path))
            content = here.files.get(self.path)
            self.send_response(200 if content is not None else 404)
            if content is None:
                known = any(path.startswith("/".join(self.path.split("/")[:3]) + "/") for path in here.files)
                self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
            body = content or b""
            self.send_header("Content-Length", str(len(body) + here.claim))
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)
            self.close_connection = True

        do_HEAD = do_GET

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Server(f"http://127.0.0.1:{httpd.server_port}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield here
    httpd.shutdown()
    httpd.server_close()


def test_saved_and_loaded_again_to_half_precision(model: Colorizer, file: Path) -> None:
    other = create_model("cic.test")
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    load_weights(other, resolve_weights(file))
    for name, wanted in model.state_dict().items():
        assert other.state_dict()[name].dtype == wanted.dtype
        torch.testing.assert_close(other.state_dict()[name], wanted, rtol=1e-3, atol=1e-6)
    assert any(not torch.equal(before[name], other.state_dict()[name]) for name in before)


def test_parameters_are_halved_and_buffers_are_not(model: Colorizer, file: Path) -> None:
    kinds = {name: tensor.dtype for name, tensor in load_file(file).items()}
    parameters = {name for name, _ in model.named_parameters()}
    assert {kinds[name] for name in parameters} == {torch.float16}
    assert kinds["prior"] == torch.float32
    assert {kind for name, kind in kinds.items() if "running_" in name} == {torch.float32}
    assert set(kinds) == set(model.state_dict())


def test_full_precision_is_exact(model: Colorizer, tmp_path: Path) -> None:
    save_weights(model, tmp_path / "full.safetensors", half=False)
    other = create_model("cic.test", weights=tmp_path / "full.safetensors")
    for name, wanted in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], wanted)


def test_the_header_tells_what_the_file_is(model: Colorizer, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    digest = save_weights(model, path, metadata={"trained_on": "nothing"})
    header = read_weights_metadata(path)
    assert (header["name"], header["arch"], header["tag"]) == ("cic.test", "cic", "test")
    assert header["trained_on"] == "nothing"
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list(tmp_path.iterdir()) == [path]


def test_the_spec_names_the_weights_that_were_loaded(file: Path) -> None:
    loaded = create_model("cic.test", weights=file)
    assert loaded.spec.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert loaded.spec.weights == str(file)


def test_a_value_beyond_half_precision_is_not_saved(model: Colorizer, tmp_path: Path) -> None:
    next(model.parameters()).data.flatten()[0] = 1e6
    with pytest.raises(WeightsError, match="not finite as float16"):
        save_weights(model, tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state.pop("prior"), r"1 missing: prior"),
        (lambda state: state.update(extra=torch.zeros(1)), r"1 unexpected: extra"),
        (lambda state: state.update(prior=torch.zeros(7)), r"prior \(7,\) instead of \(313,\)"),
        (lambda state: state.update(prior=torch.zeros(313, dtype=torch.int64)), r"prior torch\.int64"),
    ],
)
def test_every_tensor_must_fit(file: Path, tmp_path: Path, change, told: str) -> None:
    state = load_file(file)
    change(state)
    save_file(state, tmp_path / "changed.safetensors")
    model = create_model("cic.test")
    before = model.state_dict()["prior"].clone()
    with pytest.raises(WeightsError, match=told):
        load_weights(model, resolve_weights(tmp_path / "changed.safetensors"))
    assert torch.equal(model.state_dict()["prior"], before)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(file: Path, tmp_path: Path, value: float) -> None:
    state = load_file(file)
    state["network.head.weight"].view(-1)[3] = value
    save_file(state, tmp_path / "broken.safetensors")
    with pytest.raises(WeightsError, match=r"network\.head\.weight that are not finite"):
        load_weights(create_model("cic.test"), resolve_weights(tmp_path / "broken.safetensors"))


def test_another_model_s_weights_name_their_model(file: Path) -> None:
    with pytest.raises(WeightsError, match=r"saved from cic\.test: use --model cic\.test"):
        create_model("cic.compact", weights=file)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (pickle.dumps({"weight": 1}), "pickle"),
        (b"PK\x03\x04archive/data.pkl", "pickle"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        (b"just some text that is no tensor", "not a complete safetensors file"),
        (struct.pack("<Q", 1 << 40) + b"{", "not a complete safetensors file"),
    ],
)
def test_files_that_are_no_weights(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=told):
        resolve_weights(path)
    with pytest.raises(WeightsError, match=told):
        read_weights_metadata(path)


def test_a_file_cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged or cut short"):
        create_model("cic.test", weights=file)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"there are no weights at nowhere\.safetensors"):
        resolve_weights("nowhere.safetensors")
    with pytest.raises(WeightsError, match="is a folder"):
        resolve_weights(tmp_path)


def test_a_digest_is_demanded(file: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert resolve_weights(file, sha256=digest.upper()).sha256 == digest
    with pytest.raises(WeightsError, match=f"SHA-256 {digest}, not 00"):
        resolve_weights(file, sha256="00" * 32)


def test_shipped_weights_have_the_digest_of_the_table() -> None:
    spec = model_spec("cic")
    if spec.sha256 is None:
        pytest.skip("no weights are shipped yet")
    assert resolve_weights(spec.weights, spec=spec).sha256 == spec.sha256


# A server ----------------------------------------------------------------------------------------


def test_download_is_kept(server: Server, file: Path, tmp_path: Path) -> None:
    server.files["/m.safetensors"] = file.read_bytes()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    found = resolve_weights(f"{server.url}/m.safetensors#sha256={digest}")
    assert found.path.read_bytes() == file.read_bytes()
    assert tmp_path / "cache" in found.path.parents
    assert resolve_weights(f"{server.url}/m.safetensors#sha256={digest}") == found
    assert server.requests == [("GET", "/m.safetensors")]
    create_model("cic.test", weights=f"{server.url}/m.safetensors")


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
        resolve_weights(f"{server.url}/m.safetensors{fragment}")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_no_server_and_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="could not be fetched"):
        resolve_weights("http://127.0.0.1:9/m.safetensors")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE forbids the network"):
        resolve_weights("https://example.org/m.safetensors")


def test_plain_http_is_refused() -> None:
    with pytest.raises(WeightsError, match="https alone"):
        resolve_weights("http://example.org/m.safetensors")


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
    found = resolve_weights(source)
    assert found.path.read_bytes() == file.read_bytes()
    # The client library may ask for something of its own too (/api/...).
    asked_for = {path for _, path in hub.requests if path.startswith("/owner")}
    assert asked_for == {f"/owner/repo/resolve/{revision}/sub/m.safetensors"}
    asked = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert resolve_weights(source).sha256 == found.sha256
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
        resolve_weights(source)


def test_hub_offline_before_the_first_time(hub: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="never downloaded here and HF_HUB_OFFLINE"):
        resolve_weights("hf:owner/repo/sub/m.safetensors")
    assert not hub.requests


def test_saved_weights_can_be_read_by_whoever_may_read_new_files(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    save_weights(create_model("cic.test"), tmp_path / "a.safetensors")
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "new").stat().st_mode
