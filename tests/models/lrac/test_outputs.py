"""The four output spaces of Larsson, Maire and Shakhnarovich 2016: losses, decoding, bins."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import HUE_CHROMA, LAB, rgb_to_lab
from autochrome.models.lrac.decoding import Decoding
from autochrome.models.lrac.outputs import (
    OUTPUT_NAMES,
    Histograms,
    HueChroma,
    LabJoint,
    LabL2,
    LabMarginals,
    create_output,
)
from autochrome.models.lrac.settings import LRACSettings

HISTOGRAMS = ("hue_chroma", "lab", "lab_joint")


@pytest.fixture(scope="module")
def photo() -> Tensor:
    """A color photo "1 3 32 48", sRGB in [0, 1]."""
    pixels = torch.from_numpy(skimage.data.coffee()).permute(2, 0, 1)[None].float() / 255
    return F.adaptive_avg_pool2d(pixels, (32, 48))


def certain(output: HueChroma | LabMarginals | LabJoint, rgb: Tensor, sure: float = 60.0) -> Tensor:
    """Logits that are sure of the true bins."""
    parts = [
        F.one_hot(bins, axis.stop - axis.start).movedim(-1, 1) * sure
        for axis, bins in zip(output.axes, output.encode(rgb).unbind(1), strict=True)
    ]
    return torch.cat(parts, 1).float()


# What every output is ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "channels", "axes", "space"),
    [
        ("hue_chroma", 64, (slice(0, 32), slice(32, 64)), "hue_chroma"),
        ("lab", 64, (slice(0, 32), slice(32, 64)), "lab"),
        ("lab_joint", 256, (slice(0, 256),), "lab"),
        ("lab_l2", 2, (), "lab"),
    ],
)
def test_the_paper_s_sizes(name: str, channels: int, axes: tuple[slice, ...], space: str) -> None:
    output = create_output(name)
    own = output.axes if isinstance(output, Histograms) else ()
    assert (output.name, output.channels, own, output.space) == (name, channels, axes, space)


def test_an_unknown_output_is_named() -> None:
    with pytest.raises(ValueError, match="no output is called 'rgb'; choose one of: hue_chroma, lab, "):
        create_output("rgb")


@pytest.mark.parametrize("name", OUTPUT_NAMES)
def test_a_list_of_places_loses_as_the_map_does(name: str, photo: Tensor) -> None:
    output = create_output(name)
    logits = torch.randn(1, output.channels, 32, 48)
    dense = output.loss(logits, photo)
    sparse = output.loss(logits.flatten(2), photo.flatten(2))
    assert dense.keys() == sparse.keys()
    for part, value in dense.items():
        torch.testing.assert_close(sparse[part], value)


@pytest.mark.parametrize("name", OUTPUT_NAMES)
def test_a_window_s_list_loses_as_its_map_does(name: str, photo: Tensor) -> None:
    output = create_output(name, LRACSettings(window=3))
    logits = torch.randn(1, output.channels, 32, 48)
    inside = logits[:, :, 1:-1, 1:-1].flatten(2)
    windows = F.unfold(photo, 3).unflatten(1, (3, 3, 3)).permute(0, 1, 4, 2, 3)
    # The windows at the map's border are cut; the list has the others.
    if isinstance(output, LabL2):
        expected = output.loss(inside, photo[:, :, 1:-1, 1:-1].flatten(2))["loss"]
    else:
        assert isinstance(output, HueChroma | LabMarginals | LabJoint)
        parts = [d[:, 1:-1, 1:-1] for d in output.divergences(logits, photo)]
        if name == "hue_chroma":
            weight = 5 * HUE_CHROMA.split(photo)[1][:, 1, 1:-1, 1:-1]
            parts[0] = weight * parts[0]
        expected = torch.stack([part.mean() for part in parts]).sum()
    torch.testing.assert_close(output.loss(inside, windows)["loss"], expected)


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_certain_and_true_loses_nothing_and_gives_the_photo_back(name: str, photo: Tensor) -> None:
    output = create_output(name)
    assert isinstance(output, HueChroma | LabMarginals | LabJoint)
    logits = certain(output, photo)
    assert output.loss(logits, photo)["loss"].item() == pytest.approx(0, abs=1e-5)
    space = HUE_CHROMA if name == "hue_chroma" else LAB
    luma = space.split(photo)[0]
    # To a bin: of a and b the outermost are wide, and the photo has few colors there.
    away = (space.merge(luma, output.decode(logits)).clamp(0, 1) - photo).abs()
    assert away.median().item() < 0.015
    doubt = output.uncertainty(logits)
    assert doubt is not None
    assert doubt.abs().max().item() < 1e-4


def test_l2_is_the_squared_distance_in_units_of_25(photo: Tensor) -> None:
    output = LabL2()
    lab = skimage.color.rgb2lab(photo[0].permute(1, 2, 0).numpy())
    expected = ((lab[..., 1:] / 25) ** 2).sum(-1).mean()
    gray = torch.zeros(1, 2, 32, 48)
    assert output.loss(gray, photo)["loss"].item() == pytest.approx(expected, rel=1e-4)
    truth = rgb_to_lab(photo)[:, 1:] / 25
    assert output.loss(truth, photo)["loss"].item() == 0
    np.testing.assert_allclose(output.decode(truth)[0].permute(1, 2, 0).numpy(), lab[..., 1:], atol=1e-3)


def test_l2_has_no_bins() -> None:
    assert not isinstance(LabL2(), Histograms)


# Hue and chroma ------------------------------------------------------------------------------------


def test_equation_3(photo: Tensor) -> None:
    """L = D(y_C || f_C) + lambda_H y_C D(y_H || f_H), one-hot, with bins floor(32 v)."""
    logits = torch.randn(1, 64, 32, 48)
    hsv = skimage.color.rgb2hsv(photo[0].permute(1, 2, 0).double().numpy())
    y_c = hsv[..., 1] * hsv[..., 2]
    bins = np.minimum(32 * np.stack((hsv[..., 0], y_c)), 31).astype(int)
    hue, chroma = (
        F.cross_entropy(part, torch.from_numpy(y)[None], reduction="none")[0].double()
        for part, y in zip(logits.split(32, dim=1), bins, strict=True)
    )
    found = HueChroma().loss(logits, photo)
    hue_part, chroma_part = (torch.from_numpy(y_c) * hue).mean().item(), chroma.mean().item()
    assert found["hue"].item() == pytest.approx(hue_part, rel=2e-3)  # a pixel at an edge may change bins
    assert found["chroma"].item() == pytest.approx(chroma_part, rel=2e-3)
    assert found["loss"].item() == pytest.approx(chroma_part + 5 * hue_part, rel=2e-3)
    heavier = HueChroma(LRACSettings(hue_weight=7.0)).loss(logits, photo)
    torch.testing.assert_close(heavier["loss"] - found["loss"], 2 * found["hue"])


def test_the_hue_of_gray_teaches_nothing() -> None:
    logits = torch.randn(2, 64, 5, requires_grad=True)
    HueChroma().loss(logits, torch.full((2, 3, 5), 0.4))["loss"].backward()
    assert logits.grad is not None
    assert logits.grad[:, :32].abs().max() == 0
    assert logits.grad[:, 32:].abs().max() > 0


def test_dark_and_bright_places_may_teach_less_of_chroma() -> None:
    """min(3L, 1, 3(1 - L)) at L = .1, .5 and .9: .3, 1 and .3; hue is left as it is."""
    rgb = torch.tensor([0.1, 0.5, 0.9])[:, None, None] + torch.tensor([0.05, 0.0, -0.05])[:, None]
    logits = torch.zeros(3, 64, 1)
    for place, factor in enumerate((0.3, 1.0, 0.3)):
        one = (logits[place : place + 1], rgb[place : place + 1])
        plain, faded = (HueChroma(LRACSettings(fade_extremes=on)).loss(*one) for on in (False, True))
        torch.testing.assert_close(faded["chroma"], factor * plain["chroma"])
        torch.testing.assert_close(faded["hue"], plain["hue"])


def test_hues_that_disagree_fade_chroma() -> None:
    """Even over 12 hues: .82 of the chroma is left; turned off, all of it."""
    output = HueChroma()
    logits = torch.full((1, 64, 1, 1), -80.0)
    logits[0, :12] = 0
    logits[0, 32 + 16] = 0
    hue, chroma = output.decode(logits).flatten().tolist()
    assert hue == pytest.approx(6 / 32)
    assert chroma == pytest.approx(0.82 * 16.5 / 32, abs=0.003)
    assert output.decode(logits, Decoding(fading=False))[0, 1].item() == pytest.approx(16.5 / 32)
    assert output.decode(logits, Decoding(eta=0.01))[0, 1].item() == pytest.approx(16.5 / 32)


def test_uncertainty_is_the_entropy_of_hue_times_the_chroma_before_it_fades() -> None:
    output = HueChroma()
    logits = torch.full((1, 64, 1, 2), -80.0)
    logits[0, :32, 0, 0] = 0  # any hue
    logits[0, 3, 0, 1] = 0
    logits[0, 32 + 16] = 0
    assert output.decode(logits)[0, 1, 0, 0].item() == pytest.approx(0, abs=1e-5)
    torch.testing.assert_close(
        output.uncertainty(logits).flatten(), torch.tensor([math.log(32) * 16.5 / 32, 0.0])
    )


def test_operators_are_chosen_for_each_axis(generator: torch.Generator) -> None:
    logits = torch.randn(1, 64, 6, 7)
    output = HueChroma()
    peaks = output.decode(logits, Decoding(hue="mode", chroma="mode", fading=False))
    for plane, axis in zip(peaks[0], output.axes, strict=True):
        torch.testing.assert_close(plane, (logits[0, axis].argmax(0) + 0.5) / 32)
    torch.testing.assert_close(output.decode(logits, Decoding(temperature=0.0, fading=False)), peaks)
    drawn = output.decode(logits, Decoding(hue="sample", chroma="sample", generator=generator))
    assert drawn[0, 0].unique().numel() > 20


# Lab -----------------------------------------------------------------------------------------------


def test_marginal_and_joint_expectations_agree_where_a_and_b_are_independent() -> None:
    joint, marginals = LabJoint(), LabMarginals()
    marginals.bins, marginals.axes = joint.bins, (slice(0, 16), slice(16, 32))
    logits = torch.randn(2, 32, 3, 4)
    a, b = (logits[:, axis].log_softmax(1) for axis in marginals.axes)
    both = (a[:, :, None] + b[:, None]).flatten(1, 2)
    for operator in ("expectation", "median", "mode"):
        chosen = Decoding(ab=operator)
        torch.testing.assert_close(
            joint.decode(both, chosen),
            marginals.decode(logits, chosen),
            rtol=0,
            atol=1e-3,
        )
    torch.testing.assert_close(joint.uncertainty(both), marginals.uncertainty(logits), rtol=0, atol=1e-4)


def test_the_marginals_loss_is_the_sum_of_two_terms(photo: Tensor) -> None:
    """ "Our loss becomes the sum of two separate terms defined by Equation (2)." """
    found = LabMarginals().loss(torch.randn(1, 64, 32, 48), photo)
    torch.testing.assert_close(found["loss"], found["a"] + found["b"])
    even = LabMarginals().loss(torch.zeros(1, 64, 32, 48), photo)
    assert even["loss"].item() == pytest.approx(2 * math.log(32), rel=1e-5)


def test_a_joint_sample_keeps_a_and_b_together(generator: torch.Generator) -> None:
    output = LabJoint()
    logits = torch.full((1, 256, 30, 30), -80.0)
    pairs = [16 * 2 + 13, 16 * 12 + 3]
    logits[:, pairs] = 0
    drawn = output.decode(logits, Decoding(ab="sample", generator=generator))
    found = {tuple(pair) for pair in drawn[0].flatten(1).T.tolist()}
    assert found == {tuple(output.centers[pair].tolist()) for pair in pairs}


# What guidance asks --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_the_true_bin_is_the_closest(name: str) -> None:
    output = create_output(name)
    assert isinstance(output, HueChroma | LabMarginals | LabJoint)
    rgb = torch.tensor([[0.8, 0.2, 0.1], [0.1, 0.5, 0.3], [0.2, 0.3, 0.72]])
    close = output.log_kernel(rgb_to_lab(rgb[:, :, None, None])[:, :, 0, 0], width=10.0)
    assert close.shape == (3, output.channels)
    bins = output.encode(rgb[:, :, None])[:, :, 0]
    for axis, true in zip(output.axes, bins.unbind(1), strict=True):
        assert (close[:, axis].amax(1) == 0).all()
        # Centers of Gaussian quantiles are not midway between the edges: a neighbor may be nearer.
        assert ((close[:, axis].argmax(1) - true).abs() <= (name != "hue_chroma")).all()


def test_the_kernel_in_lab_falls_as_a_gaussian_of_cie_units() -> None:
    color = torch.tensor([[50.0, 21.0, -32.0]])
    marginals, joint = LabMarginals(), LabJoint()
    for output, squared in (
        (marginals, (marginals.bins.centers - torch.tensor([[21.0], [-32.0]])).square()),
        (joint, (joint.centers - color[:, 1:]).square().sum(1)[None]),
    ):
        expected = (squared.amin(1, keepdim=True) - squared) / (2 * 8.0**2)
        torch.testing.assert_close(output.log_kernel(color, 8.0)[0], expected.flatten(), rtol=1e-4, atol=1e-3)


def test_the_hue_of_a_color_near_gray_hardly_matters() -> None:
    lab = torch.tensor([[60.0, 40.0, 30.0], [60.0, 2.0, 1.5], [60.0, 0.0, 0.0]])
    hue, chroma = HueChroma().log_kernel(lab, 10.0).split(32, dim=1)
    strong, weak, none = hue.amin(1).tolist()
    assert strong == pytest.approx(-(100**2) / (2 * 10**2), rel=0.02)  # the chord across: twice C_ab = 50
    assert weak == pytest.approx(-(5**2) / (2 * 10**2), rel=0.02)
    assert none == pytest.approx(0, abs=1e-4)
    assert (chroma.argmax(1).tolist()[1:], chroma.amin(1).max() < -10) == ([0, 0], True)


def test_the_kernel_of_chroma_is_about_a_gaussian_of_cie_units() -> None:
    """Against the true colors of the bins: those of the color's own hue, at its own luma."""
    rgb = torch.tensor([0.6, 0.35, 0.3])[None, :, None, None]
    lab = rgb_to_lab(rgb)
    luma, planes = HUE_CHROMA.split(rgb)
    chroma = HueChroma().log_kernel(lab[:, :, 0, 0], 10.0)[0, 32:]
    for k in (1, 5, 14, 17):
        other = HUE_CHROMA.merge(luma, torch.stack((planes[0, 0], torch.full((1, 1), (k + 0.5) / 32)))[None])
        away = (rgb_to_lab(other) - lab)[:, 1:].norm().item()
        assert math.sqrt(-2 * 100 * chroma[k].item()) == pytest.approx(away, rel=0.25)


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_histograms_and_priors_are_distributions(name: str, photo: Tensor) -> None:
    output = create_output(name)
    assert isinstance(output, HueChroma | LabMarginals | LabJoint)
    found = output.histogram(rgb_to_lab(photo))
    smooth = output.prior(output.counts(photo))
    for axis, bins in zip(output.axes, output.encode(photo).unbind(1), strict=True):
        for shares in (found[axis], smooth[axis]):
            assert shares.min() >= 0
            assert shares.sum().item() == pytest.approx(1, abs=1e-5)
        assert smooth[axis].std() < found[axis].std()
        if not (name == "hue_chroma" and axis.start == 0):
            exact = torch.bincount(bins.flatten(), minlength=len(found[axis])) / bins.numel()
            # To 3 pixels in a bin: the way through Lab may carry one over an edge.
            torch.testing.assert_close(found[axis], exact, rtol=0, atol=2e-3)


