"""Figure 3 of Zhang, Isola and Efros 2016, layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.bins import rebalancing_weights
from autochrome.models.base import Batch
from autochrome.models.cic.model import CIC, LossSettings, paper, weighted_cross_entropy
from autochrome.models.cic.paper import PAPER_BLOCKS, PaperNet
from autochrome.models.registry import model_spec
from autochrome.nn.resnet import IMAGENET_MEAN, IMAGENET_STD
from tests.models.cic.counting import multiply_adds, on_meta, parameters

PAPER_SPEC = model_spec("cic.paper")

# The authors' deploy network (colorization_deploy_v0.prototxt): strides, dilation, output side at 224.
LAYERS = {
    "conv1": (64, [1, 2], 1, 112),
    "conv2": (128, [1, 2], 1, 56),
    "conv3": (256, [1, 1, 2], 1, 28),
    "conv4": (512, [1, 1, 1], 1, 28),
    "conv5": (512, [1, 1, 1], 2, 28),
    "conv6": (512, [1, 1, 1], 2, 28),
    "conv7": (512, [1, 1, 1], 1, 28),
}


@pytest.fixture(scope="module")
def paper_model() -> CIC:
    torch.manual_seed(2016)
    return paper(PAPER_SPEC)


def test_the_paper_s_network_has_32551531_learned_parameters():
    assert parameters(on_meta(PaperNet)) == 32_551_531


def test_inference_needs_32231019_numbers_with_the_fixed_decoder():
    """Without the readouts of conv6 and conv7, and with the 313 x 2 bin centers."""
    net = on_meta(PaperNet)
    assert isinstance(net, PaperNet)
    extra = parameters(net.readouts["conv6"]) + parameters(net.readouts["conv7"])
    assert parameters(net) - extra + 313 * 2 == 32_231_019


@pytest.mark.parametrize(("side", "giga"), [(256, 41.77), (224, 31.98), (176, 19.75)])
def test_multiply_adds_of_inference(side: int, giga: float):
    """With the decoder as a 1 x 1 convolution from 313 to 2, as the authors have it."""
    decoder = (side // 4) ** 2 * 313 * 2
    assert round((multiply_adds(on_meta(PaperNet), side) + decoder) / 1e9, 2) == giga


@pytest.mark.parametrize("name", LAYERS)
def test_layer_table(name: str):
    """Widths, strides, dilations and output sizes of conv1 to conv7; no pooling; a ReLU after each layer."""
    net = on_meta(PaperNet)
    assert isinstance(net, PaperNet)
    width, strides, dilation, side = LAYERS[name]
    layers = list(net.blocks[name].children())
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [type(layer) for layer in layers] == [nn.Conv2d, nn.ReLU] * len(strides)
    assert [conv.stride for conv in convs] == [(s, s) for s in strides]
    for conv in convs:
        assert (conv.out_channels, conv.kernel_size) == (width, (3, 3))
        assert conv.dilation == conv.padding == (dilation, dilation)
        assert conv.bias is not None
    sizes = []
    net.blocks[name].register_forward_hook(lambda _m, _i, output: sizes.append(output.shape))
    net(torch.empty(1, 1, 224, 224, device="meta"))
    assert sizes == [(1, width, side, side)]


def test_conv8_upsamples_and_the_head_is_1_by_1():
    """Section 3.4: "Layer conv8 is an upsampling convolution": deconv 4 x 4, stride 2, then two 3 x 3."""
    net = on_meta(PaperNet)
    assert isinstance(net, PaperNet)
    layers = list(net.blocks["conv8"].children())
    assert [type(m) for m in layers] == [nn.ConvTranspose2d, nn.ReLU, nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU]
    deconv = layers[0]
    assert isinstance(deconv, nn.ConvTranspose2d)
    assert (deconv.in_channels, deconv.out_channels) == (512, 256)
    assert (deconv.kernel_size, deconv.stride, deconv.padding) == ((4, 4), (2, 2), (1, 1))
    (readout,) = net(torch.empty(1, 1, 224, 224, device="meta"))
    assert readout.logits.shape == (1, 313, 56, 56)
    assert readout.stride == 4
    heads = {name: (head.in_channels, head.kernel_size) for name, head in net.readouts.items()}  # type: ignore[union-attr]
    assert heads == {"conv6": (512, (1, 1)), "conv7": (512, (1, 1)), "conv8": (256, (1, 1))}


def test_batch_norms_have_no_gain_nor_bias():
    """Caffe's BatchNorm without Scale: eps 1e-5 and a running factor of .999."""
    norms = [m for m in on_meta(PaperNet).modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 7
    for norm in norms:
        assert not norm.affine
        assert norm.weight is None and norm.bias is None
        assert (norm.eps, norm.momentum) == (1e-5, 1e-3)


def test_a_batch_norm_follows_the_last_relu_of_every_block_but_conv8():
    """Figure 3: "conv and ReLU layers, followed by a BatchNorm layer"; readouts tap what comes before it."""
    net = on_meta(PaperNet).train()
    order = []
    for name, layer in net.named_modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda _m, _i, _o, name=name: order.append(name))
    net(torch.empty(2, 1, 32, 32, device="meta"))
    expected = []
    for name, _, strides, _ in PAPER_BLOCKS:
        expected += [f"blocks.{name}.{i}" for i in range(2 * len(strides))]
        expected += [f"readouts.{name}"] if name in ("conv6", "conv7") else []
        expected += [f"norms.{name}"]
    expected += [f"blocks.conv8.{i}" for i in range(6)] + ["readouts.conv8"]
    assert order == expected


