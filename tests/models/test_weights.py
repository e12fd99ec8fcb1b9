"""Weights from the package and from files; strictness; what is told of wrong ones."""

from __future__ import annotations

import hashlib
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from autochrome.errors import WeightsError
from autochrome.evaluation.classifier.vgg16 import load_vgg16
from autochrome.models.backbones import load_backbone_state
from autochrome.models.base import Colorizer
from autochrome.models.registry import create_model, model_spec
from autochrome.models.weights import load_weights, read_weights_metadata, resolve_weights, save_weights


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
        (struct.pack("<Q", 17 << 20) + b"{" * (17 << 20), "header of more than 16 MB"),
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


HEADERS = [
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b'{"a": {"dtype": "F32", "shape": [1' + b"0" * 400 + b'], "data_offsets": [0, 4]}}',
    b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1' + b"0" * 400 + b"]}}",
    b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}',
    b'{"__metadata__": {"name": 1}}',
    b'{"__metadata__": [[[]]]}',
    b"{\xff}",
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_headers_that_are_none(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(WeightsError):
        create_model("cic.test", weights=path)


OPTIONS = [
    ("cic.test", "[" * 3000),
    ("cic.test", "[[1, 2]]"),
    ("cic.test", '{"trunk": 1' + "0" * 5000 + "}"),
    ("cic.test", '{"trunk": ' + "[" * 40 + "]" * 40 + "}"),
    ("cic.test", '{"trunk": ["scratch"]}'),
    ("cic.test", '{"sigma": "x"}'),
    ("cic.test", "NaN"),
    ("cgan.paper", '{"widths": [1000000, 1000000, 64, 64, 32]}'),
    ("cgan.paper", '{"widths": [' + "1024, " * 5000 + "1]}"),
    ("cgan.paper", '{"widths": 5}'),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=range(len(OPTIONS)))
def test_options_of_a_header_that_are_none(tmp_path: Path, name: str, options: str) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"name": name, "options": options})
    with pytest.raises(WeightsError):
        create_model(name, weights=path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_backbones_and_other_networks_are_finite_too(tmp_path: Path, value: float) -> None:
    save_file({"some.layer": torch.tensor([0, value])}, tmp_path / "b.safetensors")
    save_file({"some.layer": torch.tensor([0, value]).half()}, tmp_path / "h.safetensors")
    for name in ("b.safetensors", "h.safetensors"):
        for read in (load_backbone_state, load_vgg16):
            with pytest.raises(WeightsError, match=r"some\.layer that are not finite"):
                read(str(tmp_path / name))
    torch.save({"some.layer": torch.tensor([0, value])}, tmp_path / "b.pt")
    with pytest.raises(WeightsError, match=r"some\.layer that are not finite"):
        load_vgg16(tmp_path / "b.pt")


def test_floats_of_one_byte_are_looked_at(tmp_path: Path) -> None:
    save_file({"a": torch.tensor([1, float("nan")]).to(torch.float8_e4m3fn)}, tmp_path / "f8.safetensors")
    with pytest.raises(WeightsError, match="not finite"):
        create_model("cic.test", weights=tmp_path / "f8.safetensors")


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


def test_saved_weights_can_be_read_by_whoever_may_read_new_files(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    save_weights(create_model("cic.test"), tmp_path / "a.safetensors")
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "new").stat().st_mode
