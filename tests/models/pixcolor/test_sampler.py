"""Drawing from the PixelCNN: the cached sampler against the naive one, seeds, likelihoods, frequencies."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from autochrome.color.bins import ChromaBins
from autochrome.models.pixcolor.pixelcnn import PixelCNN, PixelCNNConfig
from autochrome.models.pixcolor.sampler import choose, draw, uniforms
from autochrome.models.pixcolor.vertical_cache import toom_cook
from tests.models.pixcolor.naive_sampler import draw_naive

SIZES = {
    "tiny": PixelCNNConfig(maps=8, blocks=2, head=16, condition=5, kernel=3, input_gain=8.0),
    "one block": PixelCNNConfig(maps=4, blocks=1, head=8, condition=5, input_gain=8.0),
    "few bins": PixelCNNConfig(
        bins=ChromaBins(count=8), maps=12, blocks=3, head=10, condition=5, input_gain=4.0
    ),
    "wide": PixelCNNConfig(maps=8, blocks=2, head=8, condition=5, kernel=7, first_kernel=9, input_gain=8.0),
}


def make_net(size: str = "tiny") -> PixelCNN:
    """A network whose every weight matters, and which is sure of some pixels and not of others."""
    torch.manual_seed(0)
    net = PixelCNN(SIZES[size])
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.4)
    return net


def features(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("height", "width"), [(5, 9), (9, 5), (1, 1), (1, 6), (6, 1)])
def test_draws_are_those_of_the_naive_sampler(size: str, height: int, width: int) -> None:
    net, condition = make_net(size), features(2, 5, height, width)
    fast = draw(net, condition, n=2, temperature=1.0, seed=height)
    naive = draw_naive(net, condition, n=2, temperature=1.0, seed=height)
    assert fast.bins.shape == (2, 2, 2, height, width)
    assert torch.equal(fast.bins, naive.bins)
    torch.testing.assert_close(fast.log_prob, naive.log_prob, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("seed", [0, 1, 2**62 - 1, -5])
@pytest.mark.parametrize("temperature", [0.0, 1e-3, 0.7, 1.0])
def test_naive_equality_at_every_temperature(seed: int, temperature: float) -> None:
    net, condition = make_net(), features(1, 5, 4, 7)
    fast, naive = (f(net, condition, n=3, temperature=temperature, seed=seed) for f in (draw, draw_naive))
    assert torch.equal(fast.bins, naive.bins)


def test_naive_equality_in_the_compact_size() -> None:
    from autochrome.models.pixcolor.compact import PIXELCNN

    torch.manual_seed(0)
    net, condition = PixelCNN(PIXELCNN), features(1, 64, 3, 5)
    fast, naive = (f(net, condition, n=1, temperature=1.0, seed=3) for f in (draw, draw_naive))
    assert torch.equal(fast.bins, naive.bins)


@pytest.mark.slow
def test_naive_equality_in_the_papers_size() -> None:
    torch.manual_seed(0)
    net, condition = PixelCNN(), features(1, 64, 12, 9)
    fast, naive = (f(net, condition, n=1, temperature=1.0, seed=3) for f in (draw, draw_naive))
    assert torch.equal(fast.bins, naive.bins)


@pytest.mark.parametrize(("height", "width"), [(28, 37), (37, 28)])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_log_prob_is_the_teacher_forced_likelihood(height: int, width: int, temperature: float) -> None:
    """On whole grids, portrait and landscape, and at temperature 1 whatever the draws' own."""
    net, condition = make_net(), features(2, 5, height, width)
    draws = draw(net, condition, n=2, temperature=temperature, seed=7)
    bins, repeated = draws.bins.flatten(0, 1), condition.double().repeat_interleave(2, 0)
    with torch.no_grad():
        log_softmax = net.double()(bins, repeated).log_softmax(2)
        # It takes its softmax in single precision.
        expected = net.log_prob(bins, repeated).unflatten(0, (2, 2))
    exact = log_softmax.gather(2, bins[:, :, None]).sum((1, 2, 3, 4)).unflatten(0, (2, 2))
    torch.testing.assert_close(draws.log_prob, exact, rtol=1e-11, atol=0)
    torch.testing.assert_close(draws.log_prob, expected, rtol=1e-7, atol=0)


