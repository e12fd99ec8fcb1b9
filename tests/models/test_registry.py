"""Names of models, and models by name."""

from __future__ import annotations

import subprocess
import sys
from inspect import signature

import pytest
import torch

from autochrome.color.spaces import get_space
from autochrome.errors import UnknownModelError, WeightsError
from autochrome.models.base import DistributionColorizer, SamplingColorizer
from autochrome.models.registry import create_model, default_names, list_models, model_spec, needs_weights


def test_listing_needs_no_torch() -> None:
    program = (
        "import sys; from autochrome.models.registry import list_models, model_spec; "
        "[model_spec(name) for name in list_models(internal=True)]; print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_names_are_those_of_the_specs() -> None:
    assert list_models(internal=True) == sorted(list_models(internal=True))
    assert {
        f"{arch}.{tag}" for arch in ("cgan", "cic", "pixcolor") for tag in ("compact", "paper", "test")
    } <= set(list_models(internal=True))
    for name in list_models(internal=True):
        assert model_spec(name).name == name


def test_an_arch_alone_is_its_default() -> None:
    assert model_spec("cic") is model_spec("cic.compact")
    assert default_names()["cic"] == "cic.compact"
    assert model_spec("pixcolor") is model_spec("pixcolor.compact")
    assert model_spec("cgan") is model_spec("cgan.compact")


@pytest.mark.parametrize(
    ("arch", "number"), [("cgan", "1702.06674"), ("cic", "1603.08511"), ("pixcolor", "1705.07208")]
)
@pytest.mark.parametrize("tag", ["", ".compact", ".paper", ".test"])
def test_systems_name_their_paper(arch: str, number: str, tag: str) -> None:
    assert f"arXiv:{number}" in model_spec(arch + tag).paper


KINDS = {"distribution": DistributionColorizer, "samples": SamplingColorizer}
METHODS = {
    "backbone": "load_backbone",
    "features": "features",
    "prior": "set_prior",
    "rank": "rank",
    "refine": "finish",
    "tone_curves": "draws_for_curves",
}


@pytest.mark.parametrize("name", list_models(internal=True))
def test_the_table_says_what_the_network_can_do(name: str) -> None:
    """Settings are refused by the table; what it promises are methods that the base class does not have."""
    with torch.device("meta"):
        model = create_model(name, pretrained=False)
    spec = model_spec(name)
    for kind, base in KINDS.items():
        assert isinstance(model, base) is (spec.kind == kind)
    for capability, method in METHODS.items():
        of_base = getattr(SamplingColorizer, method)
        assert (getattr(type(model), method, of_base) is not of_base) is (capability in spec.can), capability
    assert ("tone_curves" in dict(model.named_buffers())) is ("tone_curves" in spec.can)
    if isinstance(model, SamplingColorizer):
        settings = set(signature(model.draw).parameters) & {"temperature", "guidance"}
        assert set(spec.defaults) == settings


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("cic.compat", "cic.compact"),
        ("CIC", "cic"),
        ("xyz", "cgan, cic, lrac, pixcolor"),
        ("cic.tset", "cic"),
    ],
)
def test_unknown_name_is_answered_with_close_ones_to_choose_from(wrong: str, hint: str) -> None:
    with pytest.raises(UnknownModelError, match=rf"{wrong}.*{hint}") as error:
        create_model(wrong)
    assert not any(name in str(error.value) for name in INTERNAL)


INTERNAL = ("gray", "gray.baseline", "cgan.test", "cic.test", "lrac.test", "pixcolor.test")


def test_networks_for_tests_and_baselines_are_not_offered() -> None:
    assert not set(INTERNAL) & {*list_models(), *default_names(), *default_names().values()}
    assert {*list_models(), *INTERNAL} - {"gray"} == set(list_models(internal=True))


# Large, hence slow; their own tests cover them.
PAPERS = {"cgan.paper", "cic.paper", "pixcolor.paper"}


@pytest.mark.parametrize("name", [name for name in list_models(internal=True) if name not in PAPERS])
def test_every_model_colors_luma(name: str) -> None:
    """Shapes of what `Samples` promises, from an untrained model."""
    model = create_model(name, pretrained=False)
    assert not model.training
    assert model.spec == model_spec(name)
    with torch.inference_mode():
        middle = sum(get_space(model.spec.space).luma_range) / 2
        samples = model.sample(torch.full((1, 1, 64, 96), middle))
    batch, n, channels, height, width = samples.chroma.shape
    assert (batch, n, channels) == (1, 1, 2)
    assert 64 % height == 0
    assert height * 96 == width * 64
    assert samples.space == model.spec.space


def test_gray_is_gray() -> None:
    assert not create_model("gray").sample(torch.rand(2, 1, 4, 6), n=3).chroma.any()
    assert not needs_weights("gray")


@pytest.mark.parametrize("name", sorted(PAPERS))
def test_the_papers_networks_ship_no_weights(name: str) -> None:
    assert needs_weights(name)
    with (
        torch.device("meta"),
        pytest.raises(WeightsError, match=rf"no weights are shipped for {name}; give --"),
    ):
        create_model(name)


def test_options_reach_the_system() -> None:
    from autochrome.models.cic.model import CIC

    model = create_model("cic.test", rebalance_mix=0.25)
    assert isinstance(model, CIC)
    assert model.loss_settings.rebalance_mix == 0.25


def test_a_test_model_needs_no_weights() -> None:
    for name in ("cgan.test", "cic.test", "pixcolor.test"):
        assert not needs_weights(name)
        assert create_model(name).spec.weights is None
