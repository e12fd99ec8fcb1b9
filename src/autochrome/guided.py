"""From a prediction to colours, in the order in which what a person asks for takes effect.

Of a model with a distribution: vibrance, the reference's palette, warmth, tint, a sample's own rotated bias,
and at last hints, all on the distribution; then it is decoded. Quantile matching with a reference works on
the colours themselves, of whatever model. Hints have the last word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autochrome.color.conversion import ab_of_chroma, luma_of_lightness
from autochrome.color.names import parse_color
from autochrome.guidance import HintGuide, Vibrance, rotated, tint, warmth
from autochrome.guidance.hints import as_entry
from autochrome.models.base import Colorizer, Guide, HasDistribution
from autochrome.prediction import Prediction
from autochrome.reference import Reference
from autochrome.settings import ColorizeSettings
from autochrome.types import Chroma
from autochrome.uncertainty import Uncertainty, spread_of, uncertainty_of


@dataclass(frozen=True)
class Decoded:
    """One colorization on the grid of the model's answer.

    Attributes:
        ab: a* and b* "1 2 h w" in CIE units.
        uncertainty: where the model knows it.
        used: the settings that made it, with the values that defaults stand for.
    """

    ab: Chroma
    uncertainty: Uncertainty | None
    used: dict[str, object]


def count_samples(model: Colorizer, prediction: Prediction, settings: ColorizeSettings) -> int:
    """Return how many colorizations there are of a prediction."""
    return settings.samples if isinstance(model, HasDistribution) else len(prediction.answer)


def decode(
    model: Colorizer,
    prediction: Prediction,
    settings: ColorizeSettings,
    index: int,
    reference: Reference | None,
) -> Decoded:
    """Return the colorization of that index, from 0.

    Raises:
        HintError: a hint lies outside the photo.
    """
    if isinstance(model, HasDistribution):
        return _decode_distribution(model, prediction, settings, index, reference)
    used: dict[str, object] = {}
    ab = prediction.answer[index : index + 1]
    if reference is not None:
        used.update(reference=reference.name, transfer="quantiles")
        ab = reference.quantile_matching()(ab, prediction.luma)
    return Decoded(ab, spread_of(prediction.answer), used)


def _decode_distribution(
    model: HasDistribution,
    prediction: Prediction,
    settings: ColorizeSettings,
    index: int,
    reference: Reference | None,
) -> Decoded:
    decoder = dict(model.spec.defaults)
    for name in ("vibrance", "temperature"):
        if getattr(settings, name) is not None:
            decoder[name] = getattr(settings, name)
    transfer = settings.transfer or "energy"
    lightness = prediction.luma.to(prediction.answer)
    steps = [*_preferences(model, decoder, transfer, reference), *_biases(model, settings, index)]
    hinted = None
    if settings.hints:
        hinted = HintGuide(settings.hints, model, lightness, prediction.photo.size)
        steps.append((hinted, {"hints": [as_entry(hint) for hint in settings.hints]}))
    used: dict[str, object] = {**decoder, **({"sample": index + 1} if settings.samples > 1 else {})}
    for _, said in steps:
        used.update(said)
    samples = model.decode(
        prediction.answer, temperature=decoder.get("temperature"), guides=[guide for guide, _ in steps]
    )
    # Here, before anything is interpolated: the mean of two hues as numbers is a third hue.
    ab = ab_of_chroma(luma_of_lightness(lightness, samples.space), samples.chroma[:, 0], samples.space)
    if reference is not None and transfer == "quantiles":
        used.update(reference=reference.name, transfer=transfer)
        ab = reference.quantile_matching()(ab, lightness)
    return Decoded(ab if hinted is None else hinted.correct(ab), uncertainty_of(samples, model), used)


_Step = tuple[Guide, dict[str, object]]
"""A guide, and what is to be said of it."""


def _preferences(
    model: HasDistribution, decoder: dict[str, float], transfer: str, reference: Reference | None
) -> Iterator[_Step]:
    yield Vibrance(model.prior, decoder.get("vibrance", 0.0)), {}
    if reference is not None and transfer == "energy":
        yield reference.histogram_transfer(model), {"reference": reference.name, "transfer": transfer}


def _biases(model: HasDistribution, settings: ColorizeSettings, index: int) -> Iterator[_Step]:
    if settings.warmth:
        yield warmth(model, float(settings.warmth)), {"warmth": settings.warmth}
    if settings.tint is not None:
        guide = tint(model, parse_color(settings.tint), float(settings.tint_strength))
        yield guide, {"tint": settings.tint, "tint_strength": settings.tint_strength}
    if index > 0:
        # The first is the model's own answer; the others divide the circle among them.
        angle = 360 * (index - 1) / (settings.samples - 1)
        yield rotated(model, angle), {"rotation": round(angle, 2)}
