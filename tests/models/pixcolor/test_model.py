"""PixColor as a whole: its bins' bookkeeping, and what sampling promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from autochrome.color.lightness import LIGHTNESS_STEP
from autochrome.color.spaces import LAB, YCBCR
from autochrome.color.upsampling import upsample_bilinear
from autochrome.models.pixcolor.compact import CompactPixColor, grid
from autochrome.models.pixcolor.model import colorness
from autochrome.models.registry import create_model
from autochrome.models.shared_trunk import identify_trunks
from tests.models.pixcolor.made_model import (
    NEUTRAL,
    cell_means,
    gray_batch,
    photos,
    tiny,
)
from tests.models.small_trunk import tiny_cic


@pytest.fixture
def model() -> CompactPixColor:
    return tiny()


# The bins and what they stand for ------------------------------------------------------------------


def test_before_training_a_bin_stands_for_its_middle(model: CompactPixColor) -> None:
    assert torch.equal(model.bin_means, model.bins.centers().expand(2, -1))
    assert not model.bin_counts.any()
    assert model.bin_counts.dtype == torch.int64


def test_means_of_the_bins_equal_a_two_pass_computation(model: CompactPixColor) -> None:
    """The mean within each bin over all training photos, however they came in batches; Cr before Cb."""
    model.train()
    seen = []
    for count in (2, 4, 3):
        batch = photos(count)
        model.colorization_losses(batch)
        seen.append(cell_means(batch.chroma, 7, 14))
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


def test_only_training_counts(model: CompactPixColor) -> None:
    model.eval().colorization_losses(photos())
    assert not model.bin_counts.any()


def test_training_pixels_decode_to_the_means_of_their_bins(model: CompactPixColor) -> None:
    model.train()
    batch = photos(4)
    model.colorization_losses(batch)
    chroma = cell_means(batch.chroma, 7, 14)
    decoded = model.decode(model.bins.encode(chroma))
    torch.testing.assert_close(decoded.mean((0, 2, 3)), chroma.mean((0, 2, 3)))
    assert (decoded - chroma).abs().max() <= 8 / 255


def test_neutral_stays_neutral(model: CompactPixColor) -> None:
    """A shift of half a bin makes neutral a bin's middle: before training and after it."""
    neutral = torch.full((1, 2, 3, 3), NEUTRAL)
    torch.testing.assert_close(model.decode(model.bins.encode(neutral)), neutral)
    model.train().colorization_losses(gray_batch())
    torch.testing.assert_close(model.decode(model.bins.encode(neutral)), neutral)
    rgb = YCBCR.merge(torch.full((1, 1, 3, 3), 0.4), model.decode(model.bins.encode(neutral)))
    torch.testing.assert_close(rgb, torch.full((1, 3, 3, 3), 0.4), rtol=0, atol=1e-5)


# Colorness ----------------------------------------------------------------------------------------


def patch(share: float, radius: float) -> Tensor:
    """A photo of 100 pixels, of which a share lies at a distance from neutral, towards Cb alone."""
    chroma = torch.full((1, 2, 10, 10), NEUTRAL)
    chroma[0, 0].view(-1)[: round(100 * share)] += radius
    return chroma


def test_colorness_is_the_95th_percentile_of_the_distance_from_neutral() -> None:
    """Of 100 sorted values it lies between the 95th and the 96th: place .95 * 99 = 94.05, counted from 0."""
    radii = torch.arange(100) / 1000
    chroma = NEUTRAL + torch.stack((0.6 * radii, -0.8 * radii)).reshape(1, 2, 10, 10)
    torch.testing.assert_close(colorness(chroma), torch.tensor([0.09405]))


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
    assert colorness(patch(share, radius)).item() == pytest.approx(expected, abs=1e-6)


def test_colorness_is_each_photo_s_own() -> None:
    both = torch.cat((patch(1, 0.1), patch(0.5, 0.3)))
    torch.testing.assert_close(colorness(both), torch.tensor([0.1, 0.3]))


