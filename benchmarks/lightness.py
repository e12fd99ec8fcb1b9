"""How well lightness is held when colors beyond sRGB are fitted into it, before rounding to 8 bits.

    python -m benchmarks.lightness PHOTOS

Every photo's lightness is joined with the next photo's chroma, as it is and times 1.5. Prints the mean |dL*|
that `fit_chroma` leaves and, for comparison, the mean that clipping RGB would leave.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.nn import functional as F

from autochrome.color.gamut import fit_chroma
from autochrome.color.spaces import LAB
from autochrome.evaluation.scores import load_rgb
from autochrome.io.folders import find_photos


def main(folder: Path) -> None:
    """Print a line for each strength of the foreign chroma."""
    photos = [LAB.split(load_rgb(found.path)) for found in find_photos([folder])]
    for strength in (1.0, 1.5):
        drifts = []
        for (luma, _), (_, ab) in zip(photos, photos[1:] + photos[:1], strict=True):
            foreign = strength * F.interpolate(ab, luma.shape[2:], mode="bilinear", align_corners=False)
            results = fit_chroma(luma, foreign), LAB.merge(luma, foreign).clamp(0, 1)
            drifts.append([(LAB.split(rgb)[0] - luma).abs().mean() for rgb in results])
        fitted, clipped = torch.tensor(drifts).mean(0).tolist()
        print(
            f"{len(photos)} photos, another's chroma x {strength}: "
            f"mean |dL*| {fitted:.6f}, clipping {clipped:.3f}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
