"""How often a fresh classifier takes generated colors for true ones, or true ones for generated.

A small network, trained from scratch on some of the photos and tested on the others, sees each photo with its
true and with generated colors over the same lightness. An error of 50% means that it cannot tell them apart;
0%, that it always can. Both pictures must be made alike: from chroma of one resolution, by one painter, in 8
bits.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.spaces import LAB

WIDTHS = (24, 48, 96)
"""Of the classifier's layers, each of half the resolution of the one before."""
BATCH = 32  # pairs
RATE, DECAY = 2e-3, 0.02
CROP = 7 / 8
"""Side of the training crops, as a share of the picture's."""

One = Float[Tensor, "photos 3 side side"]
"""A picture of each photo as the classifier sees it: L* / 50 - 1, a* / 40 and b* / 40."""
Several = Float[Tensor, "photos n 3 side side"]
"""n pictures of each."""


class Classifier(nn.Module):
    """Three convolutions of stride 2, and a linear layer over the mean of the last one's maps."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in zip((3, *WIDTHS), WIDTHS, strict=False):
            conv = nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(WIDTHS[-1], 1))

    def forward(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
        """Return the logits of being real."""
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        return self.head(self.trunk(pictures).mean((2, 3)))[:, 0]


def error_by_photo(
    real: UInt8[Tensor, "photos 3 side side"],
    generated: UInt8[Tensor, "photos n 3 side side"],
    *,
    seeds: int = 3,
    steps: int = 300,
    folds: int = 2,
) -> Float[Tensor, " photos"]:
    """Return the share of wrong verdicts on each photo, float64 in [0, 1], by classifiers new to it.

    The photos are split into ``folds`` parts at random; each part is judged by a classifier trained on the
    others, once for every seed. The verdict on the real picture counts as much as those on its samples
    together. Resampling photos shows how the error depends on the test photos, not on the training photos.

    Args:
        real: the photos in their true colors, sRGB.
        generated: samples of the same photos.
        seeds: number of repetitions.
        steps: updates of each classifier.
        folds: 2 trains on half of the photos.

    Raises:
        ValueError: there are fewer than two parts, or fewer than two photos in one.
    """
    if folds < 2 or len(real) < 2 * folds:
        raise ValueError(
            f"{len(real)} photos in {folds} parts: take two parts or more, of two photos or more"
        )
    truth, samples = _seen(real), _seen(generated.flatten(0, 1)).unflatten(0, generated.shape[:2])
    total = torch.zeros(len(real), dtype=torch.float64)
    for seed in range(seeds):
        parts = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed)).chunk(folds)
        for k, held_out in enumerate(parts):
            known = torch.cat([part for i, part in enumerate(parts) if i != k])
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed * folds + k)
                judge = train(truth[known], samples[known], steps)
            total[held_out] += wrong_verdicts(judge, truth[held_out], samples[held_out])
    return total / seeds


def _seen(rgb: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    scale = torch.tensor([50.0, 40.0, 40.0])[:, None, None]
    parts = [torch.cat(LAB.split(part.float() / 255), 1) / scale for part in rgb.split(256)]
    seen = torch.cat(parts)
    seen[:, 0] -= 1
    return seen


def train(real: One, generated: Several, steps: int) -> Classifier:
    """Train a classifier from scratch: AdamW with a cosine to 0, on crops of pairs, mirrored or not.

    A step takes the real picture and one sample of some photos, cropped at the same place. Random numbers
    come from torch's global generator.
    """
    judge = Classifier()
    optimizer = torch.optim.AdamW(judge.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    batch = min(BATCH, len(real))
    target = torch.cat([torch.ones(batch), torch.zeros(batch)])
    for _ in range(steps):
        photos = torch.randperm(len(real))[:batch]
        samples = torch.randint(generated.shape[1], (batch,))
        crops = _crops(real[photos], generated[photos, samples])
        loss = F.binary_cross_entropy_with_logits(judge(crops), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return judge.eval()


def _crops(
    real: Float[Tensor, "b 3 side side"], fake: Float[Tensor, "b 3 side side"]
) -> Float[Tensor, "two_b 3 crop crop"]:
    """Crop every pair at one random place and mirror half of the pairs; the real ones come first."""
    pairs = torch.stack([real, fake])
    side = pairs.shape[-1]
    crop = round(CROP * side)
    corners = torch.randint(side - crop + 1, (len(real), 2)).tolist()
    cut = torch.stack([pairs[:, b, :, y : y + crop, x : x + crop] for b, (y, x) in enumerate(corners)], 1)
    mirrored = torch.rand(len(real)) < 0.5
    return torch.where(mirrored[None, :, None, None, None], cut.flip(4), cut).flatten(0, 1)


@torch.inference_mode()
def wrong_verdicts(judge: Classifier, real: One, generated: Several) -> Float[Tensor, " photos"]:
    """Return the mean of the shares of real and of generated pictures that are taken for the other kind.

    The verdict is on a picture and its mirror image together; a tie is half an error.
    """
    wrong = []
    for photo, samples in zip(real, generated, strict=True):
        pictures = torch.cat([photo[None], samples])
        logits = (judge(pictures) + judge(pictures.flip(3))).double()
        taken_for_real = (logits.sign() + 1) / 2
        wrong.append((1 - taken_for_real[0] + taken_for_real[1:].mean()) / 2)
    return torch.stack(wrong)
