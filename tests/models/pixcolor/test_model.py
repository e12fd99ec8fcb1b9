"""PixColor as a whole: its bins' bookkeeping, its losses, what is trained, and what sampling promises."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.bins import ChromaBins
from autochrome.color.spaces import YCBCR
from autochrome.engine.ema import WeightAverage
from autochrome.engine.loop import train
from autochrome.engine.recipe import load_recipe
from autochrome.models.base import Batch, HasBackbone, HasDistribution
from autochrome.models.pixcolor.conditioning import CompactConditioning, PaperConditioning
from autochrome.models.pixcolor.model import (
    STRIDE,
    PixColor,
    TrainingSettings,
    colourness,
    paper,
)
from autochrome.models.pixcolor.pixelcnn import PixelCNN, PixelCNNConfig
from autochrome.models.pixcolor.refinement import CompactRefinement, PaperRefinement
from autochrome.models.registry import create_model, model_spec
from autochrome.models.weights import load_weights, resolve_weights, save_weights
from tests.data.made_photos import write_folder
from tests.engine.tiny_run import differences, write_recipe

NEUTRAL = 128 / 255


def tiny(**options: Any) -> PixColor:
    model = create_model("pixcolor.test", **options)
    assert isinstance(model, PixColor)
    return model


@pytest.fixture
def model() -> PixColor:
    return tiny()


def photos(count: int = 2, height: int = 16, width: int = 24) -> Batch:
    """Smooth patches of colour at the compact conditioning's resolution: four times the grid's."""
    coarse = 0.2 + 0.6 * torch.rand(count, 2, height // 4, width // 4)
    chroma = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return Batch(torch.rand(count, 1, height, width), chroma)


def set_logits(model: PixColor, logits: Callable[[Tensor], Tensor]) -> None:
    """Let the PixelCNN answer with these logits."""
    model.pixelcnn.forward = lambda bins, condition: logits(bins)  # type: ignore[method-assign]


# The bins and what they stand for ------------------------------------------------------------------


def test_before_training_a_bin_stands_for_its_middle(model: PixColor) -> None:
    assert torch.equal(model.bin_means, model.bins.centers().expand(2, -1))
    assert not model.bin_counts.any()
    assert model.bin_counts.dtype == torch.int64


def test_means_of_the_bins_equal_a_two_pass_computation(model: PixColor) -> None:
    """The mean within each bin over all training photos, however they came in batches; Cr before Cb."""
    model.train()
    seen = []
    for count in (2, 4, 3):
        batch = photos(count)
        model.colorization_losses(batch)
        seen.append(F.avg_pool2d(batch.chroma, 4))
    values = torch.cat(seen).double()
    for channel, plane in enumerate((1, 0)):  # of (Cb, Cr)
        flat = values[:, plane].flatten().numpy()
        bins = np.floor((flat * 255 + 4) / 8).astype(int)
        for k in range(32):
            inside = flat[bins == k]
            assert model.bin_counts[channel, k] == len(inside)
            expected = inside.mean() if len(inside) else (8 * k) / 255
            assert model.bin_means[channel, k].item() == pytest.approx(expected, abs=1e-6)
    assert (model.bin_counts > 0).any(1).all() and (model.bin_counts == 0).any(1).all()


def test_only_training_counts(model: PixColor) -> None:
    model.eval().colorization_losses(photos())
    assert not model.bin_counts.any()


def test_training_pixels_decode_to_the_means_of_their_bins(model: PixColor) -> None:
    model.train()
    batch = photos(4)
    model.colorization_losses(batch)
    chroma = F.avg_pool2d(batch.chroma, 4)
    decoded = model.decode(model.bins.encode(chroma))
    torch.testing.assert_close(decoded.mean((0, 2, 3)), chroma.mean((0, 2, 3)))
    assert (decoded - chroma).abs().max() <= 8 / 255


def gray_batch() -> Batch:
    return Batch(torch.rand(2, 1, 16, 16), torch.full((2, 2, 16, 16), NEUTRAL))


def test_neutral_stays_neutral(model: PixColor) -> None:
    """A shift of half a bin makes neutral a bin's middle: before training and after it."""
    neutral = torch.full((1, 2, 3, 3), NEUTRAL)
    torch.testing.assert_close(model.decode(model.bins.encode(neutral)), neutral)
    model.train().colorization_losses(gray_batch())
    torch.testing.assert_close(model.decode(model.bins.encode(neutral)), neutral)
    rgb = YCBCR.merge(torch.full((1, 1, 3, 3), 0.4), model.decode(model.bins.encode(neutral)))
    torch.testing.assert_close(rgb, torch.full((1, 3, 3, 3), 0.4), rtol=0, atol=1e-5)


