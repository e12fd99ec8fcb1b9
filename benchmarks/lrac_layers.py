"""The paper's table 2 in small: which layers of the hypercolumn color a photo.

    python -m benchmarks.lrac_layers PHOTOS --data TRAINING_PHOTOS [--weights FILE] [--steps N] [--photos N]

PHOTOS is a folder of color photos (ours: eval-256px); TRAINING_PHOTOS holds tar shards or pictures (ours:
train-144px). The trunk of lrac.compact stays as shipped. For each set of layers a fresh head (h_fc1 and
hue/chroma) is trained over those layers alone, all sets on the same crops and the same places, and then
colors the photos. The paper trained every variant from its trunk on; here the trunk has been trained with
all layers, which favors none of the sets but is no training of their own. Prints Markdown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autochrome.color.spaces import HUE_CHROMA
from autochrome.data.photos import CropSettings, TrainingPhotos
from autochrome.data.sources import open_source
from autochrome.evaluation.scores import evaluate
from autochrome.io.folders import find_photos
from autochrome.models.lrac.compact import CompactNetwork
from autochrome.models.lrac.model import LRAC, TrainingSettings, colors_at
from autochrome.models.lrac.outputs import create_output
from autochrome.models.registry import create_model
from autochrome.nn.hypercolumns import HypercolumnHead, random_locations
from autochrome.pipeline.painter import ColorizeSettings, Painter
from benchmarks.lrac_table import differences, table
from benchmarks.painting import linked, paint_all

OUTPUT = "hue_chroma"
LAYERS: dict[str, tuple[int, ...]] = {
    "all layers": (0, 1, 2, 3, 4, 5, 6, 7, 8),
    "without the finest (photo, strides 2 and 4)": (3, 4, 5, 6, 7, 8),
    "way down alone (photo to stride 32)": (0, 1, 2, 3, 4, 5),
    "way up alone (strides 16, 8, 4)": (6, 7, 8),
    "last layer alone (stride 4)": (8,),
    "top alone (strides 16 and 32)": (4, 5),
    "finest alone (photo, strides 2 and 4)": (0, 1, 2),
}
"""Places in the column of lrac.compact: the photo, five stages down, three steps up."""
BATCH, SIDE, PLACES, RATE = 32, 96, 128, 2e-3


class SomeLayers(nn.Module):
    """A network's trunk with a head over some of its layers."""

    def __init__(self, network: CompactNetwork, chosen: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.network = [network]  # in a list, so that it is not trained or counted as a part
        self.chosen = chosen
        self.widths = tuple(network.widths[i] for i in chosen)
        self.strides = tuple(network.strides[i] for i in chosen)
        self.head = HypercolumnHead(
            self.widths, self.strides, hidden, {OUTPUT: create_output(OUTPUT).channels}
        )

    def choose(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The layers of the column."""
        return [maps[i] for i in self.chosen]

    def maps(self, gray: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """They of a photo."""
        return self.choose(self.network[0].maps(gray))


def train_heads(
    network: CompactNetwork, heads: Mapping[str, SomeLayers], crops: Iterator[Tensor], steps: int
) -> None:
    """Train all heads side by side: hue/chroma at random places, AdamW with a cosine to 0."""
    output = create_output(OUTPUT)
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
            output.loss(h.head.at(h.choose(maps), places)[OUTPUT], truth)["loss"] for h in heads.values()
        ]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            values = "  ".join(f"{float(loss.detach()):.3f}" for loss in losses)
            print(f"step {step}/{steps}  {values}", file=sys.stderr, flush=True)


def crops_of(folder: Path, steps: int) -> Iterator[Tensor]:
    """Batches of random crops, uint8."""
    crops = CropSettings(size=SIDE, min_area=0.35, max_stretch=1.2, mirror=True)
    photos = TrainingPhotos([open_source(folder)], [1.0], crops, seed=0)
    for step in range(steps):
        yield torch.stack([photos[step * BATCH + i] for i in range(BATCH)])


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, train, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--data", type=Path, required=True, help="training photos")
    parser.add_argument("--model", default="lrac.compact")
    parser.add_argument("--weights", help="instead of the shipped ones")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--photos", type=int, help="only the first so many by name")
    arguments = parser.parse_args(argv)
    for folder in (arguments.folder, arguments.data):
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder of photos")
    photos = sorted(found.path for found in find_photos([arguments.folder]))[: arguments.photos]
    model = create_model(arguments.model, weights=arguments.weights)
    assert isinstance(model, LRAC)
    torch.manual_seed(0)
    network, hidden = model.network, model.network.head.h_fc1.out_features
    heads = {name: SomeLayers(network, chosen, hidden) for name, chosen in LAYERS.items()}
    train_heads(network, heads, crops_of(arguments.data, arguments.steps), arguments.steps)
    with TemporaryDirectory() as root:
        folders = []
        for name, head in heads.items():
            variant = LRAC(model.spec, head, (OUTPUT,), OUTPUT, TrainingSettings())
            wish = {name: ColorizeSettings(fuse="none", vibrance=0.0)}
            folders += paint_all(photos, Path(root), Painter(variant, device="cpu"), wish).values()
        scores = evaluate(linked(photos, Path(root) / "references"), *folders)
    every, *others = LAYERS
    print(f"### Layers, {arguments.steps} steps\n\n{table(scores)}\n")
    print(differences(scores, [(every, other) for other in others]))


if __name__ == "__main__":
    main()
