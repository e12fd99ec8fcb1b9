"""Weights: where they come from, their digests, and strict loading.

A source is one of
    ``cic.compact.safetensors``                    a file that ships with the package
    ``runs/mine/model.safetensors``                a file of yours
    ``hf:owner/repo/file.safetensors[@revision]``  a file on the Hugging Face hub
    ``https://.../file.safetensors[#sha256=...]``  any server
Only safetensors files are read: unlike a pickle (.pth, .pt, .ckpt) they cannot run code.
`autochrome.models.downloads` fetches the last two.
"""

from __future__ import annotations

import json
import os
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from autochrome.errors import DocumentError, WeightsError, shown
from autochrome.io.documents import parse_json
from autochrome.io.whole_file import file_sha256, written_whole
from autochrome.models.base import Colorizer, ModelSpec
from autochrome.models.downloads import from_hub, from_url
from autochrome.models.shared_trunk import LENDER, borrowed_trunk, identify_trunks, load_lent_trunk
from autochrome.nn.pretrained import PretrainedTrunk

_FORMER_OPTIONS = {"cic.compact": {"trunk": "scratch"}}
"""What models were, by their name, before they had options; the headers of their weights name none."""

_MOST_HEADER_BYTES = 16 << 20
"""Of a safetensors file; a tensor's entry takes about 100."""


@dataclass(frozen=True)
class WeightsFile:
    """A complete local safetensors file and its digest."""

    path: Path
    sha256: str
    source: str
    """As it was requested; a bundled file by its name alone."""


def resolve_weights(
    source: str | os.PathLike[str] | None,
    *,
    spec: ModelSpec | None = None,
    sha256: str | None = None,
    local_http: bool = False,
) -> WeightsFile:
    """Return a local file for a source, downloading it where needed.

    Args:
        source: see the module's list; None where a model ships none (always an error).
        spec: the model that they are for. Its digest is demanded of the weights it names itself.
        sha256: the digest to demand.
        local_http: take http from this computer too, as tests do.

    Raises:
        WeightsError: not found, not reachable, not safetensors, or not the digest demanded.
    """
    name = spec.name if spec else "this model"
    if source is None:
        raise WeightsError(f"no weights are shipped for {name}; give --weights FILE (weights=... in Python)")
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"weights are a file, hf:owner/repo/file or an https URL, not {shown(source)}")
    source = os.fspath(source)
    if spec and source == spec.weights:
        sha256 = sha256 or spec.sha256
    if re.match(r"\w{2,}:/", source):
        source, _, fragment = source.partition("#")
        sha256 = sha256 or dict(urllib.parse.parse_qsl(fragment)).get("sha256")
        path = from_url(source, sha256, lambda file: _check_file(file, source, sha256), local_http=local_http)
    elif source.startswith("hf:"):
        path = from_hub(source, local_http=local_http)
    else:
        path = _local_file(source)
    return WeightsFile(path, _check_file(path, source, sha256), source)


def _check_file(path: Path, source: str, sha256: str | None) -> str:
    """Return the digest of a safetensors file; WeightsError if it is another than that demanded."""
    _require_safetensors(path, source)
    digest = file_sha256(path)
    if sha256 and digest != sha256.lower():
        raise WeightsError(
            f"{source} has SHA-256 {digest}, not {sha256}: it is damaged or was replaced; fetch it again"
        )
    return digest


