"""Run a model on a photo once: over several views, or for several draws, at a size that fits in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from math import log
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.conversion import ab_of_chroma, luma_of_lightness
from autochrome.color.gamut import fit_chroma_into
from autochrome.color.lightness import Lightness, rounded
from autochrome.color.own_color import OwnColor
from autochrome.color.tones import Tones
from autochrome.guidance.hints import HintGuide, check_inside
from autochrome.io.photo import Photo
from autochrome.models.base import (
    Colorizer,
    DistributionColorizer,
    Samples,
    SamplingColorizer,
    log_probabilities,
)
from autochrome.pipeline.choose import choose_different
from autochrome.pipeline.companions import guide_samples, judge_samples
from autochrome.pipeline.extent import Extent, find_extent
from autochrome.pipeline.hinting import hints_on_picture
from autochrome.pipeline.misfits import TWO_TONES, is_noise, is_two_toned
from autochrome.pipeline.negatives import NEGATIVE, SEEN_AT, is_negative
from autochrome.pipeline.noise import noise_generator
from autochrome.pipeline.picture import Picture, whole_file
from autochrome.pipeline.settings import SMALLEST, ColorizeSettings, check_supported, resolve
from autochrome.pipeline.uncertainty import entropy_share
from autochrome.types import Luma

# The views of a photo to average: scale relative to the working size, and whether mirrored.
_VIEWS: dict[str, tuple[tuple[float, bool], ...]] = {
    "none": ((1.0, False),),
    "mirror": ((1.0, False), (1.0, True)),
    "full": tuple((scale, mirrored) for scale in (1.0, 0.8, 1.25) for mirrored in (False, True)),
}
UNSURE = "the model is unsure of most of its colors; several samples show what else they may be"
OWN_COLORS = (
    "it is in color already, at least in part; only its lightness was used (to keep the color of such parts, "
    "give --keep-color; to leave such photos out, --skip-color)"
)
OWN_COLORS_KEPT = "what is in color already was kept"
NO_PICTURE = "there is no picture in it, only one tone all over: it stays without color"
BORDER = "its plain border or mat is not part of the picture and stays without color"
# The uncertainty of a model that draws is estimated from a few samples at a small size, which is quick.
_DOUBT_SAMPLES, _DOUBT_SIZE = 8, 64
_NOISE_AT = 128  # shorter side, in pixels, at which noise is told from photos
_LONGEST = 8  # longer side over working size; beyond this a thin panorama would waste memory


@dataclass(frozen=True)
class Draw:
    """One of the samples that a model drew.

    Attributes:
        number: position in the series of the seed and the photo, from 1.
        log_prob: log-probability in nats, if the model computes it.
        bits_per_dimension: negative log-probability per drawn number, in bits.
        score: of the model's ranker, higher is better, if ranking was requested.
    """

    number: int
    log_prob: float | None = None
    bits_per_dimension: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class Prediction:
    """The output of a model for a photo, from which colorizations are decoded.

    Attributes:
        photo: the photo.
        lightness: its L*, at any size.
        extent: the part of the file that is picture. ``luma`` and ``answer`` cover the extent's box.
        luma: L* "1 1 h w" at the model's input size, without mats.
        tones: the stretch that was applied to the luma.
        answer: log-probabilities "1 q h/s w/s" over color bins; a* and b* "1 2 h/s w/s" from a model without
            a distribution; "n 2 h/s w/s" from a model that draws n samples.
        size: the working size that was used.
        notes: sentences for the user.
        settings: those that affect prediction rather than decoding.
        draws: details of each sample, in the order of ``answer``; empty for other models.
        doubt: the model's uncertainty about the whole photo: mean entropy as a share of the maximum, or the
            spread of a few samples in CIE units, whatever the settings. None if unknown.
        colorless: there is nothing in it that takes color.
        hinted: of a model that draws, the guide of the hints with which its samples were drawn.
    """

    photo: Photo
    lightness: Lightness
    extent: Extent
    luma: Luma
    tones: Tones
    answer: Float[Tensor, "n q h2 w2"]
    size: int
    notes: tuple[str, ...]
    settings: Mapping[str, object] = field(default_factory=dict)
    draws: tuple[Draw, ...] = ()
    doubt: float | None = None
    hinted: HintGuide | None = None
    colorless: bool = False

    @cached_property
    def own_color(self) -> OwnColor:
        """The color that the photo has before it is colorized."""
        return OwnColor(self.photo.pixels)


@dataclass(frozen=True)
class _Answers:
    luma: Luma
    answer: Tensor
    settings: Mapping[str, object]
    draws: tuple[Draw, ...] = ()
    doubt: float | None = None
    hinted: HintGuide | None = None
    notes: tuple[str, ...] = ()


def predict(
    model: Colorizer,
    device: torch.device,
    photo: Photo,
    settings: ColorizeSettings,
    *,
    as_is: bool = False,
    noise_of: Photo | None = None,
) -> Prediction:
    """Run a model that is on the device; try smaller sizes if memory runs out.

    It sees the picture alone, without borders and with its tones stretched, or the whole photo ``as_is``.
    A model that draws uses the noise of ``noise_of``, by default that of the picture in the photo.

    Raises:
        SettingsError: the model does not support a setting.
        HintError: a hint lies outside the photo.
        MemoryError: not even the smallest size fits.
    """
    check_supported(settings, model.spec)
    for hint in settings.hints:
        check_inside(hint, photo.size)
    lightness = Lightness(photo.pixels)
    if as_is:
        picture = whole_file(photo)
    else:
        extent = find_extent(photo.pixels, photo.alpha, borders=settings.border_detection)
        picture = Picture(photo, extent)
    notes = list(_color_notes(photo, lightness, settings))
    colorless = picture.extent.is_uniform or (not as_is and is_two_toned(picture.photo.pixels))
    if colorless and not picture.extent.is_uniform:
        notes.append(TWO_TONES)
    wanted = resolve(settings, model.spec).size
    size = wanted
    if isinstance(model, SamplingColorizer):
        run = partial(_drawn, model, noise_of=noise_of or picture.photo)
    else:
        run = partial(_fused, model)
    while (answers := _unless_out_of_memory(partial(run, device, picture, size, settings), device)) is None:
        if size <= SMALLEST:
            raise MemoryError("not enough memory for the model; close other programs, or use the cpu")
        size = max(SMALLEST, size * 3 // 4)
    if picture.extent.is_uniform or picture.extent.has_mat:
        notes.append(NO_PICTURE if picture.extent.is_uniform else BORDER)
    if size < wanted:
        notes.append(f"memory ran out at working size {wanted}; {size} was used")
    is_unsure = answers.doubt is not None and answers.doubt > model.spec.unsure_above
    unlike_photos = [] if as_is or colorless else list(_misfits(model, picture))
    if is_unsure and not colorless and UNSURE not in unlike_photos:
        unlike_photos.append(UNSURE)
    notes += unlike_photos
    known = {**vars(answers), "notes": (*notes, *answers.notes), "colorless": colorless}
    return Prediction(photo, lightness, picture.extent, tones=picture.tones, size=size, **known)


def _color_notes(photo: Photo, lightness: Lightness, settings: ColorizeSettings) -> Iterator[str]:
    if OwnColor(photo.pixels).is_in_color:
        yield OWN_COLORS_KEPT if settings.keep_color else OWN_COLORS
    elif lightness.has_color:
        yield "it has a tone of its own; only its lightness was used"


def _misfits(model: Colorizer, picture: Picture) -> Iterator[str]:
    """Yield notes about a picture that is not like photos."""
    if is_noise(small_luma(picture)):
        yield UNSURE
    elif is_negative(model, luma_of_negatives(picture)):
        yield NEGATIVE


def luma_of_negatives(picture: Picture) -> Luma:
    """Return the picture's L*, as models see it, at the size at which negatives are told from photos."""
    return picture.tones(picture.reduced(*working_shape(picture.size, SEEN_AT, 16)))