def test_cold_draws_are_likelier_and_the_coldest_is_the_most_probable_bin() -> None:
    net, condition = make_net(), features(1, 5, 8, 8)
    warm, cool, cold = (draw(net, condition, n=8, temperature=t, seed=1) for t in (1.0, 0.5, 0.0))
    assert warm.log_prob.mean() < cool.log_prob.mean() < cold.log_prob.mean()
    assert (cold.bins == cold.bins[:, :1]).all()
    logits = net(cold.bins[:, 0], condition)
    assert torch.equal(logits.argmax(2), cold.bins[:, 0])


@pytest.mark.parametrize("guidance", [0.0, 0.5])
def test_a_bias_decides_where_it_is_and_what_comes_after_conforms(guidance: float) -> None:
    net, condition = make_net(), features(2, 5, 6, 6)
    bias = torch.zeros(2, 2, 32, 6, 6)
    bias[0, 0, 7, 2, 3] = bias[0, 1, 9, 2, 3] = 1000.0
    plain = draw(net, condition, n=3, seed=1, guidance=guidance)
    told = draw(net, condition, n=3, seed=1, guidance=guidance, bias=bias)
    assert (told.bins[0, :, 0, 2, 3] == 7).all() and (told.bins[0, :, 1, 2, 3] == 9).all()
    assert torch.equal(told.bins[0, :, :, :2], plain.bins[0, :, :, :2]), "what was drawn before"
    assert torch.equal(told.bins[0, :, :, 2, :3], plain.bins[0, :, :, 2, :3])
    assert not torch.equal(told.bins[0, :, :, 3:], plain.bins[0, :, :, 3:]), "what is drawn after"
    assert torch.equal(told.bins[1], plain.bins[1]), "the other photo"
    # The likelihood is the model's own, without the bias.
    own = net.double().log_prob(told.bins.flatten(0, 1), condition.double().repeat_interleave(3, 0))
    torch.testing.assert_close(told.log_prob.flatten(), own, rtol=1e-6, atol=0)


def test_a_draw_of_a_seed_is_the_same_whatever_n() -> None:
    net, condition = make_net(), features(1, 5, 6, 6)
    many = draw(net, condition, n=17, temperature=1.0, seed=11)
    for n in (1, 2, 5):
        few = draw(net, condition, n=n, temperature=1.0, seed=11)
        assert torch.equal(few.bins, many.bins[:, :n])
        torch.testing.assert_close(few.log_prob, many.log_prob[:, :n], rtol=1e-10, atol=1e-10)


def test_a_draw_is_the_same_in_any_batch_and_place() -> None:
    net, condition = make_net(), features(4, 5, 6, 6)
    together = draw(net, condition, n=3, temperature=1.0, seed=11)
    turned = draw(net, condition.flip(0), n=3, temperature=1.0, seed=11)
    assert torch.equal(together.bins, turned.bins.flip(0))
    for k in range(4):
        alone = draw(net, condition[k : k + 1], n=3, temperature=1.0, seed=11)
        assert torch.equal(alone.bins[0], together.bins[k])


def test_draws_differ_between_samples_seeds_and_photos() -> None:
    net, condition = make_net(), features(2, 5, 6, 6)
    bins = draw(net, condition, n=4, temperature=1.0, seed=0).bins
    other = draw(net, condition, n=4, temperature=1.0, seed=1).bins
    pictures = torch.cat((bins, other)).flatten(0, 1).flatten(1)
    assert len(pictures.unique(dim=0)) == 16


@pytest.mark.parametrize("channel", [0, 1])
def test_draws_are_as_frequent_as_they_are_probable(channel: int) -> None:
    """Pearson's chi-square on one pixel, of Cr and of Cb given the first draw's Cr."""
    net, condition = make_net("few bins"), features(1, 5, 1, 1)
    temperature = 0.8
    drawn = draw(net, condition, n=4000, temperature=temperature, seed=5).bins[0, :, :, 0, 0]
    logits = net(drawn[:1, :, None, None], condition)[0, channel, :, 0, 0]
    probability = (logits.double() / temperature).softmax(0)
    kept = drawn if channel == 0 else drawn[drawn[:, 0] == drawn[0, 0]]
    expected = probability * len(kept)
    observed = kept[:, channel].bincount(minlength=8)
    often = expected > 5
    assert often.sum() > 2
    # The 99.9th percentile of chi-square with 7 degrees of freedom is 24.3.
    assert ((observed - expected).square() / expected)[often].sum() < 24.3


