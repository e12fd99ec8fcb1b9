"""Photos as the trunk sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from autochrome.color.spaces import HUE_CHROMA, LAB
from autochrome.data.sources import open_source
from autochrome.evaluation.probe.photos import read_lumas
from tests.data.made_photos import encode


def test_the_central_square_in_the_space_s_luma(tmp_path: Path) -> None:
    photo = np.zeros((16, 32, 3), np.uint8)
    photo[:, 8:24] = (255, 0, 0)
    (tmp_path / "wide.png").write_bytes(encode(photo))
    source = open_source(tmp_path)
    seen: list[tuple[str, int, int]] = []
    luma = read_lumas(source, [0, 0], LAB, 8, lambda *told: seen.append(told))
    assert (luma.shape, luma.dtype) == ((2, 1, 8, 8), torch.float16)
    # L* of the sRGB red, 53.24 by every published table.
    torch.testing.assert_close(luma.float(), torch.full((2, 1, 8, 8), 53.24), atol=0.03, rtol=0)
    assert seen == [("reading photos", 1, 2), ("reading photos", 2, 2)]
    luma = read_lumas(source, [0], HUE_CHROMA, 8)
    torch.testing.assert_close(luma.float(), torch.full((1, 1, 8, 8), 1 / 3), atol=1e-3, rtol=0)