def small_luma(picture: Picture) -> Luma:
    """Return the picture's L* at the size at which noise is told from photos, never enlarged."""
    return picture.reduced(*working_shape(picture.size, min(_NOISE_AT, *picture.size), 1))


def preview(prediction: Prediction, longest: int) -> Prediction:
    """Return the prediction with its photo shrunk (never enlarged), so that painting is quick.

    The colors are those of the photo at full size. Hints given in pixels no longer apply.

    Args:
        prediction: of the photo at full size.
        longest: longer side of the shrunk photo, in pixels.
    """
    height, width = prediction.lightness.size
    scale = longest / max(height, width)
    if scale >= 1:
        return prediction
    height, width = (max(1, round(side * scale)) for side in (height, width))
    lightness = prediction.lightness.reduced(height, width)[0, 0]
    gray = np.empty((height, width, 3), np.uint8)
    fit_chroma_into(gray, lightness, torch.zeros(2, height, width))
    photo = Photo(np.ascontiguousarray(gray[:, :, :1]))
    extent = prediction.extent.scaled(height, width)
    return replace(prediction, photo=photo, lightness=Lightness(photo.pixels), extent=extent)


# One answer ---------------------------------------------------------------------------------------


def _fused(
    model: Colorizer, device: torch.device, picture: Picture, size: int, settings: ColorizeSettings
) -> _Answers:
    """Return the mean answer over the views."""
    fuse = resolve(settings, model.spec).fuse
    total: Tensor | None = None
    lumas: dict[float, Luma] = {}
    for scale, mirrored in _VIEWS[fuse]:
        if scale not in lumas:
            shape = working_shape(picture.size, round(size * scale), model.spec.multiple_of)
            lumas[scale] = picture.reduced(*shape)
        seen = rounded(picture.tones(lumas[scale]))
        answer = _answer(model, device, seen.flip(3) if mirrored else seen)
        answer = answer.flip(3) if mirrored else answer
        total = answer if total is None else total + _on_grid(answer, total)
    assert total is not None
    mean = total / len(_VIEWS[fuse])
    doubt = entropy_share(mean, model) if isinstance(model, DistributionColorizer) else None
    return _Answers(lumas[1.0], mean, {"fuse": fuse}, doubt=doubt)


