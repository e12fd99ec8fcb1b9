"""The 313 bins, soft encoding and rebalancing of Zhang, Isola and Efros 2016, statement by statement; and the
bins of Cb and Cr of Guadarrama and others 2017."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.color
import torch
from torch import Tensor

from autochrome.color.bins import (
    AB_BINS,
    AB_CENTERS,
    GRID,
    REFERENCE_FLOOR,
    ChromaBins,
    count_bins,
    nearest_bin,
    rebalancing_weights,
    reference_prior,
    smooth_prior,
    smooth_within,
    soft_encode,
)

# Row bounds "a:lowest b..highest b" read from the authors' pts_in_hull.npy.
PUBLISHED_ROWS = (
    "-90:50..90; -80:20..90; -70:0..90; -60:-20..90; -50:-30..100; -40:-40..100; -30:-50..100; -20:-50..100; "
    "-10:-60..100; 0:-70..100; 10:-80..90; 20:-80..90; 30:-90..90; 40:-100..90; 50:-100..80; 60:-110..80; "
    "70:-110..80; 80:-110..70; 90:-110..70; 100:-90..0"
)
GRAY = int(AB_CENTERS.square().sum(1).argmin())


def grid_of(points: Tensor) -> Tensor:
    """Points (n, 2) as chroma "1 2 1 n"."""
    return points.T[None, :, None]


def brute_force(points: Tensor, k: int) -> Tensor:
    """Squared distances to the k nearest centers by a full search in float64."""
    distance = torch.cdist(points.double(), AB_CENTERS.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return distance.topk(k, largest=False).values.square()


def color_prior(rng: np.random.Generator) -> Tensor:
    """A made prior of the natural shape: mostly gray, falling with chroma, uneven."""
    falling = np.exp(-AB_CENTERS.double().norm(dim=1).numpy() / 8) * rng.uniform(0.2, 1, AB_BINS)
    return torch.from_numpy(falling / falling.sum())


# 3.1: "We quantize the ab output space into bins with grid size 10 and keep the Q = 313 values" --------


def test_there_are_313_bins_on_a_grid_of_10():
    assert AB_BINS == 313
    assert AB_CENTERS.shape == (313, 2)
    assert torch.equal(AB_CENTERS % GRID, torch.zeros(313, 2))
    assert len({tuple(center) for center in AB_CENTERS.tolist()}) == 313


def test_bins_are_in_lexicographic_order():
    centers = [tuple(center) for center in AB_CENTERS.tolist()]
    assert centers == sorted(centers)


def test_rows_are_contiguous_with_the_published_bounds():
    rows = {}
    for row in PUBLISHED_ROWS.split("; "):
        a, bounds = row.split(":")
        rows[int(a)] = tuple(map(int, bounds.split("..")))
    assert sorted(set(AB_CENTERS[:, 0].tolist())) == sorted(rows)
    for a, (low, high) in rows.items():
        row = AB_CENTERS[AB_CENTERS[:, 0] == a, 1].tolist()
        assert row == list(range(low, high + 1, 10)), f"row a = {a}"


def test_bins_are_the_corners_of_the_cells_that_srgb_reaches_and_four_more():
    """Figure 2a, "in gamut": checked against scikit-image's Lab of sRGB's surface and a lattice inside."""
    inside = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), -1).reshape(-1, 3)
    face = np.stack(np.meshgrid(np.arange(256), np.arange(256)), -1).reshape(-1, 2)
    faces = [np.insert(face, channel, value, axis=1) for channel in range(3) for value in (0, 255)]
    rgb = np.concatenate([inside, *faces]).astype(np.uint8)
    low = np.unique(np.floor(skimage.color.rgb2lab(rgb[None])[0, :, 1:] / 10).astype(int), axis=0)
    corners = {(10 * (a + i), 10 * (b + j)) for a, b in low.tolist() for i in (0, 1) for j in (0, 1)}
    centers = {(int(a), int(b)) for a, b in AB_CENTERS.tolist()}
    assert corners <= centers
    assert centers - corners == {(40, 90), (100, -90), (100, -10), (100, 0)}


def test_every_center_is_nearest_to_itself():
    assert nearest_bin(grid_of(AB_CENTERS)).flatten().tolist() == list(range(313))


# 3.1: soft encoding H_gt^-1, k = 10, sigma = 5 -----------------------------------------------------


def test_soft_code_has_10_nonzeros_that_sum_to_1(rng: np.random.Generator):
    ab = torch.from_numpy(rng.uniform(-90, 90, (2, 2, 6, 5))).float()
    weight, index = soft_encode(ab)
    dense = torch.zeros(2, 313, 6, 5).scatter(1, index, weight)
    assert weight.shape == (2, 10, 6, 5)
    assert (index.sort(dim=1).values.diff(dim=1) > 0).all()  # 10 different bins
    assert ((dense > 0).sum(1) <= 10).all()
    torch.testing.assert_close(dense.sum(1), torch.ones(2, 6, 5))
    near = torch.from_numpy(rng.uniform(-20, 20, (1, 2, 8, 8))).float()
    assert (soft_encode(near)[0] > 0).all()


def test_the_nearest_bin_is_the_argmax_of_the_soft_code(rng: np.random.Generator):
    ab = torch.from_numpy(rng.uniform(-100, 100, (1, 2, 20, 20))).float()
    weight, index = soft_encode(ab)
    assert (weight[:, :1] >= weight).all()
    assert (weight.diff(dim=1) <= 0).all()
    assert torch.equal(index[:, 0], nearest_bin(ab))


def test_soft_weights_follow_the_gaussian_kernel():
    """The ratio of two weights is exp(-(d1^2 - d2^2) / (2 sigma^2)): for sigma = 5, over 50."""
    ab = torch.tensor([3.0, -1.5], dtype=torch.float64).reshape(1, 2, 1, 1)
    weight, index = soft_encode(ab)
    squared = (AB_CENTERS.double()[index.flatten()] - ab.flatten()).square().sum(1)
    w = weight.flatten()
    torch.testing.assert_close(w / w[0], torch.exp(-(squared - squared[0]) / 50))
    wide = soft_encode(ab, sigma=10.0)[0].flatten()
    torch.testing.assert_close(wide / wide[0], torch.exp(-(squared - squared[0]) / 200))


@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_soft_encoding_finds_the_k_nearest_everywhere(k: int, rng: np.random.Generator):
    """Against a full search at the corners of all table cells, where they are exceeded most, and beyond."""
    axis = torch.arange(-111.5, 112, 1.0 if k == 10 else 3.0)
    points = torch.cat([torch.cartesian_prod(axis, axis), random_points(rng)])
    weight, index = soft_encode(grid_of(points), k=k)
    squared = (points[:, None].double() - AB_CENTERS.double()[index[0, :, 0].T]).square().sum(-1)
    # Distances, not indices: equally distant bins may stand for each other.
    torch.testing.assert_close(squared, brute_force(points, k), rtol=1e-6, atol=1e-2)
    expected = torch.softmax(-brute_force(points, k) / 50, dim=1)
    near = points.abs().amax(1) < 200  # further out float32 squares are too coarse for the weights
    torch.testing.assert_close(weight[0, :, 0].T.double()[near], expected[near], rtol=0, atol=2e-4)


def random_points(rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(
        np.concatenate([rng.uniform(-r, r, (3000, 2)) for r in (60, 110, 130, 1000)])
    ).float()


def test_points_far_outside_the_gamut_do_not_disturb_those_inside():
    inside = torch.tensor([[12.0, 7.0]])
    alone = soft_encode(grid_of(inside))
    among = soft_encode(grid_of(torch.cat([inside, torch.tensor([[900.0, -900.0], [-500.0, 0.0]])])))
    assert torch.equal(among[1][..., :1], alone[1])
    assert torch.equal(among[0][..., :1], alone[0])


def test_soft_encoding_keeps_places():
    """Shape "b 2 h w" to "b k h w": each place is encoded for itself."""
    ab = torch.randn(2, 2, 3, 5) * 30
    weight, index = soft_encode(ab)
    one_weight, one_index = soft_encode(ab[1:, :, 2:, 4:])
    assert torch.equal(index[1, :, 2, 4], one_index.flatten())
    assert torch.equal(weight[1, :, 2, 4], one_weight.flatten())


# 3.2: class rebalancing ----------------------------------------------------------------------------


def test_counting_bins():
    ab = grid_of(AB_CENTERS[[5, 5, GRAY]] + 1.0)
    counts = count_bins(ab)
    assert counts.shape == (313,)
    assert counts[5] == 2
    assert counts[GRAY] == 1
    assert counts.sum() == 3


def test_smoothing_preserves_mass(rng: np.random.Generator):
    """Equation 6, G_sigma * p: the result is a distribution again, wherever the mass lay."""
    torch.testing.assert_close(smooth_prior(color_prior(rng)).sum().item(), 1.0)
    for corner in (0, GRAY, 312):
        one_hot = torch.zeros(313, dtype=torch.float64)
        one_hot[corner] = 1
        smooth = smooth_prior(one_hot)
        torch.testing.assert_close(smooth.sum().item(), 1.0)
        assert smooth.argmax() == corner


def test_smoothing_kernel_is_gaussian_with_sigma_5():
    """A bin keeps .62 of its mass; a neighbor at 10 units gets exp(-100 / 50) = .135 of what it keeps."""
    one_hot = torch.zeros(313)
    one_hot[GRAY] = 1
    smooth = smooth_prior(one_hot)
    assert smooth[GRAY].item() == pytest.approx(0.62, abs=0.005)
    distance = AB_CENTERS.norm(dim=1)
    torch.testing.assert_close(smooth[distance == 10] / smooth[GRAY], torch.full((4,), math.exp(-2)))
    diagonal = (AB_CENTERS.abs() == 10).all(1)
    torch.testing.assert_close(smooth[diagonal] / smooth[GRAY], torch.full((4,), math.exp(-4)))


@pytest.mark.parametrize("mix", [0.0, 0.25, 0.5, 1.0])
def test_weights_are_1_on_expectation(mix: float, rng: np.random.Generator):
    """Equation 6: sum_q [G_sigma * p]_q w_q = 1."""
    p = smooth_prior(color_prior(rng))
    assert (p * rebalancing_weights(p, mix=mix)).sum().item() == pytest.approx(1)


def test_weights_are_the_reciprocal_of_the_mixture(rng: np.random.Generator):
    """Equation 6 with lambda / Q: w is proportional to ((1 - lambda) p + lambda / Q)^-1."""
    p = color_prior(rng)
    product = rebalancing_weights(p, mix=0.3) * (0.7 * p + 0.3 / 313)
    torch.testing.assert_close(product, product[:1].expand(313))


def test_lambda_0_is_the_full_inverse(rng: np.random.Generator):
    """Section 4.1 weighs by equation 6 with lambda = 0."""
    p = color_prior(rng)
    torch.testing.assert_close(rebalancing_weights(p, mix=0.0), 1 / (313 * p))


def test_lambda_1_gives_every_bin_the_weight_1(rng: np.random.Generator):
    """Equation 7: v(Z) = 1."""
    torch.testing.assert_close(
        rebalancing_weights(color_prior(rng), mix=1.0), torch.ones(313, dtype=torch.float64)
    )


def test_gray_is_the_most_frequent_and_weighs_least():
    """Section 3.2 on the shipped prior: desaturated values dominate, so w(0, 0) is the smallest weight."""
    prior = reference_prior()
    assert prior.sum().item() == pytest.approx(1, abs=1e-5)
    assert (prior > 0).all()
    assert prior.argmax() == GRAY
    weights = rebalancing_weights(prior)
    assert weights.argmin() == GRAY
    assert (weights.sort().values[1:] > weights[GRAY]).all()


def test_no_bin_of_the_reference_prior_is_rarer_than_its_floor():
    """Section 4.1 weighs by the full inverse: an unbounded one would let a few pixels decide."""
    prior = reference_prior()
    assert prior.min().item() == pytest.approx(REFERENCE_FLOOR, rel=0.01)
    assert rebalancing_weights(prior, mix=0.0).max() < 1 / (300 * REFERENCE_FLOOR)


def test_literal_lambda_would_not_rebalance():
    """Equation 6 prints "+ lambda". So read, all weights are nearly 1; with lambda / Q they differ widely."""
    p = reference_prior()
    literal = 1 / (0.5 * p + 0.5)
    literal /= (p * literal).sum()
    ours = rebalancing_weights(p, mix=0.5)
    assert literal.max() / literal.min() < 1.25
    assert ours.max() / ours.min() > 20
    assert 0.85 < literal.min() < literal.max() < 1.1


def test_weights_do_not_depend_on_the_prior_s_scale(rng: np.random.Generator):
    p = color_prior(rng)
    torch.testing.assert_close(rebalancing_weights(1000 * p), rebalancing_weights(p))


def test_bins_that_never_occur_take_the_largest_weight_and_no_share():
    """The authors mix with a uniform distribution over the bins that occur (their PriorFactor)."""
    p = torch.zeros(313, dtype=torch.float64)
    p[[10, 20, 30]] = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    weights = rebalancing_weights(p, mix=0.5)
    inverse = 1 / (0.5 * p[[10, 20, 30]] + 0.5 / 3)
    expected = inverse / (p[[10, 20, 30]] * inverse).sum()
    torch.testing.assert_close(weights[[10, 20, 30]], expected)
    assert (weights[p == 0] == weights[[10, 20, 30]].max()).all()
    torch.testing.assert_close(rebalancing_weights(p, mix=1.0), torch.ones(313, dtype=torch.float64))


@pytest.mark.parametrize("mix", [-0.1, 1.1])
def test_lambda_outside_0_to_1_is_refused(mix: float):
    with pytest.raises(ValueError, match="lambda"):
        rebalancing_weights(torch.ones(313), mix=mix)


@pytest.mark.parametrize("prior", [torch.zeros(313), -torch.ones(313)])
def test_what_is_no_prior_is_refused(prior: Tensor):
    with pytest.raises(ValueError, match="prior"):
        rebalancing_weights(prior)


# Guadarrama and others 2017, 3.1: "We discretize the Cb and Cr channels separately into 32 bins" ---------


def planes(cb: Tensor, cr: Tensor) -> Tensor:
    """Values of both channels as chroma "1 2 1 n"."""
    return torch.stack((cb, cr))[None, :, None]


BYTES = torch.arange(256) / 255


@pytest.mark.parametrize(("shift", "counts"), [(0, [8] * 32), (4, [4, *[8] * 30, 12])])
def test_all_bytes_fall_into_32_bins_of_8(shift: int, counts: list[int]):
    """floor((v + shift) / 8); what a shift moves beyond the last bin stays in it."""
    bins = ChromaBins(shift=shift)
    assert (bins.count, bins.width) == (32, 8)
    found = bins.encode(planes(BYTES, BYTES.flip(0)))
    assert found.shape == (1, 2, 1, 256)
    cr, cb = found[0, :, 0]
    assert cb.tolist() == [min((v + shift) // 8, 31) for v in range(256)]
    assert torch.equal(cr, cb.flip(0))
    assert torch.bincount(cb, minlength=32).tolist() == counts


def test_bins_come_cr_first():
    """The factorization is p(Cr) p(Cb | Cr); chroma is in the order Cb, Cr."""
    bins = ChromaBins()
    chroma = planes(torch.tensor([0.0]), torch.tensor([1.0]))
    assert bins.encode(chroma).flatten().tolist() == [31, 0]
    values = torch.stack((torch.arange(32) + 100.0, torch.arange(32) + 200.0))  # of Cr, of Cb
    assert bins.decode(bins.encode(chroma), values).flatten().tolist() == [200, 131]


def test_chroma_outside_its_range_takes_the_outermost_bins():
    bins = ChromaBins(shift=4).encode(planes(torch.tensor([-0.3, 1.2]), torch.tensor([1.5, -9.0])))
    assert bins.flatten().tolist() == [31, 0, 0, 31]


@pytest.mark.parametrize("shift", [0, 4])
def test_centers_are_the_middles_and_encode_to_themselves(shift: int):
    bins = ChromaBins(shift=shift)
    centers = bins.centers()
    torch.testing.assert_close(centers * 255, torch.arange(32) * 8.0 + 4 - shift)
    assert torch.equal(bins.encode(planes(centers, centers)), torch.arange(32).expand(1, 2, 32)[:, :, None])


def test_neutral_is_an_edge_without_a_shift_and_a_middle_with_one():
    """128: the paper's bins 15 and 16 meet there, so that gray would decode to 132."""
    neutral = planes(torch.tensor([127 / 255, 128 / 255]), torch.tensor([127 / 255, 128 / 255]))
    assert ChromaBins().encode(neutral)[0, 0, 0].tolist() == [15, 16]
    assert ChromaBins(shift=4).encode(neutral)[0, 0, 0].tolist() == [16, 16]
    assert ChromaBins().centers()[16].item() == pytest.approx(132 / 255)
    assert ChromaBins(shift=4).centers()[16].item() == pytest.approx(128 / 255)