def test_without_a_shift_neutral_is_an_edge_and_tinted_until_means_are_known() -> None:
    """The paper's 32 bins: 128 is the lowest value of bin 16, whose middle is 132."""
    original = tiny()
    config = PixelCNNConfig(bins=ChromaBins(), maps=8, blocks=1, head=16, condition=8, kernel=3)
    model = PixColor(
        original.spec,
        original.conditioning,
        PixelCNN(config),
        CompactRefinement(),
        TrainingSettings(colourness_threshold=0.0),
    )
    neutral = torch.full((1, 2, 1, 1), NEUTRAL)
    assert model.bins.encode(neutral).unique().tolist() == [16]
    torch.testing.assert_close(model.decode(model.bins.encode(neutral)), neutral + 4 / 255)
    model.train().colorization_losses(gray_batch())
    torch.testing.assert_close(model.decode(model.bins.encode(neutral)), neutral)


# Colourness ----------------------------------------------------------------------------------------


def patch(share: float, radius: float) -> Tensor:
    """A photo of 100 pixels, of which a share lies at a distance from neutral, towards Cb alone."""
    chroma = torch.full((1, 2, 10, 10), NEUTRAL)
    chroma[0, 0].view(-1)[: round(100 * share)] += radius
    return chroma


def test_colourness_is_the_95th_percentile_of_the_distance_from_neutral() -> None:
    """Of 100 sorted values it lies between the 95th and the 96th: place .95 * 99 = 94.05, counted from 0."""
    radii = torch.arange(100) / 1000
    chroma = NEUTRAL + torch.stack((0.6 * radii, -0.8 * radii)).reshape(1, 2, 10, 10)
    torch.testing.assert_close(colourness(chroma), torch.tensor([0.09405]))


@pytest.mark.parametrize(
    ("share", "radius", "expected"),
    [
        (1.0, 0.2, 0.2),
        (0.06, 0.2, 0.2),
        (0.05, 0.2, 0.05 * 0.2),  # places 94 and 95 are 0 and .2; .05 of the way between them
        (0.04, 0.2, 0.0),
        (0.0, 0.2, 0.0),
    ],
)
def test_a_twentieth_of_the_photo_decides(share: float, radius: float, expected: float) -> None:
    assert colourness(patch(share, radius)).item() == pytest.approx(expected, abs=1e-6)


def test_colourness_is_each_photo_s_own() -> None:
    both = torch.cat((patch(1, 0.1), patch(0.5, 0.3)))
    torch.testing.assert_close(colourness(both), torch.tensor([0.1, 0.3]))


# Losses --------------------------------------------------------------------------------------------


def test_cross_entropy_equals_torch_s_on_given_logits(model: PixColor) -> None:
    """Section 3.1: cross-entropy per pixel, the mean over pixels and over Cr and Cb."""
    batch = photos(2)
    logits = torch.randn(2, 2, 32, 4, 6)
    set_logits(model, lambda bins: logits)
    losses = model.colorization_losses(batch)
    reduced = batch.chroma.reshape(2, 2, 4, 4, 6, 4).mean((3, 5))
    bins = ((reduced * 255 + 4) / 8).floor().long()  # (Cb, Cr)
    own = [F.cross_entropy(logits[:, 0], bins[:, 1]), F.cross_entropy(logits[:, 1], bins[:, 0])]
    torch.testing.assert_close(losses["loss"], torch.stack(own).mean())
    torch.testing.assert_close(losses["bits_per_dim"], torch.stack(own).mean() / math.log(2))
    assert losses["kept"] == 1


