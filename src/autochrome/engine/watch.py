"""Watching a run: fixed photos colored as it goes, and warnings when it does not learn as it should."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.bins import AB_BINS
from autochrome.color.conversion import ab_of_chroma
from autochrome.color.gamut import fit_chroma
from autochrome.color.spaces import LAB, get_space
from autochrome.data.photos import CropSettings, TrainingPhotos
from autochrome.data.sources import PhotoSource
from autochrome.engine.recipe import WatchRecipe
from autochrome.io.photo import Photo, write_photo
from autochrome.metrics.colorfulness import colorfulness
from autochrome.metrics.diversity import ab_spread
from autochrome.models.base import Batch, Colorizer
from autochrome.types import RGB, Chroma, Luma

_AT_ONCE = 16  # colorings made in one go

_SAMPLES = 4
"""Drawn of each photo by a model that draws. With fewer, the grid would not show what choice there is, and
the diversity, a standard deviation, would come out low. A PixColor takes three times as long as for one."""

_SEED = 0  # of what is drawn, the same at every look, so that looks compare

_SETTLED = 1000
"""Steps before colors are judged: averaged weights and running statistics follow the network by then."""
_RECENT = 500
"""Steps over which a discriminator is judged: it may well be ahead or behind for a hundred or two."""

_COLLAPSED = 0.15
"""Share of the highest diversity of the run below which little of it is left."""
_UNSEEN = 1.0
"""Diversity in CIE units below which samples look the same: two of them lie 1.4 apart (root mean square), and
a just noticeable difference is about 2.3."""

_WON_ACCURACY = 0.98
_WON_LOSS = 0.1
"""-log D(x) - log(1 - D(G)) below which generated pictures are hardly ever taken for photos: the mean D(G) is
below 1 - exp(-0.1) = 0.095 (Jensen's inequality). The generator's loss is then far from balance: -log D(G)
above 2.3, not log 2; or log(1 - D(G)) within 0.1 of 0, where it has no slope. The loss of a critic (WGAN)
that ranks all pairs right is negative: that one has not won, but does what it should."""
_LOST_ACCURACY = 0.52
"""Chance is 0.5, and the mean over 500 steps of 64 photos scatters by 0.002."""
_TELLING = (0.5, 1.5)
"""Colorfulness as a share of the photos', outside of which it alone would tell generated pictures. Inside,
accuracy at chance may be what training is for."""


@dataclass(frozen=True)
class Look:
    """What the watched photos showed at one step; of a model that draws, the mean over its samples."""

    psnr_gain: float
    """PSNR of the colorings above that of the gray photos, in dB."""
    chroma: float
    """Mean chroma of the colorings, in CIE units."""
    true_chroma: float
    """Mean chroma of the photos."""
    colorfulness: float
    """Mean colorfulness of the colorings after Hasler and Suesstrunk (signed), of 8-bit size."""
    true_colorfulness: float
    """Mean colorfulness of the photos."""
    diversity: float | None = None
    """How far the samples of a photo lie apart (`ab_spread`), mean over photos in CIE units; of models that
    draw."""
    loss: float | None = None
    """Training loss of the undegraded photos; the validation loss if they are held out. None of models that
    learn against a discriminator."""


@dataclass(frozen=True)
class Moment:
    """Where a run stood at one line of its log."""

    step: int
    """Steps taken."""
    means: Mapping[str, float]
    """Mean of each logged value since the line before."""
    look: Look | None
    """The newest look."""


class Watch:
    """Colors fixed photos with the weights that would ship.

    Args:
        source: some of its photos are watched, the same ones in every run.
        recipe: how many and how large.
    """

    def __init__(self, source: PhotoSource, recipe: WatchRecipe) -> None:
        crops = CropSettings(size=recipe.size, min_area=1.0, max_stretch=1.0, mirror=False)
        photos = TrainingPhotos([source], [1.0], crops, seed=0)
        count = min(recipe.count, len(source))
        self.truth: RGB = torch.stack([photos[i] for i in range(count)]).float() / 255

    @torch.no_grad()
    def look(self, colorizer: Colorizer, folder: Path, step: int) -> Look:
        """Color the photos, write ``samples/<step>.png`` and measure.

        A model that draws is asked for four samples of each photo, always with the same seed. The grid shows
        gray, the result (the samples) and the truth. The model and the global random numbers are left as
        they were.
        """
        n = _SAMPLES if colorizer.spec.kind == "samples" else 1
        lightness = LAB.split(self.truth)[0]
        luma = get_space(colorizer.spec.space).split(self.truth)[0]
        result = fit_chroma(lightness.repeat_interleave(n, 0), _color(colorizer, luma, n))
        gray = fit_chroma(lightness, torch.zeros_like(self.truth[:, 1:]))
        samples = result.unflatten(0, (-1, n))
        write_grid([gray, *samples.unbind(1), self.truth], folder / "samples" / f"{step:07d}.png")
        ab = LAB.split(result)[1]
        gain = _psnr(result, self.truth.repeat_interleave(n, 0)).mean() - _psnr(gray, self.truth).mean()
        return Look(
            psnr_gain=gain.item(),
            chroma=_mean_chroma(ab),
            true_chroma=_mean_chroma(LAB.split(self.truth)[1]),
            colorfulness=colorfulness(result).mean().item(),
            true_colorfulness=colorfulness(self.truth).mean().item(),
            diversity=_diversity(ab.unflatten(0, (-1, n))) if colorizer.spec.kind == "samples" else None,
            loss=_validation_loss(colorizer, self.truth),
        )


def _color(colorizer: Colorizer, luma: Luma, n: int) -> Float[Tensor, "samples 2 h w"]:
    """Colors in a and b, whatever the model's own space: n samples of a photo, n of the next, ..."""
    was_training = colorizer.training
    colorizer.eval()
    device = next(colorizer.parameters()).device
    generator = torch.Generator().manual_seed(_SEED)
    colors = []
    for part in luma.split(_AT_ONCE // n):
        samples = colorizer.sample(part.to(device), n=n, generator=generator)
        chroma = samples.chroma.flatten(0, 1).float().cpu()
        colors.append(ab_of_chroma(part.repeat_interleave(n, 0), chroma, samples.space))
    colorizer.train(was_training)
    return F.interpolate(torch.cat(colors), luma.shape[2:], mode="bilinear", align_corners=False)


def _validation_loss(colorizer: Colorizer, truth: RGB) -> float | None:
    """Return the photos' mean loss in evaluation mode, always with the same random numbers."""
    if colorizer.adversarial:
        return None
    was_training = colorizer.training
    colorizer.eval()
    space, device = get_space(colorizer.spec.space), next(colorizer.parameters()).device
    total = 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        for part in truth.split(_AT_ONCE):
            part = part.to(device)
            losses = colorizer.training_losses(Batch(*space.split(part), part))
            total += losses["loss"].item() * len(part)
    colorizer.train(was_training)
    return total / len(truth)


def _mean_chroma(ab: Chroma) -> float:
    return ab.norm(dim=1).mean().item()


def _diversity(ab: Float[Tensor, "b n 2 h w"]) -> float:
    return torch.stack([ab_spread(samples) for samples in ab]).mean().item()


def _psnr(result: RGB, truth: RGB) -> Float[Tensor, " b"]:
    return -10 * (result - truth).square().mean((1, 2, 3)).clamp_min(1e-10).log10()


def write_grid(columns: Sequence[RGB], path: Path, *, rows: int = 12) -> None:
    """Write pictures side by side, a row a photo, as an 8-bit PNG."""
    grid = torch.cat([column[:rows] for column in columns], dim=3)
    tall = torch.cat(list(grid), dim=1)
    pixels: UInt8[np.ndarray, "h w 3"] = (tall.permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_photo(Photo(pixels), path)


def step_warnings(
    step: int, means: Mapping[str, float], look: Look | None, earlier: Sequence[Moment] = ()
) -> dict[str, str]:
    """Signs that a run is not learning color, some hundred steps in.

    Args:
        step: steps taken.
        means: mean of each logged value since the last line.
        look: the newest look at the watched photos.
        earlier: the run's lines so far, oldest first. Without them nothing is said of a discriminator, and a
            fall of diversity is not seen before the samples are all but the same.

    Returns:
        The text of each warning by its kind: ``uncertain``, ``gray``, ``garish``, ``gray photos``,
        ``collapse``, ``discriminator won``, ``discriminator lost``.
    """
    found = {}
    most = math.log(AB_BINS)
    if step >= 300 and means.get("entropy", 0.0) > 0.95 * most:
        found["uncertain"] = (
            f"predictions are as uncertain as at the start (entropy {means['entropy']:.2f} of at most "
            f"{most:.2f} nats): raise optimizer.lr, or check that the photos are in color"
        )
    if look is not None:
        found |= _color_warnings(step, look)
        # Gray samples are all alike: that they are gray is the thing to say.
        if step >= _SETTLED and not {"gray", "gray photos"} & found.keys():
            found |= _collapse_warning(look, earlier, adversarial="discriminator_loss" in means)
    if step >= _SETTLED:
        found |= _discriminator_warnings(step, means, look, earlier)
    return found


def _color_warnings(step: int, look: Look) -> dict[str, str]:
    strength = f"mean chroma {look.chroma:.1f}, the photos' is {look.true_chroma:.1f}"
    if look.true_chroma < 2:
        return {
            "gray photos": "the watched photos are gray: nothing can be learned from such photos, "
            "nor seen on them"
        }
    if step >= _SETTLED and look.chroma < 0.1 * look.true_chroma:
        return {
            "gray": f"colorings are nearly gray ({strength}): train longer; if it stays so, take gray "
            "photos out of the data, or raise optimizer.lr"
        }
    if step >= _SETTLED and look.chroma > 2 * look.true_chroma:
        return {
            "garish": f"colorings are far too strong ({strength}): lower optimizer.lr, or rebalance less "
            "(model.options.rebalance_mix nearer to 1)"
        }
    return {}


def _collapse_warning(look: Look, earlier: Sequence[Moment], *, adversarial: bool) -> dict[str, str]:
    """A model that draws, but much the same whatever is drawn."""
    if look.diversity is None:
        return {}
    seen = [moment.look.diversity for moment in earlier if moment.look and moment.look.diversity is not None]
    highest = max(seen, default=look.diversity)
    # Samples that lie further apart than photos are colorful are noise, which goes as a model learns.
    if look.diversity >= max(_UNSEEN, _COLLAPSED * min(highest, look.true_chroma)):
        return {}
    remedy = "lower optimizer.lr"
    if adversarial:
        remedy += (
            ", raise adversary.steps, or set model.options.objective=wgan_gp (cgan.compact: raise energy)"
        )
    return {
        "collapse": f"the samples of a photo are all alike (diversity {look.diversity:.1f} CIE units, "
        f"at most {max(highest, look.diversity):.1f} so far): {remedy}"
    }


def _discriminator_warnings(
    step: int, means: Mapping[str, float], look: Look | None, earlier: Sequence[Moment]
) -> dict[str, str]:
    """One side of a GAN has left the other behind."""
    accuracy = _recent("accuracy", step, means, earlier)
    loss, generator_loss = (
        _recent(f"{who}_loss", step, means, earlier) for who in ("discriminator", "generator")
    )
    if accuracy is None or loss is None or generator_loss is None:
        return {}
    if accuracy > _WON_ACCURACY and 0 <= loss < _WON_LOSS:
        return {
            "discriminator won": f"the discriminator tells nearly all generated pictures (accuracy "
            f"{accuracy:.2f}, its loss {loss:.2g}, the generator's {generator_loss:.2g}) and teaches little: "
            "lower adversary.optimizer.lr, raise adversary.generator_steps, or set "
            "model.options.objective=wgan_gp"
        }
    if look is None or accuracy > _LOST_ACCURACY:
        return {}
    low, high = (share * look.true_colorfulness for share in _TELLING)
    if low <= look.colorfulness <= high:
        return {}
    return {
        "discriminator lost": f"the discriminator only guesses (accuracy {accuracy:.2f}), though "
        f"colorfulness alone would tell ({look.colorfulness:.0f}, the photos' is "
        f"{look.true_colorfulness:.0f}): "
        "raise adversary.optimizer.lr or adversary.steps, or lower optimizer.lr"
    }


def _recent(key: str, step: int, means: Mapping[str, float], earlier: Sequence[Moment]) -> float | None:
    """Mean of a logged value over the last steps; None where it is not logged, or not for so long."""
    values = [means.get(key)]
    for moment in reversed(earlier):
        if moment.step <= step - _RECENT:
            known = [value for value in values if value is not None]
            return sum(known) / len(known) if len(known) == len(values) else None
        values.append(moment.means.get(key))
    return None