# Inference -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((128, 128), (28, 28)),  # the paper's 28 at our working size
        ((128, 192), (28, 42)),
        ((64, 128), (14, 28)),
        ((256, 144), (56, 32)),  # 31.5
        ((32, 16), (7, 4)),  # 3.5
        ((128, 1024), (28, 224)),
        ((128, 1), (28, 1)),  # never nothing
    ],
)
def test_the_grid_has_28_rows_for_128_pixels(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert grid(size) == expected


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"), [(32, 32, 7, 7), (32, 64, 7, 14), (80, 16, 18, 4)]
)
def test_shapes(model: CompactPixColor, height: int, width: int, rows: int, columns: int) -> None:
    luma = torch.rand(2, 1, height, width)
    fine = (height // 4, width // 4)
    with torch.no_grad():
        assert model.encode(luma).shape == (2, 8, rows, columns)
        assert model.reduce(torch.rand(2, 2, height, width)).shape == (2, 2, rows, columns)
        assert model.refine(luma, torch.rand(2, 2, rows, columns)).shape == (2, 2, *fine)
        assert model.log_prob(luma, torch.rand(2, 2, rows, columns)).shape == (2,)
        refined = model.sample(luma, n=3)
        plain = model.draw(luma, n=3)
    assert refined.chroma.shape == (2, 3, 2, *fine)
    assert plain.chroma.shape == (2, 3, 2, rows, columns)
    assert refined.log_prob is not None and refined.log_prob.shape == (2, 3)
    assert refined.space == plain.space == "ycbcr"


def test_reducing_is_the_mean_over_cells_whose_sides_are_no_whole_pixels(model: CompactPixColor) -> None:
    """32 / 7 = 4.57 pixels; a pixel between two cells counts in both."""
    chroma = torch.rand(2, 2, 32, 80)
    torch.testing.assert_close(model.reduce(chroma), cell_means(chroma, 7, 18))


def test_the_trunk_sees_the_lightness_of_the_gray(model: CompactPixColor) -> None:
    """cic.compact saw (L - 50) / 50 of a photo; of a gray one that is L* of its gray value."""
    seen: list[Tensor] = []
    model.trunk.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    luma = torch.rand(1, 1, 32, 48)
    with torch.no_grad():
        model.eval().encode(luma)
    lightness = LAB.split(luma.expand(-1, 3, -1, -1))[0]
    torch.testing.assert_close(50 * seen[0] + 50, lightness, rtol=0, atol=0.51 * LIGHTNESS_STEP)


def test_features_are_the_adapted_maps_of_the_trunk(model: CompactPixColor) -> None:
    luma = torch.rand(1, 1, 32, 48)
    with torch.no_grad():
        maps = model.trunk.maps(LAB.split(luma.expand(-1, 3, -1, -1))[0] / 50 - 1)
        expected = model.conditioning(maps, (7, 10))
        torch.testing.assert_close(model.encode(luma), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(24, 16), (16, 20), (4, 8)])
