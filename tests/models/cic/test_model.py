"""Zhang, Isola and Efros 2016: losses, decoding and the colorizer, equation by equation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import torch
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.bins import AB_BINS, AB_CENTERS, rebalancing_weights, smooth_prior, soft_encode
from autochrome.models.base import Batch
from autochrome.models.cic.compact import tiny
from autochrome.models.cic.model import CIC, LossSettings, colorful, weighted_cross_entropy
from autochrome.models.registry import model_spec

SPEC = model_spec("cic.test")
SETTINGS = LossSettings()
PLAIN = torch.ones(AB_BINS)
COLORFUL = 40.0
"""Standard deviation of made chroma, in CIE units: no crop of it is gray."""


@pytest.fixture
def model() -> CIC:
    return tiny(SPEC).eval()


def made_batch() -> Batch:
    """Noise for luma, patches of 4 x 4 pixels for chroma."""
    patches = torch.randn(2, 2, 8, 8) * COLORFUL
    return Batch(torch.rand(2, 1, 32, 32) * 100, F.interpolate(patches, scale_factor=4.0))


def natural_prior() -> Tensor:
    """Counts of the natural shape: mostly gray."""
    return torch.exp(-AB_CENTERS.norm(dim=1) / 8)


# Equation 3: the loss ------------------------------------------------------------------------------


def test_equation_3_against_a_slow_loop():
    """L = -1/HW sum_hw v(Z_hw) sum_q Z_hwq log Z^_hwq, term by term in float64."""
    logits = torch.randn(2, AB_BINS, 2, 3)
    ab = torch.randn(2, 2, 2, 3) * COLORFUL
    w = torch.rand(AB_BINS) + 0.5
    log_z_hat = scipy.special.log_softmax(logits.double().numpy(), axis=1)
    total = plain = 0.0
    for n, y, x in np.ndindex(2, 2, 3):
        squared = (AB_CENTERS.double() - ab[n, :, y, x].double()).square().sum(1).numpy()
        nearest = np.argsort(squared)[:10]
        z = np.exp(-squared[nearest] / (2 * 5**2))
        z /= z.sum()
        term = -sum(z[i] * log_z_hat[n, q, y, x] for i, q in enumerate(nearest))
        total += w[nearest[0]].item() * term
        plain += term
    weighted, unweighted = weighted_cross_entropy(logits, ab, w, SETTINGS)
    assert weighted.item() == pytest.approx(total / 12, rel=1e-5)
    assert unweighted.item() == pytest.approx(plain / 12, rel=1e-5)


def test_equation_5_a_place_takes_the_weight_of_its_most_probable_bin():
    """v(Z_hw) = w_q*, q* = argmax_q Z_hwq: the other nine bins' weights do not enter."""
    ab = torch.tensor([31.0, 22.0]).reshape(1, 2, 1, 1)
    nearest = int((AB_CENTERS - ab.flatten()).norm(dim=1).argmin())
    w = torch.full((AB_BINS,), 9.0)
    w[nearest] = 3.0
    weighted, plain = weighted_cross_entropy(torch.randn(1, AB_BINS, 1, 1), ab, w, SETTINGS)
    assert weighted.item() == pytest.approx(3 * plain.item(), rel=1e-6)


def test_weights_multiply_only_the_loss():
    """The plain cross-entropy is the same whatever the weights: it is what the authors' trainer prints."""
    logits, ab = torch.randn(2, AB_BINS, 4, 4), torch.randn(2, 2, 4, 4) * COLORFUL
    weighted, plain = weighted_cross_entropy(logits, ab, torch.rand(AB_BINS) * 5, SETTINGS)
    again, unweighted = weighted_cross_entropy(logits, ab, PLAIN, SETTINGS)
    assert plain == unweighted
    assert again == unweighted  # lambda = 1
    assert weighted != plain


