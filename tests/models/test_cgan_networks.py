"""Generator and discriminator of Cao 2017, section 3.2 and figure 4; the numbers are those of papers.md."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from autochrome.models.cgan.discriminator import PaperDiscriminator
from autochrome.models.cgan.generator import PaperGenerator
from autochrome.nn.efficientnet import SameConv


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def small(noise: str = "multi", condition: str = "multi", space: str = "yuv") -> PaperGenerator:
    """Few channels, 16 pixels, in double precision, so that what is equal is equal to the last bit."""
    widths = (8, 6, 6, 4, 4)
    return PaperGenerator(noise, condition, space, widths=widths, noise_size=8, plane=16).double()


# The generator ------------------------------------------------------------------------------------


def test_the_generator_has_the_paper_s_parameters() -> None:
    assert parameters(PaperGenerator()) == 898_550
    assert parameters(PaperGenerator(noise="single")) == 895_350
    # A third plane: 25 kernel places of 33 planes and a bias.
    assert parameters(PaperGenerator(space="rgb")) == 898_550 + 25 * 33 + 1


@pytest.mark.parametrize(
    ("noise", "condition", "planes_in"),
    [
        ("multi", "multi", [2, 130, 66, 65, 65, 33]),
        ("single", "multi", [2, 129, 65, 65, 65, 33]),
        ("multi", "single", [2, 129, 65, 64, 64, 32]),
        ("single", "single", [2, 128, 64, 64, 64, 32]),
    ],
)
def test_the_table_of_layers(noise: str, condition: str, planes_in: list[int]) -> None:
    generator = PaperGenerator(noise, condition)
    convolutions = [layer for layer in generator.convolutions if isinstance(layer, nn.Conv2d)]
    assert [layer.in_channels for layer in convolutions] == planes_in
    assert [layer.out_channels for layer in convolutions] == [128, 64, 64, 64, 32, 2]
    assert [layer.kernel_size for layer in convolutions] == [(7, 7)] + 5 * [(5, 5)]
    assert {layer.stride for layer in convolutions} == {(1, 1)}
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert sorted(norm.num_features for norm in norms) == [1, 32, 64, 64, 64, 128]  # none after layer 6
    assert {(norm.eps, norm.momentum, norm.affine) for norm in norms} == {(1e-5, 0.1, True)}


@pytest.mark.parametrize(("space", "planes"), [("yuv", 2), ("rgb", 3)])
def test_stride_1_keeps_the_size_of_any_photo(space: str, planes: int) -> None:
    generator = PaperGenerator(space=space).eval()
    z = generator.draw_noise(2)
    for height, width in ((64, 64), (40, 56)):
        with torch.inference_mode():
            colors = generator(generator.encode(torch.rand(2, 1, height, width) * 2 - 1), z)
        assert colors.shape == (2, planes, height, width)
        assert colors.abs().max() <= 1


def test_no_hidden_layer_sees_the_photo_smaller() -> None:
    generator = small()
    sizes = []
    for layer in generator.convolutions:
        layer.register_forward_hook(lambda _module, _inputs, output: sizes.append(tuple(output.shape[2:])))
    generator(torch.zeros(2, 1, 16, 16, dtype=torch.float64), generator.draw_noise(2).double())
    assert sizes == 6 * [(16, 16)]


def test_noise_is_uniform_between_minus_1_and_1() -> None:
    noise = PaperGenerator().draw_noise(1000, torch.Generator().manual_seed(0))
    assert noise.shape == (1000, 100)
    assert noise.device.type == "cpu"
    assert -1 <= noise.min() < -0.999
    assert 0.999 < noise.max() <= 1
    assert noise.mean().abs() < 0.01
    assert noise.var() == pytest.approx(1 / 3, rel=0.01)  # of a uniform distribution of width 2


def silence(generator: PaperGenerator, layers: list[int], plane: int) -> None:
    """Zero the weights that read a plane of a layer's input: 0 is the condition's, -1 the noise's."""
    for layer in layers:
        convolution = generator.convolutions[layer]
        assert isinstance(convolution, nn.Conv2d)
        nn.init.zeros_(convolution.weight[:, plane])


def answers(generator: PaperGenerator, *, noise: int = 0, luma: int = 0) -> torch.Tensor:
    """Colors for noise and luma of a seed, batch norm with the batch's statistics."""
    z = generator.draw_noise(3, torch.Generator().manual_seed(noise)).double()
    photos = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(luma)).double()
    with torch.no_grad():
        return generator.train()(photos, z)


@pytest.mark.parametrize(("noise", "layers"), [("multi", [0, 1, 2]), ("single", [0])])
def test_noise_enters_the_first_three_layers_or_the_first(noise: str, layers: list[int]) -> None:
    for kept in layers:
        generator = small(noise=noise)
        silence(generator, [layer for layer in layers if layer != kept], -1)
        assert (answers(generator, noise=1) - answers(generator, noise=2)).abs().max() > 1e-6
        silence(generator, [kept], -1)
        assert torch.equal(answers(generator, noise=1), answers(generator, noise=2))


@pytest.mark.parametrize(("condition", "layers"), [("multi", [0, 1, 2, 3, 4, 5]), ("single", [0])])
def test_the_condition_enters_every_layer_or_the_first(condition: str, layers: list[int]) -> None:
    for kept in layers:
        generator = small(condition=condition)
        silence(generator, [layer for layer in layers if layer != kept], 0)
        assert (answers(generator, luma=1) - answers(generator, luma=2)).abs().max() > 1e-6
        silence(generator, [kept], 0)
        assert torch.equal(answers(generator, luma=1), answers(generator, luma=2))