def test_other_sides_are_refused(model: CompactPixColor, height: int, width: int) -> None:
    luma = torch.rand(1, 1, height, width)
    message = rf"pixcolor\.test needs luma sides that are multiples of 16, not {height} x {width}"
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
def test_what_cannot_be_sampled(model: CompactPixColor, arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.sample(torch.rand(1, 1, 16, 16), **arguments)  # type: ignore[arg-type]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def test_one_seed_gives_one_picture(model: CompactPixColor) -> None:
    """Sample k is the same whatever n and the batch; another seed gives another."""
    luma = torch.rand(2, 1, 16, 32)
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
def test_samples_of_a_photo_differ(model: CompactPixColor) -> None:
    chroma = model.draw(torch.rand(1, 1, 16, 16), n=3).chroma[0]
    assert not torch.equal(chroma[0], chroma[1])
    assert not torch.equal(chroma[1], chroma[2])


@torch.no_grad()
def test_without_a_generator_the_global_seed_decides(model: CompactPixColor) -> None:
    luma = torch.rand(1, 1, 16, 16)
    torch.manual_seed(3)
    first, second = (model.draw(luma).chroma for _ in range(2))
    torch.manual_seed(3)
    assert torch.equal(model.draw(luma).chroma, first)
    assert not torch.equal(first, second)


@torch.no_grad()
def test_temperature_0_takes_the_most_probable(model: CompactPixColor) -> None:
    luma = torch.rand(1, 1, 16, 16)
    chroma = model.draw(luma, n=2, temperature=0.0, generator=seeded(1)).chroma
    assert torch.equal(chroma[:, 0], chroma[:, 1])
    other = model.draw(luma, temperature=0.0, generator=seeded(2)).chroma
    assert torch.equal(chroma[:, :1], other)


@torch.no_grad()
def test_a_draw_is_dequantized_within_its_bins(model: CompactPixColor) -> None:
    bins = torch.randint(0, 32, (3, 2, 5, 6), generator=seeded(4))
    chroma = model.dequantize(bins)
    assert torch.equal(model.bins.encode(chroma), bins)
    assert not torch.equal(chroma, model.decode(bins))
    assert torch.equal(model.dequantize(bins[1:2]), chroma[1:2]), "one draw has one look"


@torch.no_grad()
def test_a_plain_draw_gets_a_cast_that_is_nowhere_more_than_half_a_bin(model: CompactPixColor) -> None:
    casts = []
    for place in range(200):  # draws that differ in one pixel
        bins = torch.full((1, 2, 14, 15), 16)
        bins[0, 0, place // 15, place % 15] = 17
        casts.append((model.dequantize(bins) - model.decode(bins))[0, 1, 13, 14])
    found = 255 * torch.stack(casts)
    assert found.abs().max() < 4
    assert 1.1 < found.std() < 1.8 and found.mean().abs() < 0.4


@torch.no_grad()
def test_unrefined_samples_lie_at_the_means_of_bins(model: CompactPixColor) -> None:
    chroma = model.draw(torch.rand(1, 1, 16, 32), n=2, generator=seeded(1)).chroma[0]
    assert torch.equal(model.decode(model.bins.encode(chroma)), chroma)


@torch.no_grad()
def test_log_prob_of_a_sample_is_that_of_its_chroma(model: CompactPixColor) -> None:
    """The teacher-forced likelihood at temperature 1, whatever the temperature of the draw."""
    luma = torch.rand(2, 1, 16, 32)
    for temperature in (None, 1.0, 0.5):
        samples = model.draw(luma, n=2, temperature=temperature, generator=seeded(7))
        assert samples.log_prob is not None
        for k in range(2):
            expected = model.log_prob(luma, samples.chroma[:, k])
            torch.testing.assert_close(samples.log_prob[:, k].float(), expected, rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_log_prob_agrees_with_the_loss_in_bits(model: CompactPixColor) -> None:
    batch = photos(2)
    nats = -model.log_prob(batch.luma, model.reduce(batch.chroma))
    dimensions = 2 * 7 * 14
    torch.testing.assert_close(
        model.colorization_losses(batch)["bits_per_dim"], (nats / dimensions / math.log(2)).mean()
    )


@torch.no_grad()
def test_a_refined_sample_is_the_refinement_of_the_low_resolution_one(model: CompactPixColor) -> None:
    head = model.refinement.get_submodule("head")
    nn.init.normal_(head.get_parameter("weight"), std=0.5)  # untrained, it would be bilinear upsampling
    luma = torch.rand(2, 1, 32, 32)
    low = model.draw(luma, n=2, generator=seeded(4)).chroma
    full = model.sample(luma, n=2, generator=seeded(4)).chroma
    for k in range(2):
        torch.testing.assert_close(full[:, k], model.finish(luma, low[:, k]), rtol=0, atol=1e-5)
    dequantized = model.finish(luma, low[:, 0], refine=False)
    assert not torch.allclose(full[:, 0], upsample_bilinear(dequantized, (8, 8)), atol=1e-3)


@torch.no_grad()
def test_draws_share_one_encoding(model: CompactPixColor) -> None:
    calls = []
    model.conditioning.register_forward_hook(lambda _m, args, _o: calls.append(len(args[0][0])))
    model.sample(torch.rand(2, 1, 16, 16), n=5)
    assert calls == [2]


@torch.inference_mode()
def test_drawing_refining_and_ranking_take_one_pass_of_the_trunk() -> None:
    """Of one photo, sample by sample as the pipeline does, and a model whose weights are complete."""
    model = tiny()
    identify_trunks(model)
    calls = []
    model.trunk.encoder.register_forward_hook(lambda *_: calls.append(1))
    luma = torch.rand(1, 1, 32, 32)
    drawn = model.draw(luma, n=3).chroma
    model.rank(luma, drawn)
    for k in range(3):
        model.finish(luma, drawn[:, k])
    assert len(calls) == 1


def test_the_trunk_comes_from_a_compact_cic(model: CompactPixColor) -> None:
    cic = tiny_cic().state_dict()
    model.load_backbone(cic)
    for key, value in model.trunk.state_dict().items():
        assert torch.equal(value, cic[f"network.{key}"])
    with pytest.raises(ValueError, match=r"^not the weights of a cic\.compact with trunk=test: network\."):
        model.load_backbone({"features.0.weight": torch.zeros(64, 3, 3, 3)})


def test_the_compact_networks_sizes() -> None:
    with torch.device("meta"):
        model = create_model("pixcolor.compact", pretrained=False)
    counts = {name: sum(p.numel() for p in child.parameters()) for name, child in model.named_children()}
    assert counts == {
        "conditioning": 157_312,
        "pixelcnn": 1_145_920,
        "refinement": 658_754,
        "trunk": 5_427_776,
        "ranker": 185_953,
    }