def test_the_loss_s_gradient_is_the_numerical_one():
    """Central differences in float64, for the weighted loss of equation 3."""
    logits = torch.randn(1, AB_BINS, 1, 2, dtype=torch.float64, requires_grad=True)
    ab = torch.randn(1, 2, 1, 2, dtype=torch.float64) * COLORFUL
    w = torch.rand(AB_BINS, dtype=torch.float64) * 5
    assert torch.autograd.gradcheck(lambda x: weighted_cross_entropy(x, ab, w, SETTINGS)[0], (logits,))


def test_weighting_the_loss_multiplies_the_gradient_of_each_place():
    """The authors scale the gradient of the plain loss instead (ClassRebalanceMultLayer): it is the same."""
    ab = torch.randn(2, 2, 3, 3, dtype=torch.float64) * COLORFUL
    w = torch.rand(AB_BINS, dtype=torch.float64) * 5
    logits = torch.randn(2, AB_BINS, 3, 3, dtype=torch.float64, requires_grad=True)
    weighted, plain = weighted_cross_entropy(logits, ab, w, SETTINGS)
    (of_weighted,) = torch.autograd.grad(weighted, logits, retain_graph=True)
    (of_plain,) = torch.autograd.grad(plain, logits)
    v = w[soft_encode(ab)[1][:, :1]]
    torch.testing.assert_close(of_weighted, v * of_plain)
    assert not torch.allclose(of_weighted, of_plain)


def test_the_loss_is_least_where_the_prediction_is_the_truth():
    """Cross-entropy against Z is bounded below by the entropy of Z, reached at Z^ = Z."""
    ab = torch.randn(1, 2, 3, 3) * COLORFUL
    z, bins = soft_encode(ab)
    truth = torch.full((1, AB_BINS, 3, 3), -100.0).scatter(1, bins, z.log())
    _, least = weighted_cross_entropy(truth, ab, PLAIN, SETTINGS)
    assert least.item() == pytest.approx(torch.special.entr(z).sum(1).mean().item(), rel=1e-4)
    assert weighted_cross_entropy(truth + torch.randn_like(truth), ab, PLAIN, SETTINGS)[1] > least


def test_rebalancing_multiplies_the_best_prediction_by_the_weights():
    """Where truths vary, the weighted loss is least at Z^_q ~ w_q p(q|x): what logit adjustment builds on."""
    bins = torch.tensor([3, 3, 3, 150, 150, 300])
    ab = AB_CENTERS.double()[bins].T[None, :, None]
    w = torch.rand(AB_BINS, dtype=torch.float64) + 0.2
    p = torch.bincount(bins, minlength=AB_BINS).double() / len(bins)
    best = (w * p).clamp_min(1e-30).log()[None, :, None, None].requires_grad_()
    one_hot = LossSettings(neighbors=1)
    weighted, plain = weighted_cross_entropy(best.expand(-1, -1, 1, 6), ab, w, one_hot)
    (of_weighted,) = torch.autograd.grad(weighted, best, retain_graph=True)
    (of_plain,) = torch.autograd.grad(plain, best)
    assert of_weighted.abs().max() < 1e-12
    assert of_plain.abs().max() > 1e-3


def test_half_precision_logits_are_scored_in_float32():
    logits, ab = torch.randn(1, AB_BINS, 2, 2).bfloat16(), torch.randn(1, 2, 2, 2) * COLORFUL
    weighted, _ = weighted_cross_entropy(logits, ab, PLAIN, SETTINGS)
    assert weighted.dtype == torch.float32
    assert weighted == weighted_cross_entropy(logits.float(), ab, PLAIN, SETTINGS)[0]


# The gray mask (the authors' NonGrayMaskLayer) -----------------------------------------------------


def test_a_crop_is_colorful_where_any_a_or_b_exceeds_5():
    ab = torch.zeros(4, 2, 3, 3)
    ab[1] = 5.0
    ab[2, 1, 2, 0] = 5.1
    ab[3, 0, 0, 1] = -5.1
    assert colorful(ab, 5.0).tolist() == [False, False, True, True]
    assert colorful(ab, 0.0).all()