def read_tensors(path: Path, source: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by their names; ``source`` is what messages call it.

    Raises:
        WeightsError: the file is damaged, or values are not finite.
    """
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{source} is damaged or cut short ({error}); fetch it again") from error
    require_finite(state, source)
    return state


def require_finite(state: Mapping[str, Tensor], source: str) -> None:
    """Raise WeightsError if a tensor has infinities or values that are no numbers."""
    for name, tensor in state.items():
        # Floating point of one byte has no isfinite of its own.
        values = tensor.float() if tensor.element_size() == 1 else tensor
        if tensor.is_floating_point() and not values.isfinite().all():
            raise WeightsError(
                f"{source} has values of {name[:80]} that are not finite; use others, or train again"
            )


def load_weights(model: Colorizer, weights: WeightsFile) -> None:
    """Copy weights into a model, every tensor or none; half precision is widened to the model's own.

    The model's ``spec`` afterwards names these weights and their digest.

    Raises:
        WeightsError: tensors are missing, unexpected or of another shape (the message lists them), or not
            finite.
    """
    state = read_tensors(weights.path, weights.source)
    borrowed, digest = borrowed_trunk(model), read_weights_metadata(weights.path).get("trunk")
    if borrowed and digest:
        state |= _lent_tensors(*borrowed, digest, weights.source)
    if problems := mismatches(model.state_dict(), state):
        listing = "\n  ".join(problems)
        raise WeightsError(
            f"{weights.source} does not fit {model.spec.name}:\n  {listing}\n{_advice(model, weights)}"
        )
    model.load_state_dict(state, strict=True)
    identify_trunks(model)
    model.spec = replace(model.spec, weights=weights.source, sha256=weights.sha256)


def _lent_tensors(prefix: str, trunk: PretrainedTrunk, digest: str, source: str) -> dict[str, Tensor]:
    """Load the shared trunk, which the weights leave out, and return its tensors by the model's names."""
    from autochrome.models.registry import model_spec

    lender = model_spec(LENDER)
    lent = PretrainedTrunk(trunk.size)  # the model itself is changed at the end, or not at all
    try:
        shipped = resolve_weights(lender.weights, spec=lender)
        load_lent_trunk(lent, read_tensors(shipped.path, shipped.source))
    except ValueError as error:
        raise WeightsError(f"{source} needs a trunk that is {error}") from error
    if lent.digest() != digest:
        raise WeightsError(
            f"{source} was trained over another trunk than that of the {LENDER} in this release; "
            "use the release that it was trained with, or train it again"
        )
    return {prefix + name: tensor for name, tensor in lent.state_dict().items()}


def _advice(model: Colorizer, weights: WeightsFile) -> str:
    """Return what to do about weights that do not fit."""
    name, saved_from = model.spec.name, read_weights_metadata(weights.path).get("name")
    if saved_from and saved_from != name:
        return f"they were saved from {saved_from}: use --model {saved_from}, or other weights"
    saved = saved_options(weights, model.spec)
    if saved and saved != model.options:
        return f"they were saved with the options {_listed(saved)}: use those, or other weights"
    if saved_from and not saved and name in _FORMER_OPTIONS:
        former = _FORMER_OPTIONS[name]
        arguments = ", ".join(f"{key}={value!r}" for key, value in former.items())
        return (
            f"weights whose header has no options were trained with {_listed(former)}: write "
            f"create_model({name!r}, weights={weights.source!r}, {arguments}) in Python, or "
            f"--set model.options.{_listed(former)} to train on with them"
        )
    return "use the model that they were trained with, or other weights"


def _listed(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in options.items())


def save_weights(
    model: Colorizer, path: Path, *, half: bool = True, metadata: Mapping[str, str] | None = None
) -> str:
    """Write a model's parameters and buffers as safetensors, complete or not at all.

    Args:
        model: any colorizer.
        path: the file to write; an existing one is replaced.
        half: parameters as float16. Buffers (running statistics, the prior) keep their precision: they are
            small, and a variance or a rare bin's probability may lie below what float16 holds.
        metadata: more entries for the file's header, beside ``name``, ``arch`` and ``tag``, ``options``
            (JSON) where the model has some, and ``trunk``, the digest of a borrowed trunk, which is left out.

    Returns:
        The file's sha256.

    Raises:
        WeightsError: a parameter is not finite, or too large for float16.
    """
    parameters = {name for name, _ in model.named_parameters()}
    borrowed = borrowed_trunk(model)
    state = {}
    for name, tensor in model.state_dict().items():
        if borrowed and name.startswith(borrowed[0]):
            continue
        kept = tensor.detach().cpu()
        if half and name in parameters and kept.is_floating_point():
            kept = kept.half()
        if kept.is_floating_point() and not kept.isfinite().all():
            raise WeightsError(
                f"{name} is not finite{' as float16' if half else ''}; the weights were not saved"
            )
        state[name] = kept.contiguous()
    header = {"name": model.spec.name, "arch": model.spec.arch, "tag": model.spec.tag}
    if model.options:
        header["options"] = json.dumps(model.options, sort_keys=True)
    if borrowed:
        header["trunk"] = borrowed[1].digest()
    with written_whole(path) as temporary:
        # Not by save_file, which replaces the temporary file by one that its owner alone may read.
        temporary.write_bytes(save(state, metadata={"format": "pt", **header, **(metadata or {})}))
    return file_sha256(path)


def read_weights_metadata(path: Path) -> dict[str, str]:
    """Return the header entries of a safetensors file without reading its tensors.

    Raises:
        WeightsError: it is not a safetensors file.
    """
    _require_safetensors(path, str(path))
    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is damaged or cut short ({error}); fetch it again") from error


def saved_options(weights: WeightsFile, spec: ModelSpec) -> dict[str, Any]:
    """Return the options of a model's factory that its weights were saved with; of other weights none.

    Raises:
        WeightsError: the header cannot be read.
    """
    header = read_weights_metadata(weights.path)
    if header.get("name") != spec.name:
        return {}
    problem = f"{weights.source} has a header whose options are not a JSON object"
    try:
        options = parse_json(header.get("options", "{}"))
    except DocumentError as error:
        raise WeightsError(f"{problem} (their text {error}); fetch it again") from error
    if not isinstance(options, dict):
        raise WeightsError(f"{problem}; fetch it again")
    return options


def _local_file(source: str) -> Path:
    """A path, or else the name of a bundled file."""
    path = Path(source).expanduser()
    if os.path.isfile(path):  # unlike Path.is_file, these do not fail for a name that is too long
        return path
    if os.path.isdir(path):
        raise WeightsError(f"{source} is a folder; name the .safetensors file in it")
    bundled = Path(str(files("autochrome") / "weights"))
    if path.name == source and os.path.isfile(bundled / source):
        return bundled / source
    shipped = ", ".join(sorted(file.name for file in bundled.glob("*.safetensors"))) or "none"
    raise WeightsError(
        f"there are no weights at {source}: neither a file nor shipped (shipped are: {shipped})"
    )


def _require_safetensors(path: Path, source: str) -> None:
    """Name the usual wrong files: a web page, a pickle, a pointer, an empty or cut-off file."""
    with path.open("rb") as file:
        head = file.read(512)
    size = path.stat().st_size
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        problem = "is empty; fetch it again"
    elif text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        problem = "is a web page saved as weights; open its address in a browser and use the download link"
    elif head.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        problem = "is a pickle (.pth, .pt, .ckpt), which could run code; convert it to safetensors first"
    elif head.startswith(b"version https://git-lfs"):
        problem = "is a Git LFS pointer, not the weights themselves; run `git lfs pull`"
    elif len(head) < 9 or head[8:9] != b"{" or int.from_bytes(head[:8], "little") > size - 8:
        problem = "is not a complete safetensors file; fetch it again"
    elif int.from_bytes(head[:8], "little") > _MOST_HEADER_BYTES:
        problem = f"has a header of more than {_MOST_HEADER_BYTES >> 20} MB; use other weights"
    else:
        return
    raise WeightsError(f"{source} {problem}")


def mismatches(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], *, shown: int = 8) -> list[str]:
    """Return a line for each kind of difference between two state dicts."""
    shapes = [
        f"{name} {tuple(given[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in wanted
        if name in given and given[name].shape != wanted[name].shape
    ]
    kinds = {
        "missing": [name for name in wanted if name not in given],
        "unexpected": [name for name in given if name not in wanted],
        "of another shape": shapes,
        "of another kind": [
            f"{name} {given[name].dtype}"
            for name in wanted
            if name in given and given[name].is_floating_point() != wanted[name].is_floating_point()
        ],
    }
    lines = []
    for kind, names in kinds.items():
        if names:
            rest = f" and {len(names) - shown} more" if len(names) > shown else ""
            lines.append(f"{len(names)} {kind}: {', '.join(name[:80] for name in names[:shown])}{rest}")
    return lines