def test_the_inverse_distribution_function() -> None:
    """Masses 1/8, 1/2, 3/8, and a bin that cannot be."""
    logits = np.log(np.array([1, 4, 3, 1e-300])) + 5
    edges = [0.0, 0.124999, 0.125001, 0.624999, 0.625001, 1 - 2**-53]
    rows = np.tile(logits, (len(edges), 1))
    assert choose(rows, np.array(edges), 1.0).tolist() == [0, 0, 1, 1, 2, 2]
    # Squared at temperature 1/2: 1/26, 16/26, 9/26.
    assert choose(rows[:3], np.array([0.038, 0.039, 0.66]), 0.5).tolist() == [0, 1, 2]
    assert choose(rows[:2], np.array([0.0, 0.99]), 0.0).tolist() == [1, 1]
    assert choose(rows[:2], np.array([0.0, 0.99]), 1e-310).tolist() == [1, 1]


def test_noise_is_uniform_and_its_own_for_every_draw() -> None:
    noise = uniforms(3, 5, 40, 50)
    assert noise.shape == (40, 50, 2, 5) and noise.dtype == np.float64
    assert noise.min() >= 0 and noise.max() < 1
    # The mean of 4000 has a standard deviation of .0046.
    assert np.abs(noise.mean((0, 1, 2)) - 0.5).max() < 0.02
    assert np.abs(np.corrcoef(noise.reshape(-1, 5).T) - np.eye(5)).max() < 0.07
    assert np.array_equal(noise[..., :2], uniforms(3, 2, 40, 50))
    assert not np.array_equal(noise[..., 0], uniforms(4, 1, 40, 50)[..., 0])


def test_one_seed_draws_the_same_forever() -> None:
    """Pinned: a change here changes every picture that was made with a seed."""
    assert uniforms(0, 1, 1, 1).ravel().tolist() == pytest.approx(PINNED, abs=1e-12)


PINNED = [0.041287939655185735, 0.4117124750296941]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_networks_of_other_precision(dtype: torch.dtype) -> None:
    net, condition = make_net().to(dtype), features(1, 5, 4, 4).to(dtype)
    fast, naive = (f(net, condition, n=2, temperature=1.0, seed=3) for f in (draw, draw_naive))
    assert torch.equal(fast.bins, naive.bins)
    assert net.head[0].weight.dtype == dtype
    assert fast.log_prob.dtype == torch.float64


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_networks_on_a_gpu() -> None:
    net, condition = make_net(), features(1, 5, 4, 4)
    expected = draw(net, condition, n=2, temperature=1.0, seed=3)
    found = draw(net.cuda(), condition.cuda(), n=2, temperature=1.0, seed=3)
    assert found.bins.is_cuda and found.log_prob.is_cuda
    assert torch.equal(found.bins.cpu(), expected.bins)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_features_that_are_not_finite_are_refused(value: float) -> None:
    condition = features(1, 5, 2, 2)
    with pytest.raises(ValueError, match="not finite"):
        draw(make_net(), condition.masked_fill(condition > 1, value))


@pytest.mark.parametrize(("outputs", "kernel"), [(4, 5), (6, 3), (2, 7), (2, 9), (8, 1)])
def test_toom_cook_is_the_plain_convolution(outputs: int, kernel: int) -> None:
    rng = np.random.default_rng(0)
    taps, x = rng.normal(size=kernel), rng.normal(size=outputs + kernel - 1)
    evaluate, interpolate, spread = toom_cook(outputs, kernel)
    found = interpolate @ ((evaluate @ taps) * (spread @ x))
    np.testing.assert_allclose(found, np.correlate(x, taps, "valid"), rtol=0, atol=1e-12)
