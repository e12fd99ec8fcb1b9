"""PixColor as the paper has it: table 2's sizes, its options, and what is not ours."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autochrome.color.bins import ChromaBins
from autochrome.color.upsampling import upsample_bilinear
from autochrome.models.pixcolor.conditioning import PaperConditioning
from autochrome.models.pixcolor.model import PixColor, paper
from autochrome.models.pixcolor.pixelcnn import PixelCNN, PixelCNNConfig
from autochrome.models.pixcolor.refinement import PaperRefinement
from autochrome.models.pixcolor.settings import PixColorSettings
from autochrome.models.registry import model_spec
from tests.models.pixcolor.made_model import (
    NEUTRAL,
    gray_batch,
    photos,
    tiny,
    trained_parts,
    training_networks,
)


class Bilinear(nn.Module):
    """A refinement network that adds nothing."""

    def forward(self, luma: Tensor, chroma: Tensor) -> Tensor:
        return upsample_bilinear(chroma, (luma.shape[2], luma.shape[3]))


def plain(**settings: Any) -> PixColor:
    """The paper's model, at stride 8 and without what is ours, with few channels."""
    config = PixelCNNConfig(bins=ChromaBins(), maps=8, blocks=1, head=16, condition=8, kernel=3)
    return PixColor(
        model_spec("pixcolor.paper"),
        nn.Conv2d(1, 8, 8, stride=8),
        PixelCNN(config),
        Bilinear(),
        PixColorSettings(**settings),
    )


def test_without_a_shift_neutral_is_an_edge_and_tinted_until_means_are_known() -> None:
    """The paper's 32 bins: 128 is the lowest value of bin 16, whose middle is 132."""
    model = plain(colorness_threshold=0.0)
    neutral = torch.full((1, 2, 1, 1), NEUTRAL)
    assert model.bins.encode(neutral).unique().tolist() == [16]
    torch.testing.assert_close(model.decode(model.bins.encode(neutral)), neutral + 4 / 255)
    model.train().colorization_losses(gray_batch())
    torch.testing.assert_close(model.decode(model.bins.encode(neutral)), neutral)


def test_the_paper_s_reduction_is_the_mean_over_8_by_8_pixels() -> None:
    chroma = torch.rand(1, 2, 16, 24)
    expected = chroma.reshape(1, 2, 2, 8, 3, 8).mean((3, 5))
    torch.testing.assert_close(plain().reduce(chroma), expected)


@torch.no_grad()
def test_the_paper_s_draws_stay_at_the_means_of_bins() -> None:
    model = plain().eval()
    luma = torch.rand(1, 1, 16, 24)
    low = model.draw(luma, generator=torch.Generator().manual_seed(1)).chroma[:, 0]
    assert torch.equal(model.finish(luma, low, refine=False), low)
    torch.testing.assert_close(model.finish(luma, low), model.refine(luma, low))


def on_meta(**options: Any) -> PixColor:
    with torch.device("meta"):
        return paper(model_spec("pixcolor.paper"), **options)


def test_paper_s_parameter_counts() -> None:
    """papers.md: 27.54M, .664M, 2.97M with the taps that masks would zero, and 34.27M."""
    model = on_meta()
    counts = {name: sum(p.numel() for p in child.parameters()) for name, child in model.named_children()}
    assert counts == {
        "conditioning": 27_535_424 + 663_936,
        "pixelcnn": 1_984_064,
        "refinement": 34_272_002,
    }
    assert sum(counts.values()) == 64_455_426
    # Full kernels have 49 taps where ours have 28 and 4 (first layer), 25 for 15, 5 for 3 (blocks).
    dead = 2 * 64 * ((49 - 28) + (7 - 4)) + 10 * 64 * 128 * ((25 - 15) + (5 - 3))
    assert counts["pixelcnn"] + dead == 2_970_176


def test_paper_s_parts() -> None:
    model = on_meta()
    assert isinstance(model.conditioning, PaperConditioning)
    assert isinstance(model.refinement, PaperRefinement)
    assert model.pixelcnn.config == PixelCNNConfig()
    assert (model.bins.count, model.bins.width, model.bins.shift) == (32, 8, 0)
    assert model.pixelcnn.config.input_gain == 1
    assert type(model) is PixColor
    spec = model_spec("pixcolor.paper")
    assert (spec.working_size, spec.multiple_of, spec.kind) == (224, 8, "samples")
    assert model.settings == PixColorSettings(
        part="colorization", freeze_backbone=False, colorness_threshold=0.05, jitter=4 / 255
    )


def test_paper_s_grid_is_28_by_28_at_224() -> None:
    """And with other sides of the photo other grids, of a smallest side of 28."""
    model = on_meta().eval()
    for height, width in ((224, 224), (224, 304), (320, 224)):
        luma = torch.empty(1, 1, height, width, device="meta")
        condition = model.encode(luma)
        assert condition.shape == (1, 64, height // 8, width // 8)
        bins = torch.zeros(1, 2, height // 8, width // 8, dtype=torch.int64, device="meta")
        assert model.pixelcnn(bins, condition).shape == (1, 2, 32, height // 8, width // 8)


def test_paper_s_options() -> None:
    model = on_meta(part="refinement", colorness_threshold=0.1).train()
    assert trained_parts(model) == training_networks(model) == {"refinement"}
    model = on_meta(freeze_backbone=True).train()
    assert not model.conditioning.backbone.training
    assert not any(p.requires_grad for p in model.conditioning.backbone.parameters())
    assert all(p.requires_grad for p in model.conditioning.adaptation.parameters())
    model = on_meta(multiplier_before=0.1, multiplier_after=0.5, multiplier_at=7)
    assert isinstance(model.conditioning, PaperConditioning)
    multiplier = model.conditioning.multiplier
    assert (multiplier.before, multiplier.after, multiplier.at) == (0.1, 0.5, 7)
    with pytest.raises(TypeError, match="multiplier_at"):
        tiny(multiplier_at=7)


def test_paper_s_training_step() -> None:
    """A paper's model cut to one bottleneck a layer: crops at full resolution, the ResNet waiting."""
    model = on_meta()
    assert isinstance(model.conditioning, PaperConditioning)
    backbone = model.conditioning.backbone
    for layer in (backbone.layer1, backbone.layer2, backbone.layer3):
        del layer[1:]
    del model.pixelcnn.blocks[1:]
    conditioning = model.conditioning.to_empty(device="cpu")
    pixelcnn = PixelCNN(PixelCNNConfig(blocks=1))
    for module in conditioning.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    conditioning.multiplier.passes.zero_()
    settings = PixColorSettings(colorness_threshold=0.0)
    small = PixColor(model.spec, conditioning, pixelcnn, Bilinear(), settings).train()
    losses = small.training_losses(photos(2, 32, 48))
    losses["loss"].backward()
    assert small.bin_counts.sum() == 2 * 2 * 4 * 6
    assert all(p.grad is not None and not p.grad.any() for p in conditioning.backbone.parameters())
    assert all(p.grad is not None and p.grad.any() for p in conditioning.adaptation[2].parameters())
    assert conditioning.multiplier.passes == 1