def test_uniform_predictions_cost_5_bits(model: PixColor) -> None:
    """32 bins."""
    set_logits(model, lambda bins: torch.zeros(len(bins), 2, 32, *bins.shape[2:]))
    losses = model.colorization_losses(photos())
    assert losses["bits_per_dim"].item() == pytest.approx(5)
    assert losses["loss"].item() == pytest.approx(math.log(32))


def right_with(logit: float) -> Callable[[Tensor], Tensor]:
    """Logits that favour the true bins of the first photo, and no bins of the others."""

    def answer(bins: Tensor) -> Tensor:
        logits = logit * F.one_hot(bins, 32).movedim(-1, 2).float()
        logits[1:] = 0
        return logits

    return answer


def test_photos_below_the_colourness_threshold_teach_nothing() -> None:
    batch = photos(2)
    batch.chroma[1] = NEUTRAL + 0.9 * 0.05 / math.sqrt(2)  # a distance of .045
    expected = math.log(31 + math.exp(3)) - 3
    for threshold, loss, kept in (
        (0.05, expected, 0.5),
        (0.04, (expected + math.log(32)) / 2, 1.0),
        (0.0, (expected + math.log(32)) / 2, 1.0),
    ):
        model = tiny(colourness_threshold=threshold)
        set_logits(model, right_with(3.0))
        losses = model.colorization_losses(batch)
        assert losses["loss"].item() == pytest.approx(loss, rel=1e-4)
        assert losses["kept"].item() == kept
        # The log tells of all photos.
        bits = (expected + math.log(32)) / 2 / math.log(2)
        assert losses["bits_per_dim"].item() == pytest.approx(bits, rel=1e-4)


def test_a_batch_of_gray_photos_alone_has_loss_and_gradient_0() -> None:
    model = tiny(colourness_threshold=0.05).train()
    losses = model.colorization_losses(gray_batch())
    assert losses["loss"] == 0
    losses["loss"].backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_teacher_forcing_needs_one_pass(model: PixColor) -> None:
    calls = []
    model.pixelcnn.register_forward_hook(lambda *_: calls.append(1))
    model.colorization_losses(photos())
    assert len(calls) == 1


def test_refinement_loss_is_l1_in_bytes_on_the_true_low_resolution_chroma() -> None:
    """Section 3.2: the input is a downsampling of the truth. Without jitter and untrained, bilinear."""
    model = tiny(part="refinement", jitter=0.0).train()
    chroma = 0.2 + 0.6 * torch.rand(2, 2, 32, 16)
    losses = model.training_losses(Batch(torch.rand(2, 1, 32, 16), chroma))
    low = chroma.reshape(2, 2, 4, 8, 2, 8).mean((3, 5))
    plain = F.interpolate(low, (32, 16), mode="bilinear", align_corners=False)
    expected = 255 * (plain - chroma).abs().mean()
    torch.testing.assert_close(losses["bilinear"], expected)
    torch.testing.assert_close(losses["loss"], expected)


def test_refinement_is_trained_with_jitter() -> None:
    model = tiny(part="refinement", jitter=0.1)
    seen = []
    model.refinement.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    chroma = torch.full((1, 2, 64, 64), 0.5)
    model.training_losses(Batch(torch.rand(1, 1, 64, 64), chroma))
    noise = seen[0] - 0.5
    assert noise.std() > 0.04
    assert noise.abs().max() <= 0.1 + 1e-6


def test_the_part_decides_which_losses() -> None:
    batch = photos(2, 16, 16)
    assert set(tiny().training_losses(batch)) == {"loss", "bits_per_dim", "kept"}
    assert set(tiny(part="refinement").training_losses(batch)) == {"loss", "bilinear"}


# What is trained -----------------------------------------------------------------------------------


def trained_parts(model: nn.Module) -> set[str]:
    """Names of the model's networks that have a parameter to train."""
    return {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}


def training_networks(model: nn.Module) -> set[str]:
    return {name for name, child in model.named_children() if child.training}


def test_colorization_trains_conditioning_and_pixelcnn() -> None:
    model = tiny().train()
    assert trained_parts(model) == training_networks(model) == {"conditioning", "pixelcnn"}
    assert model.conditioning.backbone.training


def test_refinement_trains_alone() -> None:
    model = tiny(part="refinement").train()
    assert trained_parts(model) == training_networks(model) == {"refinement"}


