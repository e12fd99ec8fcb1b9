from __future__ import annotations

import pytest
import torch

from autochrome.nn.compact import CompactSize, CompactTrunk, ResidualBlock

TINY = CompactSize(widths=(8, 8, 16, 16, 16), blocks=(0, 1, 0, 0, 0), decoder=(16, 8, 8))


def test_residual_blocks_start_as_the_identity():
    x = torch.rand(2, 6, 4, 4)
    block = ResidualBlock(6)
    torch.testing.assert_close(block(x), x)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (112, 112), (36, 100), (4, 8)])
def test_features_are_a_quarter_of_the_size_whatever_multiple_of_four_it_is(height: int, width: int):
    with torch.no_grad():
        features = CompactTrunk(TINY).eval().maps(torch.rand(1, 1, height, width))[-1]
    assert features.shape == (1, 8, height // 4, width // 4)