def test_intermediate_readouts_read_relu_features(paper_model: CIC):
    """They see no negative value, as they would behind the BatchNorm."""
    seen = []
    net = paper_model.network.train()
    assert isinstance(net, PaperNet)
    hooks = [
        head.register_forward_pre_hook(lambda _m, args: seen.append(args[0].min().item()))
        for head in net.readouts.values()
    ]
    with torch.no_grad():
        net(torch.randn(1, 1, 16, 16) * 30)
    for hook in hooks:
        hook.remove()
    assert len(seen) == 3
    assert all(least == 0 for least in seen)


def test_deep_supervision_has_three_readouts_in_training_and_one_after(paper_model: CIC):
    centered = torch.randn(1, 1, 32, 32) * 30
    with torch.no_grad():
        training = paper_model.train().network(centered)
        (answer,) = paper_model.eval().network(centered)
    assert [(r.stride, tuple(r.logits.shape)) for r in training] == [
        (8, (1, 313, 4, 4)),
        (8, (1, 313, 4, 4)),
        (4, (1, 313, 8, 8)),
    ]
    assert answer.logits.shape == (1, 313, 8, 8)


def test_deep_supervision_doubles_the_weight_with_depth(paper_model: CIC):
    """Section 3.4: .25, .5 and 1, each loss a mean over its own places, its truth subsampled alike."""
    batch = Batch(torch.rand(2, 1, 32, 32) * 100, torch.randn(2, 2, 32, 32) * 40)
    paper_model.train()
    with torch.no_grad():
        losses = paper_model.training_losses(batch)
        readouts = paper_model.network(batch.luma - 50)
        weights = rebalancing_weights(paper_model.prior, mix=0.5)
        parts = [
            weighted_cross_entropy(
                r.logits, batch.chroma[:, :, :: r.stride, :: r.stride], weights, LossSettings()
            )
            for r in readouts
        ]
    assert paper_model.loss_settings.supervision == (0.25, 0.5, 1.0)
    total = sum(share * part[0] for share, part in zip((0.25, 0.5, 1.0), parts, strict=True))
    torch.testing.assert_close(losses["loss"], total)
    torch.testing.assert_close(losses["cross_entropy"], parts[-1][1])
    torch.testing.assert_close(losses["rebalanced"], parts[-1][0])


def test_the_paper_s_constants_are_the_defaults(paper_model: CIC):
    """Sections 3.1, 3.2, 3.4; gray threshold 5 and every 4th pixel are of the authors' code."""
    assert paper_model.loss_settings == LossSettings(
        neighbors=10,
        sigma=5.0,
        rebalance_mix=0.5,
        gray_threshold=5.0,
        supervision=(0.25, 0.5, 1.0),
        area_average=False,
    )


