"""The compact networks: sizes, names of the weights, what they start from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from autochrome.errors import WeightsError
from autochrome.models.backbones import load_backbone_state
from autochrome.models.cic.compact import compact, tiny
from autochrome.models.cic.model import CIC
from autochrome.models.cic.paper import PaperNet
from autochrome.models.registry import create_model, model_spec
from autochrome.models.shared_trunk import SCRATCH
from autochrome.models.weights import load_weights, resolve_weights, save_weights
from autochrome.nn.efficientnet import LITE_SIZES
from autochrome.nn.pretrained import PretrainedTrunk
from tests.models.cic.counting import multiply_adds, on_meta, parameters

SPEC = model_spec("cic.compact")
TRUNKS = ["test", SCRATCH]


@pytest.fixture(params=TRUNKS)
def model(request: pytest.FixtureRequest) -> CIC:
    """With statistics of its norms under which the features vary, as those of trained ones do."""
    torch.manual_seed(2016)
    model = compact(SPEC, trunk=request.param, frozen_norms=False).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    model.predict(torch.rand(4, 1, 64, 64) * 100)
    return model.eval()


@pytest.mark.parametrize(("trunk", "count"), [("lite0", 5_448_121), (SCRATCH, 9_644_217)])
def test_a_compact_network_has_at_most_ten_million_parameters(trunk: str, count: int):
    assert parameters(on_meta(lambda: compact(SPEC, trunk=trunk))) == count


@pytest.mark.parametrize(("trunk", "least", "most"), [(SCRATCH, 7, 9), ("lite0", 10, 40)])
def test_the_compact_networks_cost_a_small_part_of_the_paper_s(trunk: str, least: int, most: int):
    whole = multiply_adds(on_meta(PaperNet), 256)
    model = on_meta(lambda: compact(SPEC, trunk=trunk))
    assert isinstance(model, CIC)
    assert least < whole / multiply_adds(model, 256, model.predict) < most


@pytest.mark.parametrize(
    ("trunk", "roots", "count", "shapes"),
    [
        (
            "lite0",
            {"encoder", "top", "context", "fusions", "head"},
            337,
            {
                "network.encoder.stem.0.weight": (32, 1, 3, 3),
                "network.encoder.blocks.0.depthwise.0.weight": (32, 1, 3, 3),
                "network.encoder.blocks.15.project.1.running_var": (320,),
                "network.top.0.weight": (256, 320, 1, 1),
                "network.context.2.bias": (256,),
                "network.fusions.0.0.0.weight": (256, 368, 3, 3),
                "network.fusions.2.1.0.weight": (64, 64, 3, 3),
                "network.head.weight": (313, 64, 1, 1),
            },
        ),
        (
            SCRATCH,
            {"stages", "context", "fusions", "head"},
            199,
            {
                "network.stages.0.0.0.weight": (32, 1, 3, 3),
                "network.stages.4.1.body.4.running_var": (288,),
                "network.context.mlp.2.bias": (288,),
                "network.fusions.0.0.0.weight": (192, 544, 3, 3),
                "network.fusions.2.1.body.3.weight": (96, 96, 3, 3),
                "network.head.weight": (313, 96, 1, 1),
            },
        ),
    ],
)
def test_weights_keep_their_names(
    trunk: str, roots: set[str], count: int, shapes: dict[str, tuple[int, ...]]
):
    """Shipped weights and running trainings are loaded by these names."""
    state = compact(SPEC, trunk=trunk).state_dict()
    assert {".".join(key.split(".")[:2]) for key in state} == {
        "prior",
        *(f"network.{root}" for root in roots),
    }
    assert len(state) == count
    for key, shape in {"prior": (313,), **shapes}.items():
        assert state[key].shape == shape


@pytest.mark.parametrize(("height", "width"), [(32, 96), (64, 32), (48, 16)])
def test_any_shape_of_photo_is_taken(model: CIC, height: int, width: int):
    with torch.no_grad():
        samples = model.sample(torch.rand(1, 1, height, width) * 100)
    assert samples.chroma.shape == (1, 1, 2, height // 4, width // 4)


def test_the_last_feature_map_is_what_the_head_reads(model: CIC):
    luma = torch.rand(1, 1, 32, 48) * 100
    with torch.no_grad():
        expected = model.network.get_submodule("head")(model.features(luma)[-1])
        torch.testing.assert_close(model.predict(luma), expected)


def test_every_place_sees_the_whole_photo(model: CIC):
    """Global context: what changes in one corner is noticed far beyond the reach of the convolutions."""
    luma = 50 + torch.randn(1, 1, 32, 2048) * 30
    other = luma.clone()
    other[..., :32] += 40
    with torch.no_grad():
        assert (model.predict(luma) - model.predict(other))[..., -8:].abs().max() > 0


def test_a_photo_s_answer_does_not_depend_on_its_batch(model: CIC):
    luma = torch.rand(3, 1, 32, 32) * 100
    with torch.no_grad():
        together = model.predict(luma)
        alone = torch.cat([model.predict(one[None]) for one in luma])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_the_encoder_starts_from_imagenet():
    model, state = compact(SPEC), load_backbone_state("efficientnet-lite0")
    model.load_backbone(state)
    theirs = state["_blocks.7._expand_conv.weight"]
    assert torch.equal(model.get_parameter("network.encoder.blocks.7.expand.0.weight"), theirs)


def test_what_is_trained_from_scratch_takes_no_backbone():
    state = load_backbone_state("efficientnet-lite0")
    with pytest.raises(ValueError, match=r"^not for a trunk that is trained from scratch"):
        compact(SPEC, trunk=SCRATCH).load_backbone(state)


@pytest.mark.parametrize("trunk", LITE_SIZES)
def test_every_encoder_can_be_chosen(trunk: str):
    with torch.device("meta"):
        network = compact(SPEC, trunk=trunk).network
    assert isinstance(network, PretrainedTrunk)
    assert network.size.encoder == trunk


def test_norms_may_learn():
    learning = compact(SPEC, trunk="test", frozen_norms=False).train().network
    assert learning.get_submodule("encoder.stem.1").training
    assert not compact(SPEC, trunk="test").train().network.get_submodule("encoder.stem.1").training


def test_an_unknown_trunk_is_refused():
    with pytest.raises(ValueError, match=r"lite0, lite1, lite2, test .*scratch"):
        compact(SPEC, trunk="lite9")
    with pytest.raises(ValueError, match="scratch"):
        tiny(SPEC, trunk="lite0")


@pytest.mark.parametrize("trunk", TRUNKS)
def test_weights_tell_their_trunk(trunk: str, tmp_path: Path):
    """A model is built as its weights' header says; with another trunk they are refused."""
    file = tmp_path / "own.safetensors"
    own = create_model("cic.compact", pretrained=False, trunk=trunk)
    save_weights(own, file, half=False)
    again = create_model("cic.compact", weights=file)
    assert isinstance(again, CIC)
    assert again.options == {"trunk": trunk}
    assert all(torch.equal(v, own.state_dict()[k]) for k, v in again.state_dict().items())
    with pytest.raises(WeightsError):
        load_weights(compact(SPEC, trunk="lite1"), resolve_weights(file))


def test_weights_from_before_there_was_a_choice_of_trunk_say_what_to_type(tmp_path: Path):
    own, file = compact(SPEC, trunk=SCRATCH), tmp_path / "own.safetensors"
    save_file(own.state_dict(), file, metadata={"name": "cic.compact"})
    with pytest.raises(WeightsError, match=r"create_model\('cic.compact', weights=.*, trunk='scratch'\)"):
        create_model("cic.compact", weights=file)
    assert create_model("cic.compact", weights=file, trunk=SCRATCH).options == {"trunk": SCRATCH}
