"""The trunk over EfficientNet-Lite: shapes, keys, context, initialization."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from autochrome.models.backbones import load_backbone_state
from autochrome.nn.efficientnet import LITE_SIZES
from autochrome.nn.pretrained import PretrainedSize, PretrainedTrunk

TEST = PretrainedSize("test", top=16, decoder=(16, 12, 8))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 160), (48, 16), (36, 100), (4, 8)])
def test_features_are_a_quarter_of_the_size_whatever_multiple_of_four_it_is(height: int, width: int) -> None:
    trunk = PretrainedTrunk(TEST).eval()
    with torch.no_grad():
        features = trunk.maps(torch.rand(2, 1, height, width))[-1]
    assert features.shape == (2, trunk.width, height // 4, width // 4)
    assert trunk.width == 8


def test_maps_go_down_to_stride_32_and_up_again() -> None:
    trunk = PretrainedTrunk(TEST).eval()
    with torch.no_grad():
        maps = trunk.maps(torch.rand(1, 1, 96, 128))
    strides = [128 // each.shape[3] for each in maps]
    assert strides == [96 // each.shape[2] for each in maps] == [4, 8, 16, 32, 16, 8, 4]
    assert [each.shape[1] for each in maps] == [*trunk.encoder.widths, 16, 12, 8]


@pytest.mark.parametrize("encoder", LITE_SIZES)
def test_every_encoder_fits_the_decoder(encoder: str) -> None:
    with torch.device("meta"):
        trunk = PretrainedTrunk(PretrainedSize(encoder))
        assert trunk.maps(torch.empty(1, 1, 64, 64))[-1].shape == (1, 64, 16, 16)


def test_every_place_sees_the_whole_photo() -> None:
    """What changes in one corner is noticed far beyond the reach of the convolutions."""
    torch.manual_seed(0)
    trunk = PretrainedTrunk(TEST).eval()
    x = 2 * torch.rand(1, 1, 32, 2048) - 1
    other = x.clone()
    other[..., :32] *= -1
    with torch.no_grad():
        before, after = trunk.maps(x)[-1], trunk.maps(other)[-1]
    assert (before - after)[..., -8:].abs().max() > 0


def test_a_photo_s_features_do_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    trunk = PretrainedTrunk(TEST).eval()
    x = 2 * torch.rand(3, 1, 32, 48) - 1
    with torch.no_grad():
        together = trunk.maps(x)[-1]
        alone = torch.cat([trunk.maps(one[None])[-1] for one in x])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert all((one - other).abs().max() > 1e-4 for one, other in pairwise(together))


def test_imagenet_fills_the_encoder_alone() -> None:
    trunk = PretrainedTrunk()
    before = {key: value.clone() for key, value in trunk.state_dict().items()}
    state = load_backbone_state("efficientnet-lite0")
    trunk.encoder.load_imagenet(state)
    after = trunk.state_dict()
    moved = {key.split(".")[0] for key, value in after.items() if not torch.equal(value, before[key])}
    assert moved == {"encoder"}
    theirs = state["_blocks.15._project_conv.weight"]
    assert torch.equal(after["encoder.blocks.15.project.0.weight"], theirs)
    with pytest.raises(ValueError, match=r"^not an EfficientNet-Lite"):
        PretrainedTrunk(TEST).encoder.load_imagenet(state)


def test_only_the_encoder_s_norms_are_frozen() -> None:
    trunk = PretrainedTrunk(TEST).train()
    before = {key: value.clone() for key, value in trunk.named_buffers() if "running" in key}
    trunk.maps(torch.rand(2, 1, 32, 32))
    buffers = dict(trunk.named_buffers())
    still = {key.split(".")[0] for key, value in before.items() if torch.equal(buffers[key], value)}
    assert still == {"encoder"}
    assert PretrainedTrunk(TEST, frozen_norms=False).train().encoder.stem[1].training