def test_a_photo_s_hues_count_by_their_chroma() -> None:
    """Three places: strong green, weak blue, and gray, which would be red if it had a vote."""
    rgb = torch.tensor([[0.2, 0.8, 0.2], [0.5, 0.5, 0.7], [0.5, 0.5, 0.5]]).T[None, :, :, None]
    found = HueChroma().histogram(rgb_to_lab(rgb))
    green, blue = int(32 / 3), int(64 / 3)
    torch.testing.assert_close(found[[green, blue, 0]], torch.tensor([0.75, 0.25, 0.0]), rtol=0, atol=1e-3)
    torch.testing.assert_close(found[[32, 32 + 6, 32 + 19]], torch.full((3,), 1 / 3), rtol=0, atol=1e-3)


def test_a_gray_photo_has_every_hue_alike() -> None:
    found = HueChroma().histogram(rgb_to_lab(torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)))
    torch.testing.assert_close(found[:32], torch.full((32,), 1 / 32))
    assert found[32].item() == pytest.approx(1)


def test_smoothing_goes_round_the_circle_of_hues_and_keeps_the_mass_of_an_end() -> None:
    counts = torch.zeros(64)
    counts[[0, 32]] = 1e6
    smooth = HueChroma().prior(counts)
    torch.testing.assert_close(smooth[[31, 0, 1]], torch.tensor([0.25, 0.5, 0.25]), rtol=0, atol=1e-6)
    torch.testing.assert_close(smooth[[32, 33, 63]], torch.tensor([0.75, 0.25, 0.0]), rtol=0, atol=1e-6)


def test_smoothing_of_a_joint_histogram_reaches_along_both_axes() -> None:
    counts = torch.zeros(256)
    counts[16 * 5 + 8] = 1e6
    grid = LabJoint().prior(counts).unflatten(0, (16, 16))[4:7, 7:10]
    line = torch.tensor([0.25, 0.5, 0.25])
    torch.testing.assert_close(grid, torch.outer(line, line), rtol=0, atol=1e-5)