def test_a_frozen_backbone_leaves_the_adaptation_to_train() -> None:
    model = tiny(freeze_backbone=True).train()
    assert not model.conditioning.backbone.training
    assert model.conditioning.adaptation.training
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert {name.rsplit(".", 3)[0].split(".")[0] for name in trained} == {"conditioning", "pixelcnn"}
    assert not any(".backbone." in name for name in trained)
    assert any(name.startswith("conditioning.adaptation.") for name in trained)


@pytest.mark.parametrize("part", ["colorization", "refinement"])
def test_evaluation_mode_is_everyone_s(part: str) -> None:
    assert not any(module.training for module in tiny(part=part).train().eval().modules())


@pytest.mark.parametrize(
    ("options", "moving"),
    [
        ({}, {"bin_means", "bin_counts", "conditioning", "pixelcnn"}),
        ({"freeze_backbone": True}, {"bin_means", "bin_counts", "conditioning", "pixelcnn"}),
        ({"part": "refinement"}, {"refinement"}),
    ],
)
def test_a_step_changes_what_is_trained_and_no_statistics_of_the_others(
    options: dict[str, object], moving: set[str]
) -> None:
    model = tiny(**options).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(2):
        optimiser.zero_grad()
        model.training_losses(photos(2, 32, 32))["loss"].backward()
        optimiser.step()
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert {key.split(".")[0] for key in changed} == moving
    if options.get("freeze_backbone"):
        assert not any(".backbone." in key for key in changed)


def test_a_few_steps_lower_the_loss() -> None:
    model = tiny(colourness_threshold=0.0).train()
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    batch = photos(4)
    losses = []
    for _ in range(12):
        optimiser.zero_grad()
        loss = model.training_losses(batch)["loss"]
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(math.log(32), rel=0.2)
    assert losses[-1] < 0.8 * losses[0]