def _answer(model: Colorizer, device: torch.device, lightness: Luma) -> Tensor:
    """Return log-probabilities, or a* and b*, for L* whose sides are multiples of the model's unit."""
    luma = luma_of_lightness(lightness, model.spec.space).to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        if isinstance(model, DistributionColorizer):
            return log_probabilities(model.predict(luma).float(), model.axes)
        samples = model.sample(luma)
        return ab_of_chroma(luma, samples.chroma[:, 0], samples.space)


def _on_grid(answer: Tensor, like: Tensor) -> Tensor:
    same = answer.shape[2:] == like.shape[2:]
    return answer if same else F.interpolate(answer, like.shape[2:], mode="bilinear", antialias=True)


def working_shape(size: tuple[int, int], shorter: int, unit: int) -> tuple[int, int]:
    """Return height and width of a model's input luma, multiples of its unit.

    The shorter side is ``shorter``, rounded; a photo more than eight times as long as wide is squeezed.
    """
    scale = shorter / min(size)
    sides = (min(side * scale, _LONGEST * shorter) for side in size)
    height, width = (max(1, round(side / unit)) * unit for side in sides)
    return height, width


# Several answers ----------------------------------------------------------------------------------


def _drawn(
    model: SamplingColorizer,
    device: torch.device,
    picture: Picture,
    size: int,
    settings: ColorizeSettings,
    *,
    noise_of: Photo,
) -> _Answers:
    """Return the samples' chroma in Lab, and the details of each.

    Without autocast, so that the samples of a seed do not depend on the device.
    """
    spec = model.spec
    reduced = picture.reduced(*working_shape(picture.size, size, spec.multiple_of))
    seen = rounded(picture.tones(reduced))
    luma = luma_of_lightness(seen, spec.space).to(device)
    decoder = resolve(settings, spec)
    how = {name: getattr(decoder, name) for name in spec.defaults}
    hints, notes = hints_on_picture(settings.hints, picture.extent)
    hinted = guide_samples(hints, reduced, seen, picture.extent, device) if hints else None
    known: dict[str, Any] = {"known": hinted.known()} if hinted and "known_colors" in spec.can else {}
    generator = noise_generator(noise_of, settings.seed)
    count = settings.draws or settings.samples
    samples = model.draw(luma, n=count, generator=generator, **how, **known)
    order, scores = _choose(model, seen, luma, samples, settings)
    # One at a time, so that no bit of a sample depends on how many there are.
    answer = torch.cat([_ab(model, luma, samples, k, settings.refine) for k in order])
    used = {"seed": settings.seed, **how, **({"refine": settings.refine} if "refine" in spec.can else {})}
    used |= {"draws": count} if settings.draws else {}
    draws = tuple(_known(samples, k, scores) for k in order)
    doubt = _spread(model, device, picture, size)
    return _Answers(reduced, answer, used, draws, doubt, hinted, notes)


