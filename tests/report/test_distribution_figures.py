"""Parts of the figures of predicted distributions."""

from __future__ import annotations

import numpy as np
import torch

from autochrome.color.bins import AB_BINS, AB_CENTERS
from autochrome.report.distribution_figures import distinct_bins, gray_map, neighborhood, swatch


def test_most_probable_colors_are_apart() -> None:
    distribution = torch.zeros(AB_BINS, 2, 3)
    gray, beside, red = (
        int((AB_CENTERS - torch.tensor(ab)).square().sum(1).argmin())
        for ab in ([0.0, 0.0], [10.0, 0.0], [60.0, 40.0])
    )
    distribution[gray], distribution[beside], distribution[red] = 0.5, 0.3, 0.2
    assert distinct_bins(distribution, 2) == [gray, red]
    a, b, chance = neighborhood(distribution, gray)
    assert (a, b) == (0, 0)
    torch.testing.assert_close(chance, torch.full((2, 3), 0.8))


def test_map_andswatch() -> None:
    found = gray_map(torch.tensor([[0.0, 0.25], [0.5, 0.5]]), (2, 2))
    np.testing.assert_array_equal(found[:, :, 0], [[0, 128], [255, 255]])
    red, _, blue = swatch(60.0, 40.0)[0, 0].astype(int)
    assert red - blue > 100