# Inference -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 40), (40, 16)])
def test_shapes(model: PixColor, height: int, width: int) -> None:
    luma = torch.rand(2, 1, height, width)
    grid = (height // STRIDE, width // STRIDE)
    with torch.no_grad():
        assert model.encode(luma).shape == (2, 8, *grid)
        assert model.reduce(torch.rand(2, 2, height, width)).shape == (2, 2, *grid)
        assert model.refine(luma, torch.rand(2, 2, *grid)).shape == (2, 2, height, width)
        assert model.log_prob(luma, torch.rand(2, 2, *grid)).shape == (2,)
        refined = model.sample(luma, n=3)
        plain = model.sample(luma, n=3, refine=False)
    assert refined.chroma.shape == (2, 3, 2, height, width)
    assert plain.chroma.shape == (2, 3, 2, *grid)
    assert refined.log_prob is not None and refined.log_prob.shape == (2, 3)
    assert refined.space == plain.space == "ycbcr"


def test_reducing_is_the_mean_over_cells(model: PixColor) -> None:
    chroma = torch.rand(1, 2, 16, 24)
    torch.testing.assert_close(model.reduce(chroma), chroma.reshape(1, 2, 2, 8, 3, 8).mean((3, 5)))


def test_encoding_shows_the_conditioning_its_own_resolution(model: PixColor) -> None:
    """The compact network reads luma at half size, so that its stride of 4 meets the grid."""
    luma = torch.rand(1, 1, 16, 24)
    with torch.no_grad():
        expected = model.conditioning(luma.reshape(1, 1, 8, 2, 12, 2).mean((3, 5)))
        torch.testing.assert_close(model.encode(luma), expected)


@pytest.mark.parametrize(("height", "width"), [(20, 16), (16, 20), (4, 8)])
def test_other_sides_are_refused(model: PixColor, height: int, width: int) -> None:
    luma = torch.rand(1, 1, height, width)
    message = rf"pixcolor\.test needs luma sides that are multiples of 8, not {height} x {width}"
    with pytest.raises(ValueError, match=message):
        model.encode(luma)
    with pytest.raises(ValueError, match=message):
        model.sample(luma)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "the number of samples is at least 1, not 0"),
        ({"n": -2}, "the number of samples is at least 1, not -2"),
        ({"temperature": -0.1}, "temperature must lie within 0 and 1, not -0.1"),
        ({"temperature": 1.5}, "temperature must lie within 0 and 1, not 1.5"),
        ({"temperature": math.nan}, "temperature must lie within 0 and 1, not nan"),
    ],
)
def test_what_cannot_be_sampled(model: PixColor, arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.sample(torch.rand(1, 1, 16, 16), **arguments)  # type: ignore[arg-type]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def test_one_seed_gives_one_picture(model: PixColor) -> None:
    """Sample k is the same whatever n and the batch; another seed gives another."""
    luma = torch.rand(2, 1, 16, 24)
    four = model.sample(luma, n=4, generator=seeded(5))
    again = model.sample(luma, n=4, generator=seeded(5))
    two = model.sample(luma, n=2, generator=seeded(5))
    alone = model.sample(luma[1:], n=2, generator=seeded(5))
    other = model.sample(luma, n=4, generator=seeded(6))
    assert four.log_prob is not None and again.log_prob is not None and alone.log_prob is not None
    assert torch.equal(four.chroma, again.chroma)
    assert torch.equal(four.log_prob, again.log_prob)
    torch.testing.assert_close(two.chroma, four.chroma[:, :2], rtol=0, atol=1e-5)
    torch.testing.assert_close(alone.chroma, four.chroma[1:, :2], rtol=0, atol=1e-5)
    torch.testing.assert_close(alone.log_prob, four.log_prob[1:, :2])
    assert not torch.allclose(four.chroma, other.chroma, atol=1e-2)


@torch.no_grad()
def test_samples_of_a_photo_differ(model: PixColor) -> None:
    chroma = model.sample(torch.rand(1, 1, 16, 16), n=3, refine=False).chroma[0]
    assert not torch.equal(chroma[0], chroma[1])
    assert not torch.equal(chroma[1], chroma[2])


@torch.no_grad()
def test_without_a_generator_the_global_seed_decides(model: PixColor) -> None:
    luma = torch.rand(1, 1, 16, 16)
    torch.manual_seed(3)
    first, second = (model.sample(luma, refine=False).chroma for _ in range(2))
    torch.manual_seed(3)
    assert torch.equal(model.sample(luma, refine=False).chroma, first)
    assert not torch.equal(first, second)


@torch.no_grad()
def test_temperature_0_takes_the_most_probable(model: PixColor) -> None:
    luma = torch.rand(1, 1, 16, 16)
    chroma = model.sample(luma, n=2, temperature=0.0, generator=seeded(1), refine=False).chroma
    assert torch.equal(chroma[:, 0], chroma[:, 1])
    other = model.sample(luma, temperature=0.0, generator=seeded(2), refine=False).chroma
    assert torch.equal(chroma[:, :1], other)


@torch.no_grad()
def test_a_draw_is_dequantised_within_its_bins(model: PixColor) -> None:
    bins = torch.randint(0, 32, (3, 2, 5, 6), generator=seeded(4))
    chroma = model.dequantise(bins)
    assert torch.equal(model.bins.encode(chroma), bins)
    assert not torch.equal(chroma, model.decode(bins))
    assert torch.equal(model.dequantise(bins[1:2]), chroma[1:2]), "one draw has one look"


@torch.no_grad()
def test_a_plain_draw_gets_a_cast_that_is_nowhere_more_than_half_a_bin(model: PixColor) -> None:
    casts = []
    for place in range(200):  # draws that differ in one pixel
        bins = torch.full((1, 2, 14, 15), 16)
        bins[0, 0, place // 15, place % 15] = 17
        casts.append((model.dequantise(bins) - model.decode(bins))[0, 1, 13, 14])
    found = 255 * torch.stack(casts)
    assert found.abs().max() < 4
    assert 1.1 < found.std() < 1.8 and found.mean().abs() < 0.4


@torch.no_grad()
def test_without_dequantisation_bins_decode_to_their_means(model: PixColor) -> None:
    bins = torch.randint(0, 32, (1, 2, 5, 6), generator=seeded(4))
    model.dequantisation = None
    assert torch.equal(model.dequantise(bins), model.decode(bins))


@torch.no_grad()
def test_unrefined_samples_lie_at_the_means_of_bins(model: PixColor) -> None:
    chroma = model.sample(torch.rand(1, 1, 16, 24), n=2, generator=seeded(1), refine=False).chroma[0]
    assert torch.equal(model.decode(model.bins.encode(chroma)), chroma)


@torch.no_grad()
def test_log_prob_of_a_sample_is_that_of_its_chroma(model: PixColor) -> None:
    """The teacher-forced likelihood at temperature 1, whatever the temperature of the draw."""
    luma = torch.rand(2, 1, 16, 24)
    for temperature in (None, 1.0, 0.5):
        samples = model.sample(luma, n=2, temperature=temperature, generator=seeded(7), refine=False)
        assert samples.log_prob is not None
        for k in range(2):
            expected = model.log_prob(luma, samples.chroma[:, k])
            torch.testing.assert_close(samples.log_prob[:, k].float(), expected, rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_log_prob_agrees_with_the_loss_in_bits(model: PixColor) -> None:
    luma, chroma = torch.rand(2, 1, 32, 48), photos(2, 32, 48).chroma
    nats = -model.log_prob(luma, model.reduce(chroma))
    batch = Batch(F.avg_pool2d(luma, 2), F.avg_pool2d(chroma, 2))
    dimensions = 2 * 4 * 6
    torch.testing.assert_close(
        model.colorization_losses(batch)["bits_per_dim"], (nats / dimensions / math.log(2)).mean()
    )


@torch.no_grad()
def test_a_refined_sample_is_the_refinement_of_the_low_resolution_one(model: PixColor) -> None:
    nn.init.normal_(model.refinement.head.weight, std=0.05)  # untrained, it would be bilinear upsampling
    luma = torch.rand(2, 1, 16, 16)
    low = model.sample(luma, n=2, generator=seeded(4), refine=False).chroma
    full = model.sample(luma, n=2, generator=seeded(4)).chroma
    for k in range(2):
        torch.testing.assert_close(full[:, k], model.refine_draw(luma, low[:, k]), rtol=0, atol=1e-5)
    bilinear = F.interpolate(low[:, 0], (16, 16), mode="bilinear", align_corners=False)
    assert not torch.allclose(full[:, 0], bilinear, atol=1e-3)


@torch.no_grad()
def test_samples_share_one_encoding(model: PixColor) -> None:
    calls = []
    model.conditioning.register_forward_hook(lambda _m, args, _o: calls.append(len(args[0])))
    model.sample(torch.rand(2, 1, 16, 16), n=5)
    assert calls == [2]


def test_what_it_is(model: PixColor) -> None:
    assert model.spec.draws
    assert isinstance(model, HasBackbone)
    assert not isinstance(model, HasDistribution)


def test_the_backbone_of_a_compact_model_comes_from_a_compact_cic(model: PixColor) -> None:
    cic = create_model("cic.test").state_dict()
    model.load_backbone(cic)
    for key, value in model.conditioning.backbone.state_dict().items():
        assert torch.equal(value, cic[f"network.{key}"])
    with pytest.raises(ValueError, match=r"^not the weights of cic\.compact: network\."):
        model.load_backbone({"features.0.weight": torch.zeros(64, 3, 3, 3)})


# Weights, averages, resuming -----------------------------------------------------------------------


def trained() -> PixColor:
    """A model that has seen photos, so that its buffers hold something."""
    model = tiny().train()
    for _ in range(2):
        model.colorization_losses(photos(3, 32, 32))
    return model.eval()


def test_shipped_weights_keep_the_means_and_counts_exactly(tmp_path: Path) -> None:
    """Parameters are halved to float16, which would move a mean by up to 1/16 of a byte."""
    model, other = trained(), tiny()
    save_weights(model, tmp_path / "model.safetensors", half=True)
    load_weights(other, resolve_weights(tmp_path / "model.safetensors"))
    assert torch.equal(other.bin_means, model.bin_means)
    assert not torch.equal(model.bin_means, model.bin_means.half().float())
    assert torch.equal(other.bin_counts, model.bin_counts)
    assert other.bin_counts.dtype == torch.int64
    assert model.bin_counts.sum() == 2 * 2 * 3 * 8 * 8  # two batches of three, two channels
    head = "head.2.weight"
    halved = model.pixelcnn.state_dict()[head].half().float()
    assert torch.equal(other.pixelcnn.state_dict()[head], halved)
    luma = torch.rand(1, 1, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(other.encode(luma), model.encode(luma), rtol=1e-2, atol=1e-2)


def test_what_is_saved_is_no_more_than_needed() -> None:
    """Masks and inputs follow from the configuration."""
    assert not any("mask" in key or key.endswith("pixelcnn.inputs") for key in tiny().state_dict())


def test_an_average_copies_counts_and_averages_means() -> None:
    model = tiny().train()
    average = WeightAverage(model, 0.9)
    model.colorization_losses(photos(3))
    average.update(model)
    assert torch.equal(average.average["bin_counts"], model.bin_counts)
    with average.applied_to(model):
        assert model.bin_counts.sum() == 2 * 3 * 4 * 6
    # After the first update the decay is 2/11.
    start = model.bins.centers().expand(2, -1)
    torch.testing.assert_close(average.average["bin_means"], start + (model.bin_means - start) * 9 / 11)


def test_a_resumed_model_goes_on_counting_exactly() -> None:
    straight = tiny().train()
    batches = [photos(2) for _ in range(4)]
    for batch in batches[:2]:
        straight.colorization_losses(batch)
    resumed = tiny().train()
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    for batch in batches[2:]:
        straight.colorization_losses(batch)
        resumed.colorization_losses(batch)
    assert torch.equal(resumed.bin_means, straight.bin_means)
    assert torch.equal(resumed.bin_counts, straight.bin_counts)


@pytest.mark.parametrize("options", ["{}", "{part: refinement}", "{freeze_backbone: true}"])
def test_a_run_that_was_stopped_equals_an_unbroken_one(options: str, tmp_path: Path) -> None:
    """Weights, averages, means and counts, bit for bit; with the jitter's noise."""
    recipe = write_recipe(tmp_path / "tiny.yaml", write_folder(tmp_path / "photos"))
    overrides = ["model.name=pixcolor.test", f"model.options={options}", "schedule.kind=constant"]
    overrides += ["trainer.steps=4", "watch.size=16"]
    unbroken = train(load_recipe(recipe, overrides), tmp_path / "unbroken")
    first = train(load_recipe(recipe, [*overrides, "trainer.steps=2"]), tmp_path / "broken")
    second = train(load_recipe(recipe, overrides), tmp_path / "broken", resume=True)
    assert first.losses + second.losses == unbroken.losses
    assert len(set(unbroken.losses)) == 4
    assert differences(tmp_path / "unbroken", tmp_path / "broken") == []
    saved = load_file(tmp_path / "unbroken" / "model.safetensors")
    photos_seen = 0 if "refinement" in options else 4 * 4
    assert saved["bin_counts"].sum() == 2 * photos_seen * 8 * 8  # crops of 32 at stride 4


# The paper's ---------------------------------------------------------------------------------------


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
    assert model.ranker is None
    spec = model_spec("pixcolor.paper")
    assert (spec.working_size, spec.multiple_of, spec.draws) == (224, 8, True)
    assert model.settings == TrainingSettings(
        part="colorization", freeze_backbone=False, colourness_threshold=0.05, jitter=4 / 255
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
    model = on_meta(part="refinement", colourness_threshold=0.1).train()
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
    settings = TrainingSettings(colourness_threshold=0.0)
    small = PixColor(model.spec, conditioning, pixelcnn, CompactRefinement(), settings).train()
    losses = small.training_losses(photos(2, 32, 48))
    losses["loss"].backward()
    assert small.bin_counts.sum() == 2 * 2 * 4 * 6
    assert all(p.grad is not None and not p.grad.any() for p in conditioning.backbone.parameters())
    assert all(p.grad is not None and p.grad.any() for p in conditioning.adaptation[2].parameters())
    assert conditioning.multiplier.passes == 1


def test_the_type_of_its_conditioning_is_either(model: PixColor) -> None:
    assert isinstance(model.conditioning, CompactConditioning)
    assert model.conditioning.stride == 4
    assert on_meta().conditioning.stride == 8