def _choose(
    model: SamplingColorizer, seen: Luma, luma: Luma, samples: Samples, settings: ColorizeSettings
) -> tuple[list[int], Tensor | None]:
    """Return the numbers of the samples to show, in order, and the scores of all samples if needed."""
    order, scores, ab = list(range(samples.chroma.shape[1])), None, None
    chosen, own_judge = len(order) > settings.samples, "rank" in model.spec.can
    judged = settings.rank or (chosen and "trunk" in model.spec.can)
    if chosen or (judged and not own_judge):
        ab = torch.cat([_ab(model, luma, samples, k, refine=False) for k in order])
    if judged and own_judge:
        scores = model.rank(luma, samples.chroma)[0]
    elif judged and ab is not None:
        scores = judge_samples(seen, ab, luma.device)
    if chosen and ab is not None:
        known = samples.log_prob[0] if scores is None and samples.log_prob is not None else scores
        order = choose_different(ab, settings.samples, known)
    if settings.rank and scores is not None:
        order.sort(key=lambda k: -float(scores[k]))
    return order, scores


def _spread(model: SamplingColorizer, device: torch.device, picture: Picture, size: int) -> float:
    """Return the spread, in CIE units, of a few samples drawn for this alone.

    They use the model's defaults and the same noise for all photos, so that the result does not depend on
    look or seed, and photos can be compared.
    """
    spec = model.spec
    shape = working_shape(picture.size, min(size, spec.working_size, _DOUBT_SIZE), spec.multiple_of)
    seen = rounded(picture.tones(picture.reduced(*shape)))
    luma = luma_of_lightness(seen, spec.space).to(device)
    generator = torch.Generator().manual_seed(0)
    samples = model.draw(luma, n=_DOUBT_SAMPLES, generator=generator, **spec.defaults)
    ab = torch.cat([_ab(model, luma, samples, k, refine=False) for k in range(samples.chroma.shape[1])])
    return float(ab.float().var(0).sum(0).sqrt().mean())


def _ab(
    model: SamplingColorizer, luma: Luma, samples: Samples, index: int, refine: bool
) -> Float[Tensor, "1 2 h2 w2"]:
    """Return a sample's a* and b*, on the model's own grid or at the luma's size."""
    chroma = model.finish(luma, samples.chroma[:, index], refine=refine)
    return ab_of_chroma(luma, chroma, samples.space)


def _known(samples: Samples, index: int, scores: Tensor | None) -> Draw:
    score = None if scores is None else float(scores[index])
    if samples.log_prob is None:
        return Draw(index + 1, score=score)
    log_prob = float(samples.log_prob[0, index])
    return Draw(index + 1, log_prob, -log_prob / (log(2) * samples.chroma[0, index].numel()), score)


def _unless_out_of_memory(run: Callable[[], _Answers], device: torch.device) -> _Answers | None:
    """Return the answers, or None if an allocation failed."""
    try:
        return run()
    except (RuntimeError, MemoryError) as error:
        out_of_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        # The CPU's allocator has no exception type of its own.
        if not out_of_memory and "can't allocate memory" not in str(error):
            raise
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None
