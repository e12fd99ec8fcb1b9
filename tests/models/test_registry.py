"""Names of models, and models by name."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from autochrome.models.registry import (
    UnknownModelError,
    create_model,
    default_names,
    list_models,
    model_spec,
    needs_weights,
)
from autochrome.models.weights import WeightsError


def test_listing_needs_no_torch() -> None:
    program = (
        "import sys; from autochrome.models.registry import list_models, model_spec; "
        "[model_spec(name) for name in list_models()]; print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_names_are_those_of_the_specs() -> None:
    assert list_models() == sorted(list_models())
    assert {"cic.compact", "cic.paper", "cic.test"} <= set(list_models())
    for name in list_models():
        assert model_spec(name).name == name


def test_an_arch_alone_is_its_default() -> None:
    assert model_spec("cic") is model_spec("cic.compact")
    assert default_names()["cic"] == "cic.compact"


@pytest.mark.parametrize("name", ["cic", "cic.compact", "cic.paper"])
def test_systems_name_their_paper(name: str) -> None:
    assert "arXiv:1603.08511" in model_spec(name).paper


@pytest.mark.parametrize(
    ("wrong", "hint"), [("cic.compat", "cic.compact"), ("CIC", "cic"), ("gary", "gray"), ("xyz", "cic.paper")]
)
def test_unknown_name_is_answered_with_close_ones(wrong: str, hint: str) -> None:
    with pytest.raises(UnknownModelError, match=rf"{wrong}.*{hint}"):
        create_model(wrong)


@pytest.mark.parametrize("name", [name for name in list_models() if name != "cic.paper"])
def test_every_model_colours_luma(name: str) -> None:
    """Shapes of what `Samples` promises, from an untrained model."""
    model = create_model(name, pretrained=False)
    assert not model.training
    assert model.spec == model_spec(name)
    with torch.inference_mode():
        samples = model.sample(torch.full((1, 1, 64, 96), 50.0))
    batch, n, channels, height, width = samples.chroma.shape
    assert (batch, n, channels) == (1, 1, 2)
    assert 64 % height == 0
    assert height * 96 == width * 64
    assert samples.space == model.spec.space


def test_gray_is_gray() -> None:
    assert not create_model("gray").sample(torch.rand(2, 1, 4, 6), n=3).chroma.any()
    assert not needs_weights("gray")


def test_the_paper_s_network_ships_no_weights() -> None:
    assert needs_weights("cic.paper")
    with pytest.raises(WeightsError, match=r"no weights are shipped for cic\.paper; give --weights"):
        create_model("cic.paper")


def test_options_reach_the_system() -> None:
    from autochrome.models.cic import CIC

    model = create_model("cic.test", rebalance_mix=0.25)
    assert isinstance(model, CIC)
    assert model.loss_settings.rebalance_mix == 0.25