# Initialization from VGG-16 ------------------------------------------------------------------------

VGG16_WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
VGG16_PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


@pytest.fixture(scope="module")
def vgg16() -> dict[str, Tensor]:
    """A made state dict with torchvision's keys and shapes; its classifier is not read."""
    generator = torch.Generator().manual_seed(16)
    state = {"classifier.6.bias": torch.zeros(1000)}
    width_in = 3
    for place, width in zip(VGG16_PLACES, VGG16_WIDTHS, strict=True):
        state[f"features.{place}.weight"] = torch.randn(width, width_in, 3, 3, generator=generator) * 0.05
        state[f"features.{place}.bias"] = torch.randn(width, generator=generator) * 0.05
        width_in = width
    return state


def first_convolutions(net: nn.Module) -> list[nn.Conv2d]:
    assert isinstance(net, PaperNet)
    return [m for i in range(1, 6) for m in net.blocks[f"conv{i}"].children() if isinstance(m, nn.Conv2d)]


def test_vgg_s_first_layer_answers_gray_photos_alike(paper_model: CIC, vgg16: dict[str, Tensor]):
    """Section 3.4, filters over RGB made one over lightness: inside the border the answers are VGG's own."""
    net = paper_model.network
    assert isinstance(net, PaperNet)
    net.load_vgg16(vgg16)
    gray = torch.rand(2, 1, 12, 14)
    mean, std = (torch.tensor(v)[None, :, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    theirs = F.conv2d(
        (gray.expand(-1, 3, -1, -1) - mean) / std,
        vgg16["features.0.weight"],
        vgg16["features.0.bias"],
        padding=1,
    )
    ours = first_convolutions(net)[0](100 * gray - 50)
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(ours[inside], theirs[inside], rtol=0, atol=1e-4)
    assert theirs[inside].std() > 0.1


def test_vgg_s_other_layers_are_copied(paper_model: CIC, vgg16: dict[str, Tensor]):
    net = paper_model.network
    assert isinstance(net, PaperNet)
    before = net.blocks["conv6"].state_dict()["0.weight"].clone()
    net.load_vgg16(vgg16)
    for place, conv in list(zip(VGG16_PLACES, first_convolutions(net), strict=True))[1:]:
        assert torch.equal(conv.weight, vgg16[f"features.{place}.weight"])
        assert conv.bias is not None
        assert torch.equal(conv.bias, vgg16[f"features.{place}.bias"])
    assert torch.equal(net.blocks["conv6"].state_dict()["0.weight"], before)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("features.28.weight", None),
        ("features.28.bias", None),
        ("features.0.weight", torch.zeros(64, 1, 3, 3)),
        ("features.2.weight", torch.zeros(64)),  # vgg16_bn has a BatchNorm near there
        ("features.12.bias", torch.zeros(1)),
    ],
)
def test_other_state_dicts_are_refused_and_change_nothing(
    paper_model: CIC, vgg16: dict[str, Tensor], key: str, value: Tensor | None
):
    net = paper_model.network
    assert isinstance(net, PaperNet)
    wrong = {k: v + 1 for k, v in vgg16.items() if k != key} | ({} if value is None else {key: value})
    before = [conv.weight.clone() for conv in first_convolutions(net)]
    with pytest.raises(ValueError, match=rf"not a VGG-16 state dict: {key} should have shape"):
        net.load_vgg16(wrong)
    for conv, weight in zip(first_convolutions(net), before, strict=True):
        assert torch.equal(conv.weight, weight)


def test_a_photo_s_answer_does_not_depend_on_its_batch(paper_model: CIC):
    luma = torch.rand(3, 1, 32, 32) * 100
    paper_model.eval()
    with torch.no_grad():
        together = paper_model.predict(luma)
        alone = torch.cat([paper_model.predict(one[None]) for one in luma])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert (together[0] - together[1]).abs().max() > 1e-3
