"""Refinement over the trunk's maps: what it is, what it learns, and the noise that it learns with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.upsampling import upsample_bilinear
from autochrome.models.pixcolor.compact_refinement import CompactRefinement, blotches, casts
from autochrome.models.pixcolor.refinement import NEUTRAL
from autochrome.models.shared_trunk import make_trunk
from autochrome.nn.pretrained import TINY, PretrainedTrunk


@pytest.fixture(scope="module")
def trunk() -> PretrainedTrunk:
    return PretrainedTrunk(TINY)


def random_maps(batch: int = 1, height: int = 32, width: int = 48) -> list[Tensor]:
    """Maps of the trunk's widths and strides, for luma of that size."""
    trunk = PretrainedTrunk(TINY)
    return [
        torch.randn(batch, channels, -(-height // stride), -(-width // stride))
        for channels, stride in zip(trunk.map_widths, trunk.map_strides, strict=True)
    ]


def perturbed(trunk: PretrainedTrunk) -> CompactRefinement:
    """A network whose residual is not zero."""
    net = CompactRefinement(trunk, width=12)
    torch.manual_seed(5)
    nn.init.normal_(net.head.weight, std=0.2)
    return net.eval()


CERTAIN = torch.zeros(1)


# What it is ----------------------------------------------------------------------------------------


def test_parameter_count() -> None:
    with torch.device("meta"):
        net = CompactRefinement(make_trunk("lite0", own=False))
    assert sum(p.numel() for p in net.parameters()) == 658_754


@pytest.mark.parametrize(
    ("height", "width", "grid"),
    [(32, 48, (7, 10)), (64, 32, (14, 7)), (16, 16, (4, 4)), (16, 48, (1, 1)), (48, 48, (12, 12))],
)
@pytest.mark.parametrize("doubt", [0.0, 1.0])
def test_it_starts_as_bilinear_upsampling_to_stride_4(
    trunk: PretrainedTrunk, height: int, width: int, grid: tuple[int, int], doubt: float
) -> None:
    chroma = torch.rand(2, 2, *grid)
    answer = CompactRefinement(trunk).eval()(random_maps(2, height, width), chroma, torch.full((2,), doubt))
    assert answer.dtype == torch.float32
    expected = upsample_bilinear(chroma, (height // 4, width // 4))
    torch.testing.assert_close(answer, expected, rtol=0, atol=1e-6)


def test_gray_stays_gray_until_it_has_learned(trunk: PretrainedTrunk) -> None:
    gray = torch.full((1, 2, 7, 10), NEUTRAL)
    answer = CompactRefinement(trunk).eval()(random_maps(), gray, CERTAIN)
    assert torch.equal(answer, torch.full((1, 2, 8, 12), NEUTRAL))


def test_the_two_last_maps_are_seen_and_no_others(trunk: PretrainedTrunk) -> None:
    net, maps, chroma = perturbed(trunk), random_maps(), torch.rand(1, 2, 7, 10)
    answer = net(maps, chroma, CERTAIN)
    for number in range(len(maps)):
        changed = list(maps)
        changed[number] = maps[number] + torch.randn_like(maps[number])
        assert torch.equal(net(changed, chroma, CERTAIN), answer) is (number < 5), number


def test_every_place_knows_the_whole_photo(trunk: PretrainedTrunk) -> None:
    """What changes at one end is noticed at the other, beyond the reach of the convolutions."""
    net, chroma = perturbed(trunk), torch.rand(1, 2, 4, 112)
    maps = random_maps(1, 16, 512)
    other = [layer.clone() for layer in maps]
    other[-2][..., :8] += 2
    difference = net(maps, chroma, CERTAIN) - net(other, chroma, CERTAIN)
    assert difference[..., 96:].abs().max() > 1e-5


def test_a_photo_s_answer_does_not_depend_on_its_batch(trunk: PretrainedTrunk) -> None:
    net, maps, chroma = perturbed(trunk), random_maps(3), torch.rand(3, 2, 7, 10)
    doubt = torch.tensor([0.0, 0.4, 1.0])
    together = net(maps, chroma, doubt)
    alone = net([layer[1:2] for layer in maps], chroma[1:2], doubt[1:2])
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)


def test_doubt_changes_the_answer(trunk: PretrainedTrunk) -> None:
    net, maps, chroma = perturbed(trunk), random_maps(), torch.rand(1, 2, 7, 10)
    certain, doubtful = (net(maps, chroma, torch.tensor([doubt])) for doubt in (0.0, 1.0))
    assert (doubtful - certain).abs().max() > 1e-4


def test_gradients_reach_every_parameter(trunk: PretrainedTrunk) -> None:
    torch.manual_seed(0)
    net = CompactRefinement(trunk, width=12)
    nn.init.normal_(net.head.weight, std=0.1)  # behind a zero layer nothing would move yet
    for module in net.modules():  # nor in a residual block whose last gain is 0
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    chroma = torch.rand(2, 2, 7, 10, requires_grad=True)
    net(random_maps(2), chroma, torch.rand(2)).square().sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert chroma.grad is not None and chroma.grad.any()


def test_the_answer_is_float32_under_autocast(trunk: PretrainedTrunk) -> None:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert perturbed(trunk)(random_maps(), torch.rand(1, 2, 7, 10), CERTAIN).dtype == torch.float32


# What it learns ------------------------------------------------------------------------------------


def discs(count: int, seed: int) -> tuple[list[Tensor], Tensor]:
    """Pictures of 16x16 places: a disc in another color than its ground. Maps that show it, and chroma."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    center = (0.3 + 0.4 * torch.rand(count, 2, 1, 1, generator=generator)) * 16
    inside = (rows - center[:, :1]) ** 2 + (columns - center[:, 1:]) ** 2 < 4**2
    colors = 0.2 + 0.6 * torch.rand(2, count, 2, 1, 1, generator=generator)
    fine = inside.float().expand(-1, TINY.decoder[-1], -1, -1)
    middle = F.avg_pool2d(inside.float(), 2).expand(-1, TINY.decoder[-2], -1, -1)
    return [middle, fine], torch.where(inside, colors[0], colors[1])


def learn(steps: int, noise: Callable[[Tensor, Tensor], Tensor]) -> CompactRefinement:
    """A network that was trained on discs; ``noise`` of their low-resolution chroma and a doubt each."""
    torch.manual_seed(0)
    net = CompactRefinement(PretrainedTrunk(TINY), width=12)
    optimizer = torch.optim.AdamW(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, steps + 1)
    for step in range(steps):
        maps, truth = discs(16, seed=10 + step)
        low = F.adaptive_avg_pool2d(truth, (7, 7))
        doubt = torch.rand(len(low))
        optimizer.zero_grad()
        F.l1_loss(net(maps, noise(low, doubt), doubt), truth).backward()
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def errors(net: CompactRefinement, noisy: float, doubt: float) -> tuple[float, float]:
    """L1 on new discs of the network and of bilinear upsampling, with blotches of that width."""
    maps, truth = discs(16, seed=2)
    torch.manual_seed(3)
    hints = blotches(F.adaptive_avg_pool2d(truth, (7, 7)), noisy)
    refined = net(maps, hints, torch.full((len(hints),), doubt))
    plain = upsample_bilinear(hints, (16, 16))
    return F.l1_loss(refined, truth).item(), F.l1_loss(plain, truth).item()


def test_it_learns_to_beat_bilinear_upsampling() -> None:
    """Colors end where the maps have an edge."""
    refined, plain = errors(learn(120, lambda low, _: low), noisy=0.0, doubt=0.0)
    assert refined < 0.7 * plain


def test_it_learns_when_to_doubt() -> None:
    """Noisy chroma comes out better if the network is told so, and true chroma if it is told that."""

    def noise(low: Tensor, doubt: Tensor) -> Tensor:
        return low + doubt[:, None, None, None] * (blotches(low, 0.4) - low)

    net = learn(150, noise)
    warned, plain = errors(net, noisy=0.4, doubt=1.0)
    unwarned, _ = errors(net, noisy=0.4, doubt=0.0)
    assert warned < 0.9 * plain
    assert warned < unwarned
    trusted, _ = errors(net, noisy=0.0, doubt=0.0)
    doubted, _ = errors(net, noisy=0.0, doubt=1.0)
    assert trusted < doubted


# The noise -----------------------------------------------------------------------------------------


def test_blotches_are_smooth_noise_within_their_width() -> None:
    torch.manual_seed(2)
    chroma = torch.full((8, 2, 40, 56), NEUTRAL)
    noise = blotches(chroma, 0.1) - chroma
    assert noise.abs().max() <= 0.1 + 1e-6
    assert noise.abs().max() > 0.09
    assert noise.mean().item() == pytest.approx(0, abs=5e-3)
    # Between places four apart it is bilinear: a step is at most a quarter of the way from one to the next.
    assert noise.diff(dim=3).abs().max() <= 0.2 / 4 + 1e-6
    assert not torch.equal(noise[:, 0], noise[:, 1])
    assert not torch.equal(noise[0], noise[1])


def test_a_cast_is_one_number_for_each_photo_and_channel() -> None:
    torch.manual_seed(2)
    chroma = torch.rand(2000, 2, 3, 5)
    noise = casts(chroma, 0.1) - chroma
    torch.testing.assert_close(noise, noise[:, :, :1, :1].expand_as(noise))
    found = noise[:, :, 0, 0]
    assert 0.099 < found.abs().max() <= 0.1 + 1e-6
    assert found.mean().item() == pytest.approx(0, abs=3e-3)
    # The variance of a uniform distribution over 2w is w^2/3.
    assert found.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.03)
    assert abs(torch.corrcoef(found.T)[0, 1].item()) < 0.1


@pytest.mark.parametrize("kind", [blotches, casts])
def test_noise_of_no_width_changes_nothing(kind: Callable[[Tensor, float], Tensor]) -> None:
    chroma = torch.rand(1, 2, 3, 5)
    assert torch.equal(kind(chroma, 0.0), chroma)


@pytest.mark.parametrize("kind", [blotches, casts])
def test_noise_follows_the_global_seed(kind: Callable[[Tensor, float], Tensor]) -> None:
    chroma = torch.rand(1, 2, 7, 7)
    torch.manual_seed(9)
    first, other = kind(chroma, 0.1), kind(chroma, 0.1)
    torch.manual_seed(9)
    assert torch.equal(kind(chroma, 0.1), first)
    assert not torch.equal(first, other)