def test_the_same_plane_goes_to_all_three_layers() -> None:
    generator = small()
    seen = []
    for layer in generator.convolutions[:3]:
        layer.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0][:, -1]))
    answers(generator)
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2])
    assert seen[0].min() == 0  # a ReLU


def test_another_size_stretches_the_plane() -> None:
    """Bilinear, halves of pixels aligned: twice the size has 3/4 and 1/4 of two neighbors."""
    generator = small().eval()
    z = generator.draw_noise(1).double()
    plane, wide = generator.plane(z, (16, 16))[0, 0], generator.plane(z, (16, 32))[0, 0]
    torch.testing.assert_close(wide[:, 1:-1:2], 0.75 * plane[:, :-1] + 0.25 * plane[:, 1:])
    torch.testing.assert_close(wide[:, 2::2], 0.25 * plane[:, :-1] + 0.75 * plane[:, 1:])


@pytest.mark.parametrize("network", [PaperGenerator, PaperDiscriminator])
def test_weights_start_as_released(network: type[nn.Module]) -> None:
    for layer in network().requires_grad_(False).modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 10_000:
            assert layer.weight.abs().max() <= 0.04
            # Of a normal distribution cut at two standard deviations: .8796 of its own.
            assert layer.weight.std() == pytest.approx(0.8796 * 0.02, rel=0.02)
        if isinstance(layer, nn.Linear) and layer.weight.numel() > 10_000:
            assert layer.weight.abs().max() > 0.06
            assert layer.weight.std() == pytest.approx(0.02, rel=0.02)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert layer.bias is not None
            assert not layer.bias.any()
        if isinstance(layer, nn.BatchNorm2d):
            assert (layer.weight == 1).all()
            assert (layer.bias == 0).all()


@pytest.mark.parametrize("choice", ["noise", "condition", "space"])
def test_an_unknown_choice_is_answered_with_the_known(choice: str) -> None:
    known = "yuv, rgb" if choice == "space" else "multi, single"
    with pytest.raises(ValueError, match=f"{choice} must be one of {known}, not 'triple'"):
        small(**{choice: "triple"})


# The discriminator --------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_the_discriminator_has_the_paper_s_parameters(norm: str) -> None:
    assert parameters(PaperDiscriminator(norm=norm)) == 4_832_769


def test_the_discriminator_s_layers() -> None:
    discriminator = PaperDiscriminator()
    shapes = []
    for layer in [*discriminator.convolutions, discriminator.hidden, discriminator.score]:
        layer.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
    assert discriminator(torch.rand(2, 3, 64, 64)).shape == (2, 1)
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (64,), (1,)]
    norms = [layer for layer in discriminator.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert [norm.num_features for norm in norms] == [128, 256, 512]  # none after the first


def test_the_linear_layers_have_nothing_between_them() -> None:
    """So together they are one affine function."""
    discriminator = PaperDiscriminator(widths=(4,), size=4, hidden=8).double()
    features = torch.randn(2, 16, dtype=torch.float64)
    both = discriminator.score(discriminator.hidden(features))
    mean = discriminator.score(discriminator.hidden(features.mean(0, keepdim=True)))
    torch.testing.assert_close(both.mean(0, keepdim=True), mean)


@pytest.mark.parametrize(("place", "offset"), [(0, -1), (1, 0), (4, 3)])
def test_padding_is_that_of_tensorflow_s_same(place: int, offset: int) -> None:
    """5 wide, stride 2, 8 pixels: 4 outputs need (4 - 1) * 2 + 5 = 11, so 3 zeros: 1 before and 2 after.

    A kernel of one weight at ``place`` then reads pixel 2 i + place - 1 into output i.
    """
    convolution = SameConv(1, 1, 5, stride=2)
    nn.init.zeros_(convolution.weight)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        convolution.weight[0, 0, place, place] = 1
        ramp = torch.arange(1.0, 65).view(1, 1, 8, 8)
        found = convolution(ramp)[0, 0]
    for i in range(4):
        for j in range(4):
            y, x = 2 * i + offset, 2 * j + offset
            inside = 0 <= y < 8 and 0 <= x < 8
            assert found[i, j] == (ramp[0, 0, y, x] if inside else 0)


def test_the_discriminator_judges_with_the_batch_s_statistics_even_after_training() -> None:
    discriminator = PaperDiscriminator(widths=(4, 8), size=16, hidden=4)
    pictures = torch.rand(3, 3, 16, 16)
    assert torch.equal(discriminator.eval()(pictures), discriminator.train()(pictures))
    assert "norms.0.running_mean" not in discriminator.state_dict()


def test_layer_norm_judges_each_picture_alone_and_batch_norm_does_not() -> None:
    pictures = torch.rand(3, 3, 16, 16)
    apart = {}
    for norm in ("batch", "layer"):
        discriminator = PaperDiscriminator(widths=(4, 8), size=16, hidden=4, norm=norm)
        difference = discriminator(pictures)[:1] - discriminator(pictures[:1])
        apart[norm] = float((difference.abs() / discriminator(pictures).abs().mean()).detach())
    assert apart["layer"] < 1e-4
    assert apart["batch"] > 1e-2


def test_pictures_of_another_size_are_refused() -> None:
    discriminator = PaperDiscriminator(widths=(4, 8), size=16)
    with pytest.raises(ValueError, match=r"16x16 pixels, not 16x32: set data\.crops\.size=16"):
        discriminator(torch.rand(1, 3, 16, 32))
    with pytest.raises(ValueError, match="size must be a multiple of 4, not 10"):
        PaperDiscriminator(widths=(4, 8), size=10)