def test_a_gray_crop_weighs_nothing_but_is_counted():
    """Its weight is 0, the plain loss still shows it, and the mean is over all places, gray ones too."""
    logits, ab = torch.randn(2, AB_BINS, 2, 2), torch.randn(2, 2, 2, 2) * COLORFUL
    ab[0] *= 4 / ab[0].abs().max()
    weighted, plain = weighted_cross_entropy(logits, ab, PLAIN, SETTINGS)
    _, of_colorful = weighted_cross_entropy(logits[1:], ab[1:], PLAIN, SETTINGS)
    _, of_gray = weighted_cross_entropy(logits[:1], ab[:1], PLAIN, SETTINGS)
    assert weighted.item() == pytest.approx(of_colorful.item() / 2, rel=1e-6)
    assert plain.item() == pytest.approx((of_colorful.item() + of_gray.item()) / 2, rel=1e-6)
    kept, _ = weighted_cross_entropy(logits, ab, PLAIN, LossSettings(gray_threshold=0.0))
    assert kept.item() == pytest.approx(plain.item(), rel=1e-6)


# Training ------------------------------------------------------------------------------------------


def test_training_logs_the_plain_and_the_rebalanced_loss():
    model = tiny(SPEC).train()
    model.set_prior(natural_prior())
    batch = made_batch()
    losses = model.training_losses(batch)
    assert set(losses) == {"loss", "cross_entropy", "rebalanced", "entropy"}
    logits = model.readouts(batch.luma)[-1].logits
    weights = rebalancing_weights(model.prior, mix=0.5)
    expected = weighted_cross_entropy(logits, F.avg_pool2d(batch.chroma, 4), weights, SETTINGS)
    torch.testing.assert_close((losses["rebalanced"], losses["cross_entropy"]), expected)
    assert losses["loss"] == losses["rebalanced"]
    assert losses["rebalanced"] > 1.2 * losses["cross_entropy"]  # vivid crops hold rare bins
    assert 0 < losses["entropy"] <= math.log(AB_BINS)


def test_lambda_1_trains_on_the_plain_loss():
    """Section 3.2: the non-rebalanced objective is lambda = 1."""
    model = tiny(SPEC, rebalance_mix=1.0).train()
    model.set_prior(natural_prior())
    losses = model.training_losses(made_batch())
    assert losses["loss"].item() == pytest.approx(losses["cross_entropy"].item(), rel=1e-5)


@pytest.mark.parametrize("area_average", [False, True])
def test_the_truth_is_reduced_to_the_output_s_resolution(area_average: bool):
    """The authors take the top-left pixel of every 4 x 4; the compact model the mean of the cell."""
    model = tiny(SPEC, area_average=area_average, rebalance_mix=1.0).eval()
    chroma = torch.zeros(1, 2, 32, 32)
    chroma[:, 0, ::4, ::4] = 80.0
    batch = Batch(torch.rand(1, 1, 32, 32) * 100, chroma)
    reduced = torch.zeros(1, 2, 8, 8)
    reduced[:, 0] = 80 / 16 if area_average else 80
    _, expected = weighted_cross_entropy(model.predict(batch.luma), reduced, PLAIN, SETTINGS)
    assert model.training_losses(batch)["cross_entropy"].item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_prior_is_smoothed_and_travels_with_the_weights(model: CIC):
    assert torch.equal(model.prior, torch.full((AB_BINS,), 1 / AB_BINS))
    counts = 1000 * natural_prior()
    model.set_prior(counts)
    torch.testing.assert_close(model.prior, smooth_prior(counts / counts.sum()))
    assert torch.equal(model.state_dict()["prior"], model.prior)


def test_steps_on_one_batch_lower_the_loss():
    """The gradient reaches the weights: a few steps fit a batch of one color."""
    model = tiny(SPEC).train()
    chroma = torch.tensor([40.0, 30.0])[None, :, None, None].expand(2, 2, 32, 32)
    batch = Batch(torch.rand(2, 1, 32, 32) * 100, chroma)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = model.training_losses(batch)["loss"].item()
    for _ in range(15):
        optimizer.zero_grad()
        model.training_losses(batch)["loss"].backward()
        optimizer.step()
    assert model.training_losses(batch)["loss"].item() < 0.7 * first


# Equations 1, 2, 4 and 8: predict, decode, sample --------------------------------------------------


