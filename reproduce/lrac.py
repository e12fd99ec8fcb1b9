"""LRAC (Larsson et al., 2016) on photos with known colors: the paper's tables 1, 2 and 4.

    python -m reproduce.lrac PHOTOS [--photos N] [--keep FOLDER]         output spaces, and histogram transfer
    python -m reproduce.lrac PHOTOS --data TRAINING_PHOTOS [--steps N]   the layers of the hypercolumn

PHOTOS is a folder of color photos (ours: eval-256px), used at its own size. Table 2 is a small version: over
the shipped trunk of lrac.compact a fresh head (h_fc1 and hue/chroma) is trained for each set of layers, all
on the same places of TRAINING_PHOTOS (tar shards or pictures; ours: train-144px); the paper trained every
variant from its trunk on. Prints Markdown with 95% bootstrap intervals over photos.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autochrome.color.spaces import HUE_CHROMA
from autochrome.data.photos import CropSettings, TrainingPhotos
from autochrome.data.sources import open_source
from autochrome.evaluation.intervals import Bootstrap
from autochrome.evaluation.markdown import markdown_table
from autochrome.evaluation.scores import Scores, evaluate
from autochrome.evaluation.tables import caption
from autochrome.io.photo import Photo
from autochrome.models.lrac.compact import CompactNetwork
from autochrome.models.lrac.decoding import Decoding
from autochrome.models.lrac.model import LRAC, colors_at
from autochrome.models.lrac.outputs import create_output
from autochrome.models.lrac.settings import LRACSettings
from autochrome.models.registry import create_model
from autochrome.nn.hypercolumns import HypercolumnHead, random_locations
from autochrome.pipeline.painter import ColorizeSettings, Painter
from reproduce.painting import Way, paint_all, photos_in

PLAIN = ColorizeSettings(fuse="none", vibrance=0.0)
"""One view of the photo and no vibrance, as in the paper."""
BEST = "most accurate"
FADING = "hue/chroma, K = 32, fading"
NO_FADING = "hue/chroma, K = 32"
OUTPUTS = {
    "Lab, L2": "lab_l2",
    "Lab, K = 32": "lab",
    "Lab, K = 16 x 16": "lab_joint",
    NO_FADING: "hue_chroma",
    FADING: "hue_chroma",
}
TRANSFERS = {"none": "none", "quantile matching (Q)": "quantiles", "energy minimization (E)": "energy"}
LAYERS: dict[str, tuple[int, ...]] = {
    "all layers": (0, 1, 2, 3, 4, 5, 6, 7),
    "without the finest (photo and way down at stride 4)": (2, 3, 4, 5, 6, 7),
    "way down alone (photo to stride 32)": (0, 1, 2, 3, 4),
    "way up alone (strides 16, 8, 4)": (5, 6, 7),
    "last layer alone (stride 4)": (7,),
    "top alone (strides 16 and 32)": (3, 4),
    "finest alone (photo and way down at stride 4)": (0, 1),
}
"""Indices into the column of lrac.compact: the photo, four maps of the way down, three of the way up."""
COLUMNS = {
    "alpha_beta_rmse": ("RMSE alpha-beta", 3),
    "psnr": ("PSNR dB", 2),
    "auc": ("AuC", 1),
    "chroma": ("chroma", 1),
    "intersection_a": ("HI a", 3),
    "intersection_b": ("HI b", 3),
}
BATCH, SIDE, PLACES, RATE = 32, 96, 128, 2e-3
"""Of the training of heads: crops per step, their side in pixels, places per crop, learning rate."""


# Tables 1 and 4 -----------------------------------------------------------------------------------


def paint_outputs(photos: Sequence[Path], results: Path, name: str, weights: str | None) -> list[Path]:
    """Paint table 1: every output space, hue/chroma with and without fading."""
    folders: list[Path] = []
    for row, output in OUTPUTS.items():
        model = create_model(name, weights=weights, output=output)
        if isinstance(model, LRAC):
            model.decoding = Decoding(fading=row != NO_FADING)
        plain = PLAIN if isinstance(model, LRAC) else replace(PLAIN, vibrance=None)  # L2 has no distribution
        ways: dict[str, Way] = {row.replace("/", "-"): plain}
        if row == FADING:
            ways |= {BEST: ColorizeSettings(fuse="full", vibrance=0.0), "default": ColorizeSettings()}
        folders += paint_all(photos, results, Painter(model, device="cpu"), ways).values()
    return folders


def own_palette(transfer: str) -> Way:
    """Return settings that take over the photo's own true palette; none for no transfer."""

    def way(photo: Photo) -> ColorizeSettings:
        return replace(PLAIN, reference=photo, transfer=transfer)

    return PLAIN if transfer == "none" else way


def paint_transfers(photos: Sequence[Path], results: Path, name: str, weights: str | None) -> list[Path]:
    """Paint table 4: given the photo's own histogram, matched by quantiles or by minimizing the energy."""
    painter = Painter(create_model(name, weights=weights), device="cpu")
    ways = {row: own_palette(transfer) for row, transfer in TRANSFERS.items()}
    return list(paint_all(photos, results, painter, ways).values())


# Table 2 ------------------------------------------------------------------------------------------