@pytest.mark.parametrize("shift", [0, 4])
def test_decoding_by_centers_is_off_by_at_most_half_a_bin(shift: int):
    bins = ChromaBins(shift=shift)
    values = BYTES[: 256 - shift]  # what lies beyond the last bin is farther away
    chroma = planes(values, values.flip(0))
    decoded = bins.decode(bins.encode(chroma), bins.centers().expand(2, -1))
    assert (decoded - chroma).abs().max().item() == pytest.approx(4 / 255, rel=1e-5)


def test_other_numbers_of_bins():
    assert ChromaBins(count=64).width == 4
    assert ChromaBins(count=64).encode(planes(BYTES, BYTES)).max() == 63


@pytest.mark.parametrize("shift", [0, 4])
def test_bounds_are_of_the_bin(shift: int) -> None:
    bins = ChromaBins(shift=shift)
    chroma = torch.rand(2, 2, 5, 6) * 0.9 + 0.02
    index = bins.encode(chroma)
    low, high = bins.bounds(index)
    torch.testing.assert_close(high - low, torch.full_like(low, 0.998 * 8 / 255))
    assert torch.equal(bins.encode(low), index) and torch.equal(bins.encode(high), index)


def test_smoothing_stays_within_bounds_and_makes_slopes_of_stairs() -> None:
    stairs = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]).expand(1, 2, 4, 6)
    low, high = stairs - 0.4, stairs + 0.4
    smooth = smooth_within(stairs, low, high, 5)
    assert (smooth >= low).all() and (smooth <= high).all()
    assert (smooth.diff(dim=3) >= 0).all()
    assert smooth.diff(dim=3).max() < 0.4  # the step was 1
    assert torch.equal(smooth_within(stairs, low, high, 0), stairs)


def test_smoothing_leaves_plain_surfaces_and_outliers_of_other_bins() -> None:
    plain = torch.full((1, 2, 5, 5), 0.5)
    assert torch.equal(smooth_within(plain, plain - 0.1, plain + 0.1, 3), plain)
    plain[:, :, 2, 2] = 0.9
    spot = smooth_within(plain, plain - 0.1, plain + 0.1, 3)
    torch.testing.assert_close(spot[:, :, 2, 2], torch.full((1, 2), 0.8))
