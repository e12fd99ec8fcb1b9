"""PixColor (Guadarrama et al., 2017): its ablation, its likelihood, and choosing a sample by rank.

    python -m reproduce.pixcolor PHOTOS [--weights FILE] [--photos N] [--samples 8] [--seed 0]

PHOTOS is a folder of color photos (ours: eval-256px), used at its own size. Prints Markdown with 95%
bootstrap intervals over photos. Best of n, diversity and histogram intersection are measured by
``autochrome compare PHOTOS --model pixcolor``.

The four versions of a photo in table 1 have chroma of low resolution that is a sample or the truth's own, and
is refined or not. In each it is enlarged bilinearly, joined with the photo's own Y and rounded to 8 bits.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import YCBCR
from autochrome.errors import AutochromeError
from autochrome.evaluation.files import load_rgb
from autochrome.evaluation.intervals import Bootstrap
from autochrome.evaluation.markdown import markdown_table
from autochrome.metrics.diversity import sample_errors
from autochrome.models.pixcolor.model import PixColor
from autochrome.models.registry import create_model
from autochrome.pipeline.predict import working_shape
from reproduce.painting import counted, photos_in

CELLS = ("sample unrefined", "sample refined", "truth unrefined", "truth refined")
SCORES = {"psnr": "PSNR dB", "auc": "AuC", "ciede2000": "CIEDE2000"}

Measured = Mapping[str, Float[Tensor, "photos *columns"]]
"""Of every photo, in double precision:

    psnr, auc, ciede2000                      of each refined sample
    cells_psnr, cells_auc, cells_ciede2000    of the `CELLS`, with the first of the samples
    log_prob, log_prob_truth                  of the samples and of the true chroma, in bits per dimension
    rank, rank_truth                          by the learned ranker; without columns if the model has none
