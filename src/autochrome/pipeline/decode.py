"""From a prediction to colors.

A model's distribution is changed in this order: vibrance, coherence, the reference's palette, warmth, tint, a
sample's own rotated bias, and hints; then it is decoded. Samples were drawn with the hints in mind already;
preferences move all of them alike. Quantile matching with a reference, and then saturation, work on the
colors of any model. Hints have the last word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch.nn import functional as F

from autochrome.color.conversion import ab_of_chroma, luma_of_lightness
from autochrome.color.lightness import rounded
from autochrome.color.names import parse_color
from autochrome.guidance import Coherence, HintGuide, Vibrance, rotated, tint, warmth
from autochrome.guidance.hint_files import as_entry
from autochrome.models.base import Colorizer, DistributionColorizer, Guide
from autochrome.pipeline.companions import companion_distribution
from autochrome.pipeline.hinting import hints_on_picture
from autochrome.pipeline.predict import Prediction
from autochrome.pipeline.reference import Reference
from autochrome.pipeline.settings import ColorizeSettings, DecoderSettings, resolve
from autochrome.pipeline.uncertainty import Uncertainty, spread_of, uncertainty_of
from autochrome.types import Chroma, Luma


@dataclass(frozen=True)
class Decoded:
    """One colorization on the grid of the model's answer.

    Attributes:
        ab: a* and b* "1 2 h w" in CIE units, over the box of the picture.
        uncertainty: over the whole photo, if the model provides it.
        used: the settings that took effect, with defaults resolved.
        notes: sentences for the user.
    """

    ab: Chroma
    uncertainty: Uncertainty | None
    used: dict[str, object]
    notes: tuple[str, ...] = ()


def count_samples(model: Colorizer, prediction: Prediction, settings: ColorizeSettings) -> int:
    """Return the number of colorizations of a prediction."""
    return settings.samples if isinstance(model, DistributionColorizer) else len(prediction.answer)


def decode(
    model: Colorizer,
    prediction: Prediction,
    settings: ColorizeSettings,
    index: int,
    reference: Reference | None,
) -> Decoded:
    """Return the colorization of that index, from 0; HintError if a hint lies outside the photo."""
    if isinstance(model, DistributionColorizer):
        return _decode_distribution(model, prediction, settings, index, reference)
    decoder = resolve(settings, model.spec)
    used: dict[str, object] = _saturation_used(decoder)
    transfer = settings.transfer or "quantiles"
    ab = prediction.answer[index : index + 1]
    if settings.warmth or settings.tint or (reference is not None and transfer == "energy"):
        shift, of_preferences = _shift(prediction, settings, transfer, reference)
        ab = ab + F.interpolate(shift.to(ab), ab.shape[2:], mode="bilinear", antialias=True)
        used.update(of_preferences)
    if reference is not None and transfer == "quantiles":
        used.update(reference=reference.name, transfer=transfer)
        ab = reference.quantile_matching()(ab, prediction.luma)
    ab = ab * _chroma_scale(decoder, prediction)
    if prediction.hinted is not None:
        grid = (prediction.hinted.weights.shape[1], prediction.hinted.weights.shape[2])
        ab = prediction.hinted.correct(F.interpolate(ab, grid, mode="bilinear"))
        used["hints"] = [as_entry(hint) for hint in prediction.hinted.hints]
    spread = _over_file(spread_of(prediction.answer), prediction)
    return Decoded(ab, spread, used)


def _shift(
    prediction: Prediction, settings: ColorizeSettings, transfer: str, reference: Reference | None
) -> tuple[Chroma, dict[str, object]]:
    """Return by how much preferences move every place's mean color, by CIC's distribution; and their notes.

    A sample is moved by as much: where the photo leaves no doubt, nothing moves, and samples keep their
    differences.
    """
    model, log_p = companion_distribution(
        rounded(prediction.tones(prediction.luma)), prediction.answer.device
    )
    steps = list(_biases(model, settings, 0))
    if reference is not None and transfer == "energy":
        steps.append(_palette(model, transfer, reference))
    guides = [guide for guide, _ in steps]
    plain, moved = (model.decode(log_p, temperature=1.0, guides=each).chroma[:, 0] for each in ([], guides))
    used: dict[str, object] = {}
    for _, said in steps:
        used.update(said)
    return moved - plain, used


def _decode_distribution(
    model: DistributionColorizer,
    prediction: Prediction,
    settings: ColorizeSettings,
    index: int,
    reference: Reference | None,
) -> Decoded:
    decoder = resolve(settings, model.spec)
    transfer = settings.transfer or "energy"
    lightness = prediction.luma.to(prediction.answer)
    seen = prediction.tones(lightness)
    steps = [
        *_preferences(model, decoder, seen, transfer, reference),
        *_biases(model, settings, index),
    ]
    hinted = None
    hints, notes = hints_on_picture(settings.hints, prediction.extent)
    if hints:
        hinted = HintGuide(hints, model, lightness, prediction.photo.size, prediction.extent.box)
        steps.append((hinted, {"hints": [as_entry(hint) for hint in hints]}))
    used: dict[str, object] = {"temperature": decoder.temperature, **_saturation_used(decoder)}
    for name in ("vibrance", "coherence"):
        used |= {} if getattr(decoder, name) is None else {name: getattr(decoder, name)}
    used |= {"sample": index + 1} if settings.samples > 1 else {}
    for _, said in steps:
        used.update(said)
    samples = model.decode(
        prediction.answer, temperature=decoder.temperature, guides=[guide for guide, _ in steps]
    )
    # Here, before anything is interpolated: the mean of two hues as numbers is a third hue.
    ab = ab_of_chroma(luma_of_lightness(seen, samples.space), samples.chroma[:, 0], samples.space)
    if reference is not None and transfer == "quantiles":
        used.update(reference=reference.name, transfer=transfer)
        ab = reference.quantile_matching()(ab, lightness)
    ab = ab * _chroma_scale(decoder, prediction)  # before hints: a color that is known is meant as it is
    unsure = _over_file(uncertainty_of(samples, model), prediction)
    return Decoded(ab if hinted is None else hinted.correct(ab), unsure, used, notes)


def _chroma_scale(decoder: DecoderSettings, prediction: Prediction) -> float:
    """Return the factor of chroma; what takes no color stays neutral."""
    return 0.0 if prediction.colorless else decoder.chroma_scale


def _over_file(uncertainty: Uncertainty | None, prediction: Prediction) -> Uncertainty | None:
    if uncertainty is None:
        return None
    extent = prediction.extent
    return replace(uncertainty, values=extent.over_file(uncertainty.values), extent=extent)


def _saturation_used(decoder: DecoderSettings) -> dict[str, object]:
    """Return the look and its saturation, as they are recorded for every model."""
    own = {} if decoder.look_saturation == 1 else {"look_saturation": decoder.look_saturation}
    return {"look": decoder.look, "saturation": decoder.saturation, **own}


_Step = tuple[Guide, dict[str, object]]
"""A guide, and the settings to record with it."""


def _preferences(
    model: DistributionColorizer,
    decoder: DecoderSettings,
    lightness: Luma,
    transfer: str,
    reference: Reference | None,
) -> Iterator[_Step]:
    yield Vibrance(model.prior, decoder.vibrance or 0.0), {}
    yield Coherence(lightness, model.axes, decoder.coherence or 0.0), {}
    if reference is not None and transfer == "energy":
        yield _palette(model, transfer, reference)


def _palette(model: DistributionColorizer, transfer: str, reference: Reference) -> _Step:
    return reference.histogram_transfer(model), {"reference": reference.name, "transfer": transfer}


def _biases(model: DistributionColorizer, settings: ColorizeSettings, index: int) -> Iterator[_Step]:
    if settings.warmth:
        yield warmth(model, float(settings.warmth)), {"warmth": settings.warmth}
    if settings.tint is not None:
        guide = tint(model, parse_color(settings.tint), float(settings.tint_strength))
        yield guide, {"tint": settings.tint, "tint_strength": settings.tint_strength}
    if index > 0:
        # The first is the model's own answer; the others divide the circle among them.
        angle = 360 * (index - 1) / (settings.samples - 1)
        yield rotated(model, angle), {"rotation": round(angle, 2)}