class SomeLayers(nn.Module):
    """A network's trunk with a head over some of its layers."""

    def __init__(self, network: CompactNetwork, chosen: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.network = [network]  # in a list, so that it is neither trained nor counted as a part
        self.chosen = chosen
        self.widths = tuple(network.widths[i] for i in chosen)
        self.strides = tuple(network.strides[i] for i in chosen)
        channels = {"hue_chroma": create_output("hue_chroma").channels}
        self.head = HypercolumnHead(self.widths, self.strides, hidden, channels)

    def choose(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the chosen layers of the column."""
        return [maps[i] for i in self.chosen]

    def maps(self, gray: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the chosen layers' maps of a photo."""
        return self.choose(self.network[0].maps(gray))


def train_heads(
    network: CompactNetwork, heads: Mapping[str, SomeLayers], crops: Iterator[Tensor], steps: int
) -> None:
    """Train all heads side by side: hue/chroma at random places, AdamW with a cosine to 0."""
    output = create_output("hue_chroma")
    parameters = [p for each in heads.values() for p in each.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(0.9, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        rgb = next(crops).float() / 255
        with torch.no_grad():
            maps = network.maps(HUE_CHROMA.split(rgb)[0])
        places = random_locations(len(rgb), PLACES, (SIDE, SIDE))
        truth = colors_at(rgb, places, 1)
        losses = [
            output.loss(h.head.at(h.choose(maps), places)["hue_chroma"], truth)["loss"]
            for h in heads.values()
        ]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            values = "  ".join(f"{float(loss.detach()):.3f}" for loss in losses)
            print(f"step {step}/{steps}  {values}", file=sys.stderr, flush=True)


def crops_of(folder: Path, steps: int) -> Iterator[Tensor]:
    """Yield batches of random crops, uint8."""
    crops = CropSettings(size=SIDE, min_area=0.35, max_stretch=1.2, mirror=True)
    photos = TrainingPhotos([open_source(folder)], [1.0], crops, seed=0)
    for step in range(steps):
        yield torch.stack([photos[step * BATCH + i] for i in range(BATCH)])


def paint_layers(
    photos: Sequence[Path], results: Path, name: str, weights: str | None, data: Path, steps: int
) -> list[Path]:
    """Train a head over each set of layers and paint with it."""
    model = create_model(name, weights=weights)
    assert isinstance(model, LRAC)
    torch.manual_seed(0)
    network, hidden = model.network, model.network.head.h_fc1.out_features
    heads = {row: SomeLayers(network, chosen, hidden) for row, chosen in LAYERS.items()}
    train_heads(network, heads, crops_of(data, steps), steps)
    folders: list[Path] = []
    for row, head in heads.items():
        variant = LRAC(model.spec, head, ("hue_chroma",), "hue_chroma", LRACSettings())
        folders += paint_all(photos, results, Painter(variant, device="cpu"), {row: PLAIN}).values()
    return folders


# Report -------------------------------------------------------------------------------------------


def table(scores: Scores) -> str:
    """Return a row per system: the scores, and PSNR and RMSE above gray on the same resamples."""
    rows = []
    for system, row in scores.systems.items():
        above = scores.above_gray.get(system, {})
        gains = [
            above[key].cell(digits, sign="+") if key in above else ""
            for key, digits in (("psnr", 2), ("alpha_beta_rmse", 3))
        ]
        rows.append([system, *(row[key].cell(digits) for key, (_, digits) in COLUMNS.items()), *gains])
    head = ["", *(title for title, _ in COLUMNS.values()), "PSNR above gray", "RMSE above gray"]
    return f"{markdown_table(head, rows)}\n\n{caption(scores)}."


def differences(scores: Scores, pairs: Sequence[tuple[str, str]]) -> str:
    """Return PSNR and CIEDE2000 of the first less the second, photo by photo."""

    def per_photo(system: str, key: str) -> Tensor:
        return torch.tensor(scores.per_photo[system][key], dtype=torch.float64)

    rows = []
    for first, second in pairs:
        gains = [
            Bootstrap().mean(per_photo(first, key) - per_photo(second, key)) for key in ("psnr", "ciede2000")
        ]
        rows.append([f"{first} - {second}", *(gain.cell(sign="+") for gain in gains)])
    return markdown_table(["mean over photos", "PSNR dB", "CIEDE2000"], rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--data", type=Path, help="training photos; prints table 2 instead of 1 and 4")
    parser.add_argument("--steps", type=int, default=2000, help="of training the heads of table 2")
    parser.add_argument("--model", default="lrac.compact")
    parser.add_argument("--weights", help="instead of the bundled ones")
    parser.add_argument("--photos", type=int, help="number of photos, the first by name")
    parser.add_argument("--keep", type=Path, help="keep the pictures and scores in this folder")
    arguments = parser.parse_args(argv)
    for folder in (arguments.folder, *([arguments.data] if arguments.data else [])):
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder of photos")
    photos = photos_in(arguments.folder, arguments.photos)
    with nullcontext(arguments.keep) if arguments.keep else TemporaryDirectory() as root:
        what = (arguments.model, arguments.weights)

        def report(title: str, folders: Sequence[Path], pairs: Sequence[tuple[str, str]]) -> None:
            scores = evaluate(arguments.folder, *folders, photos=arguments.photos)
            scores.save(folders[0].parent / "scores.json")
            print(f"### {title}\n\n{table(scores)}\n\n{differences(scores, pairs)}\n", flush=True)

        if arguments.data:
            every, *others = LAYERS
            folders = paint_layers(photos, Path(root) / "layers", *what, arguments.data, arguments.steps)
            report(f"Layers, {arguments.steps} steps", folders, [(every, other) for other in others])
            return
        plain, fade = (row.replace("/", "-") for row in (NO_FADING, FADING))
        pairs = [(fade, plain), *((fade, row) for row in OUTPUTS if row not in (FADING, NO_FADING))]
        report("Output spaces", paint_outputs(photos, Path(root) / "outputs", *what), pairs)
        none, by_quantiles, by_energy = TRANSFERS
        pairs = [(by_energy, by_quantiles), (by_quantiles, none), (by_energy, none)]
        report("With the true histogram", paint_transfers(photos, Path(root) / "transfer", *what), pairs)


if __name__ == "__main__":
    main()