"""


@torch.inference_mode()
def measure_photo(
    model: PixColor, rgb: Float[Tensor, "1 3 h w"], samples: int, seed: int
) -> dict[str, Tensor]:
    """Draw samples of a photo and measure them; see `Measured`."""
    shape = working_shape((rgb.shape[2], rgb.shape[3]), model.spec.working_size, model.spec.multiple_of)
    luma, chroma = (_resize(planes, shape) for planes in YCBCR.split(rgb))
    generator = torch.Generator().manual_seed(seed)
    drawn = model.draw(luma, n=samples, generator=generator)
    low, low_truth, log_prob = drawn.chroma[0], model.reduce(chroma), drawn.log_prob
    assert log_prob is not None
    refined = model.finish(luma.expand(samples, -1, -1, -1), low)
    # Refinement is given the draw made continuous, so that is what stands for "unrefined".
    coarse = model.finish(luma, low[:1], refine=False)
    versions = (coarse, low_truth, model.refine(luma, low_truth), refined)
    errors = sample_errors(torch.cat([_picture(version, rgb) for version in versions]), rgb)
    log_prob_truth = model.log_prob(luma, low_truth)
    rank = torch.empty(0)
    if "rank" in model.spec.can:
        rank = model.rank(luma, torch.cat([drawn.chroma, low_truth[:, None]], dim=1))[0]
    bits = 1 / (math.log(2) * low_truth.numel())
    return {
        **{key: values[3:] for key, values in errors.items()},
        **{f"cells_{key}": values[[0, 3, 1, 2]] for key, values in errors.items()},
        "log_prob": bits * log_prob[0],
        "log_prob_truth": bits * log_prob_truth,
        "rank": rank[:-1],
        "rank_truth": rank[-1:],
    }


def _picture(chroma: Float[Tensor, "n 2 h2 w2"], rgb: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    luma, _ = YCBCR.split(rgb)
    full = _resize(chroma, (luma.shape[2], luma.shape[3]))
    return (YCBCR.merge(luma.expand(len(full), -1, -1, -1), full).clamp(0, 1) * 255).round() / 255


def _resize(planes: Float[Tensor, "b c h w"], shape: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    return F.interpolate(planes, shape, mode="bilinear", align_corners=False, antialias=True)


def ablation_table(measured: Measured) -> str:
    """Return table 1: the four versions, and what refining adds, photo by photo."""
    rows = []
    cells = {key: measured[f"cells_{key}"] for key in SCORES}
    for k, name in enumerate(CELLS):
        rows.append([name, *(Bootstrap().mean(values[:, k]).cell() for values in cells.values())])
    for k, kind in ((0, "sample"), (2, "truth")):
        gains = [Bootstrap().mean(values[:, k + 1] - values[:, k]) for values in cells.values()]
        rows.append([f"{kind}: refined - unrefined", *(gain.cell(sign="+") for gain in gains)])
    return markdown_table(["mean over photos", *SCORES.values()], rows)


def likelihood_table(measured: Measured) -> str:
    """Return the bits per dimension of the true low-resolution chroma and of the samples."""
    rows = [
        ["true low-resolution chroma", Bootstrap().mean(-measured["log_prob_truth"][:, 0]).cell(3)],
        ["the model's samples", Bootstrap().mean(-measured["log_prob"].mean(1)).cell(3)],
    ]
    return markdown_table(["", "bits per dimension"], rows)


def choice_tables(measured: Measured) -> str:
    """Return how good each judge's choice is, and how often the judge prefers the truth to a sample."""
    judges = {"likelihood": "log_prob"}
    note = "\n\nThis model has no ranker: the learned choice is left out."
    if measured["rank"].shape[1]:
        judges["learned ranker"], note = "rank", ""
    mean = {key: measured[key].mean(1) for key in SCORES}
    choices = {name: measured[key].argmax(1) for name, key in judges.items()}
    choices["oracle (best PSNR)"] = measured["psnr"].argmax(1)
    rows = [["random", *(Bootstrap().mean(value).cell() for value in mean.values()), *[""] * len(SCORES)]]
    for name, index in choices.items():
        values = {key: measured[key].gather(1, index[:, None])[:, 0] for key in SCORES}
        gains = [Bootstrap().mean(values[key] - mean[key]).cell(sign="+") for key in SCORES]
        rows.append([name, *(Bootstrap().mean(value).cell() for value in values.values()), *gains])
    head = ["chosen by", *SCORES.values(), *(f"{title} above random" for title in SCORES.values())]
    preferences = [
        [name, Bootstrap().mean((measured[f"{key}_truth"] > measured[key]).double().mean(1)).cell(3)]
        for name, key in judges.items()
    ]
    preferred = markdown_table(["judge", "prefers the true colors to a sample"], preferences)
    return f"{markdown_table(head, rows)}\n\n{preferred}{note}"


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--model", default="pixcolor")
    parser.add_argument("--weights", help="instead of the bundled ones")
    parser.add_argument("--photos", type=int, help="number of photos, the first by name")
    parser.add_argument("--samples", type=int, default=8, help="of each photo (default: 8)")
    parser.add_argument("--seed", type=int, default=0, help="of the first photo; each has one of its own")
    arguments = parser.parse_args(argv)
    try:
        model = create_model(arguments.model, weights=arguments.weights)
        if not isinstance(model, PixColor):
            parser.error(f"{model.spec.name} is not a PixColor")
        photos = photos_in(arguments.folder, arguments.photos)
        rows = [
            measure_photo(model, load_rgb(path), arguments.samples, arguments.seed + number)
            for number, path in enumerate(counted(photos, "measured"))
        ]
    except AutochromeError as error:
        parser.error(str(error))
    measured = {key: torch.stack([row[key] for row in rows]).double() for key in rows[0]}
    print(f"### Ablation\n\n{ablation_table(measured)}\n\n### Likelihood\n\n{likelihood_table(measured)}")
    print(f"\n### Choosing a sample\n\n{choice_tables(measured)}")


if __name__ == "__main__":
    main()
