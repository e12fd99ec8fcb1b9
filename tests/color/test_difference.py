from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import torch
from skimage import data

from autochrome.color.difference import ciede2000
from autochrome.color.spaces import rgb_to_lab

# Sharma, Wu, Dalal 2005, table 1: L1 a1 b1, L2 a2 b2, difference.
PUBLISHED = """
50.0000   2.6772 -79.7751  50.0000   0.0000 -82.7485  2.0425
50.0000   3.1571 -77.2803  50.0000   0.0000 -82.7485  2.8615
50.0000   2.8361 -74.0200  50.0000   0.0000 -82.7485  3.4412
50.0000  -1.3802 -84.2814  50.0000   0.0000 -82.7485  1.0000
50.0000  -1.1848 -84.8006  50.0000   0.0000 -82.7485  1.0000
50.0000  -0.9009 -85.5211  50.0000   0.0000 -82.7485  1.0000
50.0000   0.0000   0.0000  50.0000  -1.0000   2.0000  2.3669
50.0000  -1.0000   2.0000  50.0000   0.0000   0.0000  2.3669
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0009  7.1792
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0010  7.1792
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0011  7.2195
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0012  7.2195
50.0000  -0.0010   2.4900  50.0000   0.0009  -2.4900  4.8045
50.0000  -0.0010   2.4900  50.0000   0.0010  -2.4900  4.8045
50.0000  -0.0010   2.4900  50.0000   0.0011  -2.4900  4.7461
50.0000   2.5000   0.0000  50.0000   0.0000  -2.5000  4.3065
50.0000   2.5000   0.0000  73.0000  25.0000 -18.0000 27.1492
50.0000   2.5000   0.0000  61.0000  -5.0000  29.0000 22.8977
50.0000   2.5000   0.0000  56.0000 -27.0000  -3.0000 31.9030
50.0000   2.5000   0.0000  58.0000  24.0000  15.0000 19.4535
50.0000   2.5000   0.0000  50.0000   3.1736   0.5854  1.0000
50.0000   2.5000   0.0000  50.0000   3.2972   0.0000  1.0000
50.0000   2.5000   0.0000  50.0000   1.8634   0.5757  1.0000
50.0000   2.5000   0.0000  50.0000   3.2592   0.3350  1.0000
60.2574 -34.0099  36.2677  60.4626 -34.1751  39.4387  1.2644
63.0109 -31.0961  -5.8663  62.8187 -29.7946  -4.0864  1.2630
61.2901   3.7196  -5.3901  61.4292   2.2480  -4.9620  1.8731
35.0831 -44.1164   3.7933  35.0232 -40.0716   1.5901  1.8645
22.7233  20.0904 -46.6940  23.0331  14.9730 -42.5619  2.0373
36.4612  47.8580  18.3852  36.2715  50.5065  21.2231  1.4146
90.8027  -2.0831   1.4410  91.1528  -1.6435   0.0447  1.4441
90.9257  -0.5406  -0.9208  88.6381  -0.8985  -0.7239  1.5381
 6.7747  -0.2908  -2.4247   5.8714  -0.0985  -2.2286  0.6377
 2.0776   0.0795  -1.1350   0.9033  -0.0636  -0.5514  0.9082
"""


def vectors() -> list[list[float]]:
    return [[float(x) for x in line.split()] for line in PUBLISHED.strip().splitlines()]


def pixel(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[None, :, None, None]


@pytest.mark.parametrize("row", vectors(), ids=[f"pair{n + 1}" for n in range(34)])
def test_published_vectors(row):
    one, other = pixel(row[:3]), pixel(row[3:6])
    assert ciede2000(one, other).item() == pytest.approx(row[6], abs=5.1e-5)
    assert ciede2000(other, one).item() == pytest.approx(row[6], abs=5.1e-5)


def test_equals_scikit_image_on_photos():
    one = torch.from_numpy(data.astronaut()[:200, :200].copy()).permute(2, 0, 1)[None] / 255
    other = torch.from_numpy(data.coffee()[:200, :200].copy()).permute(2, 0, 1)[None] / 255
    lab1, lab2 = rgb_to_lab(one.double()), rgb_to_lab(other.double())
    expected = skimage.color.deltaE_ciede2000(
        lab1[0].permute(1, 2, 0).numpy(), lab2[0].permute(1, 2, 0).numpy()
    )
    ours = ciede2000(lab1, lab2)
    assert ours.shape == (1, 200, 200)
    assert np.abs(ours[0].numpy() - expected).max() < 1e-6
    single = ciede2000(lab1.float(), lab2.float())
    assert (single - ours).abs().quantile(0.999) < 1e-3


def test_no_difference_from_itself():
    lab = torch.tensor([[0.0, 0, 0], [50, 20, -30], [100, 0, 0]]).T[None, :, None]
    assert ciede2000(lab, lab).tolist() == [[[0.0, 0.0, 0.0]]]
