"""A network that its factory's options decide, and the weights that remember them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from autochrome.errors import WeightsError
from autochrome.models import registry
from autochrome.models.base import Colorizer, ModelSpec, Samples
from autochrome.models.registry import create_model, model_spec
from autochrome.models.weights import read_weights_metadata, save_weights
from autochrome.pipeline.painter import Painter


class Either(Colorizer):
    """Has one layer or two, as ``depth`` says; ``rate`` concerns its training alone."""

    def __init__(self, spec: ModelSpec, *, depth: int = 1, rate: float = 0.5) -> None:
        super().__init__()
        if depth not in (1, 2):
            raise ValueError(f"depth must be 1 or 2, not {depth}")
        self.spec, self.depth, self.rate = spec, depth, rate
        self.options = {"depth": depth}
        self.layers = nn.Sequential(nn.Conv2d(1, 2, 1), *[nn.Conv2d(2, 2, 1) for _ in range(depth - 1)])

    def sample(self, luma: Tensor, **_: Any) -> Samples:
        return Samples(self.layers(luma)[:, None], "lab")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of the gray baseline."""
    monkeypatch.setitem(registry._MODELS, "gray.baseline", (model_spec("gray"), f"{__name__}:Either"))


def saved(tmp_path: Path, **options: Any) -> Path:
    path = tmp_path / "model.safetensors"
    save_weights(create_model("gray", **options), path, half=False)
    return path


def with_header(path: Path, **entries: str) -> Path:
    save_file(load_file(path), path, metadata={**read_weights_metadata(path), **entries})
    return path


def test_weights_build_the_network_that_they_are_of(tmp_path: Path) -> None:
    path = saved(tmp_path, depth=2, rate=0.25)
    model = create_model("gray", weights=path)
    assert isinstance(model, Either)
    assert model.depth == 2
    assert model.rate == 0.5  # of the training, so not remembered
    for name, tensor in load_file(path).items():
        assert torch.equal(model.state_dict()[name], tensor)
    assert Painter("gray", weights=path, device="cpu").model.state_dict().keys() == model.state_dict().keys()


def test_the_header_tells_them(tmp_path: Path) -> None:
    assert json.loads(read_weights_metadata(saved(tmp_path, depth=2))["options"]) == {"depth": 2}


def test_a_model_without_options_saves_none(tmp_path: Path) -> None:
    model = create_model("lrac.test")
    assert not model.options
    save_weights(model, tmp_path / "m.safetensors")
    assert "options" not in read_weights_metadata(tmp_path / "m.safetensors")


def test_weights_from_before_there_were_options_are_of_the_defaults(tmp_path: Path) -> None:
    path = with_header(saved(tmp_path), options="{}")
    assert isinstance(model := create_model("gray", weights=path), Either)
    assert model.depth == 1


def test_given_options_outweigh_the_saved_ones(tmp_path: Path) -> None:
    path = saved(tmp_path, depth=2)
    assert create_model("gray", weights=path, depth=2, rate=0.25).rate == 0.25
    with pytest.raises(WeightsError, match=r"layers\.1\.bias[\s\S]*saved with the options depth=2"):
        create_model("gray", weights=path, depth=1)


def test_another_model_s_options_are_not_taken(tmp_path: Path) -> None:
    """The message is that of weights which do not fit, not of an option that CIC does not know."""
    with pytest.raises(WeightsError, match=r"saved from gray\.baseline[\s\S]*use --model gray\.baseline"):
        create_model("cic.test", weights=saved(tmp_path, depth=2))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ('{"depth": 3}', r"does not take \(depth must be 1 or 2, not 3\); use the release"),
        ('{"width": 3}', r"does not take \(.*width.*\); use the release"),
        ("[1, 2]", "options are not a JSON object"),
        ("depth", "options are not a JSON object"),
    ],
)
def test_options_that_cannot_be_taken(tmp_path: Path, options: str, told: str) -> None:
    path = with_header(saved(tmp_path), options=options)
    with pytest.raises(WeightsError, match=told):
        create_model("gray", weights=path)


def test_a_wrong_option_of_one_s_own_is_told_as_ever() -> None:
    with pytest.raises(TypeError, match="width"):
        create_model("gray", width=3)