def test_equation_2_predicts_313_logits_at_a_quarter(model: CIC):
    logits = model.predict(torch.rand(2, 1, 64, 32) * 100)
    assert logits.shape == (2, 313, 16, 8)
    assert logits.dtype == torch.float32


def test_a_trunk_sees_lightness_from_minus_1_to_1(model: CIC):
    seen = []
    model.network.stages[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    luma = torch.rand(1, 1, 32, 32) * 100
    model.predict(luma)
    torch.testing.assert_close(seen[0], luma / 50 - 1)


@pytest.mark.parametrize("temperature", [1.0, 1 / 6, 0.0])
def test_equation_8_decodes_by_the_annealed_mean(model: CIC, temperature: float):
    logits = torch.randn(1, AB_BINS, 2, 3)
    samples = model.decode(logits, temperature=temperature)
    z = scipy.special.log_softmax(logits.double().numpy(), axis=1)
    if temperature:
        p = scipy.special.softmax(z / temperature, axis=1)
        expected = np.einsum("bqhw,qc->bchw", p, AB_CENTERS.double().numpy())
    else:
        expected = AB_CENTERS.numpy()[z.argmax(1)].transpose(0, 3, 1, 2)
    assert samples.chroma.shape == (1, 1, 2, 2, 3)
    np.testing.assert_allclose(samples.chroma[:, 0].numpy(), expected, atol=2e-3)


def test_the_model_s_own_temperature_is_the_default(model: CIC):
    logits = torch.randn(1, AB_BINS, 2, 2)
    own, asked = model.decode(logits), model.decode(logits, temperature=1 / 6)
    assert torch.equal(own.chroma, asked.chroma)
    assert not torch.equal(own.chroma, model.decode(logits, temperature=1.0).chroma)


def test_samples_carry_the_distribution_and_its_doubt(model: CIC):
    """Section 4.5, figure 14: the predicted distribution is a result."""
    samples = model.sample(torch.rand(1, 1, 32, 64) * 100)
    assert samples.space == "lab"
    assert samples.logits is not None and samples.uncertainty is not None
    assert samples.logits.shape == (1, 313, 8, 16)
    expected = scipy.special.entr(
        scipy.special.softmax(samples.logits.detach().double().numpy(), axis=1)
    ).sum(1)
    np.testing.assert_allclose(samples.uncertainty[:, 0].detach().numpy(), expected, rtol=1e-4)


def test_equation_1_is_decoding_what_was_predicted(model: CIC):
    """F is the composition of G and H."""
    luma = torch.rand(1, 1, 32, 32) * 100
    answer = model.sample(luma, temperature=0.4).chroma
    assert torch.equal(answer, model.decode(model.predict(luma), temperature=0.4).chroma)


def test_guides_change_the_logits_in_turn(model: CIC):
    logits = torch.randn(1, AB_BINS, 2, 2)
    samples = model.decode(
        logits, guides=[lambda x: x + torch.arange(313.0)[:, None, None], lambda x: x * 0.1]
    )
    assert samples.logits is not None
    torch.testing.assert_close(samples.logits, (logits + torch.arange(313.0)[:, None, None]) * 0.1)


def test_one_photo_has_one_answer(model: CIC):
    with pytest.raises(ValueError, match="one answer"):
        model.sample(torch.rand(1, 1, 32, 32), n=2)


@pytest.mark.parametrize("size", [(32, 40), (40, 32), (31, 32)])
def test_sides_that_are_no_multiples_are_refused(model: CIC, size: tuple[int, int]):
    with pytest.raises(ValueError, match=rf"multiples of 32, not {size[0]} x {size[1]}"):
        model.predict(torch.rand(1, 1, *size))


def test_the_answer_is_the_same_every_time(model: CIC):
    luma = torch.rand(1, 1, 32, 32) * 100
    first = model.sample(luma).chroma
    torch.rand(7)
    assert torch.equal(model.sample(luma).chroma, first)


def test_a_seed_gives_one_model():
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(tiny(SPEC).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match="rebalance"):
        tiny(SPEC, rebalance=0.5)
