"""From a photo to its colorization: the one place where photos' files meet models.

`Painter` loads a model once and colors any number of photos. `colorize` is the same in one call for whatever
a person has at hand: a path, a PIL image or a numpy array.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from autochrome._version import __version__
from autochrome.color.upsampling import GuidedUpsampler
from autochrome.guidance import Hint, parse_hint, read_hints
from autochrome.io.in_memory import from_array, from_pil, is_pil_image, to_array, to_pil
from autochrome.io.photo import Photo, Provenance, read_photo
from autochrome.models.base import Colorizer, HasDistribution
from autochrome.models.registry import create_model
from autochrome.nn.folding import fold_norms
from autochrome.pipeline.decode import count_samples, decode
from autochrome.pipeline.predict import Prediction, predict
from autochrome.pipeline.reference import Reference
from autochrome.pipeline.render import full_size
from autochrome.pipeline.settings import ColorizeSettings
from autochrome.pipeline.uncertainty import Uncertainty

__all__ = ["ColorizeSettings", "ColorizedPhoto", "Painter", "Prediction", "choose_device", "colorize"]


@dataclass(frozen=True, eq=False)
class ColorizedPhoto(Photo):
    """A photo in color, and how it came about.

    Attributes:
        notes: what the person should know, a sentence each.
        provenance: model, weights and settings, for `write_photo`.
        uncertainty: how unsure its colors are, on the model's own grid, where the model knows it: the
            entropy of a predicted distribution, or the spread of two or more drawn samples.
    """

    notes: tuple[str, ...] = ()
    provenance: Provenance | None = None
    uncertainty: Uncertainty | None = field(default=None, repr=False)


class Painter:
    """A model, loaded once, that colors photos.

    Args:
        model: a name of the registry, or a model already made.
        weights: where to take its weights from instead of the bundled ones (names only).
        device: "auto" (CUDA, else Apple's MPS, else the CPU), or what `torch.device` takes.

    Raises:
        UnknownModelError, WeightsError: see `create_model`.
        ValueError: the device is not there.
    """

    def __init__(
        self,
        model: str | Colorizer = "cic",
        *,
        weights: str | os.PathLike[str] | None = None,
        device: str | torch.device = "auto",
    ) -> None:
        self.device = choose_device(device)
        if isinstance(model, str):
            model = create_model(model, weights=weights)
            if isinstance(model, HasDistribution):  # drawn samples must not change by a rounding
                model = fold_norms(model)
        elif weights is not None:
            raise ValueError("weights are loaded into models that are named; this one is made already")
        self.model = model.to(self.device).eval()
        self._last_reference: Reference | None = None

    def colorize(self, photo: Photo, settings: ColorizeSettings | None = None) -> list[ColorizedPhoto]:
        """Return the colorizations of a photo, of its size and depth and with all else that it carries.

        They are ``settings.samples``. Of a photo with colors the lightness is taken; the notes say so.

        Raises:
            ValueError: the settings ask for what the model does not have, the reference is gray, or a hint
                lies outside the photo.
            MemoryError: not even the smallest size fits.
        """
        return list(self.paint_all(self.predict(photo, settings), settings))

    @torch.inference_mode()
    def predict(
        self,
        photo: Photo,
        settings: ColorizeSettings | None = None,
        *,
        as_is: bool = False,
        noise_of: Photo | None = None,
    ) -> Prediction:
        """Ask the model, once; what comes back can be painted with several settings.

        Only ``size`` and ``fuse`` matter here, and of a model that draws ``temperature``, ``guidance``,
        ``samples``, ``seed``, ``refine`` and ``rank``; a ``look`` in so far as it decides one of these. Where
        memory runs out, smaller sizes are tried; the notes say so.

        Args:
            photo: the photo.
            settings: how the model is asked.
            as_is: show the model the whole file, borders and all, and in its own tones, as experiments do.
            noise_of: draw with the noise of this photo instead of the photo's own: with one noise, what
                differs between the answers to two photos is due to the photos.

        Raises:
            ValueError: the settings ask for what the model does not have, the reference is gray, or a hint
                lies outside the photo.
            MemoryError: not even the smallest size fits.
        """
        settings = settings or ColorizeSettings()
        self._reference(settings)  # what is wrong with it is told before the model has worked
        return predict(self.model, self.device, photo, settings, as_is=as_is, noise_of=noise_of)

    def paint_all(
        self, prediction: Prediction, settings: ColorizeSettings | None = None
    ) -> Iterator[ColorizedPhoto]:
        """Make the colorizations of a prediction one after the other, so that not all need be in memory."""
        for index in range(count_samples(self.model, prediction, settings or ColorizeSettings())):
            yield self.paint(prediction, settings, index)

    @torch.inference_mode()
    def paint(
        self, prediction: Prediction, settings: ColorizeSettings | None = None, index: int = 0
    ) -> ColorizedPhoto:
        """Make the colorization that the settings ask for of a prediction; of several samples, one."""
        settings = settings or ColorizeSettings()
        decoded = decode(self.model, prediction, settings, index, self._reference(settings))
        # An infinite ridge leaves no slope along the luma: plain bilinear interpolation.
        ridge = 64.0 if settings.upsampling == "guided" else float("inf")
        upsampler = GuidedUpsampler(decoded.ab[0].float().cpu(), prediction.luma[0, 0], eps=ridge)
        spec = self.model.spec
        provenance = Provenance(
            model=spec.name,
            weights_sha256=spec.sha256 or "",
            settings={
                **decoded.used,
                **prediction.settings,
                **_of_draw(prediction, index),
                "size": prediction.size,
                "upsampling": settings.upsampling,
            },
            software=f"Autochrome {__version__}",
        )
        kept = {field.name: getattr(prediction.photo, field.name) for field in fields(Photo)}
        kept["pixels"] = full_size(
            prediction.lightness, upsampler, prediction.photo.pixels.dtype, prediction.extent
        )
        notes = prediction.notes + decoded.notes
        return ColorizedPhoto(**kept, notes=notes, provenance=provenance, uncertainty=decoded.uncertainty)

    def _reference(self, settings: ColorizeSettings) -> Reference | None:
        """The reference at the model's size; that of one photo after the other is made once."""
        if settings.reference is None:
            return None
        if self._last_reference is None or self._last_reference.photo is not settings.reference:
            self._last_reference = Reference(settings.reference, self.model.spec.working_size)
        return self._last_reference


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device of that name; "auto" takes the fastest that is there.

    Raises:
        ValueError: there is no such device.
    """
    if str(device) != "auto":
        try:
            chosen = torch.device(device)
            torch.empty(0, device=chosen)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"the device {device!s} is not there ({reason}); use auto or cpu") from error
        return chosen
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def colorize(
    photo: Any,
    *,
    model: str | Colorizer | Painter = "cic",
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
    **settings: Any,
) -> Any:
    """Color a black-and-white photo; what comes back is of the kind that was given.

    With ``samples`` of 2 or more, a list of that many.

    Args:
        photo: a path (or an encoded file's bytes) or a `Photo`, for which a `Photo` comes back with the
            file's depth, profile and metadata; a PIL image; or a numpy array "h w", "h w 1" or "h w 3" of
            sRGB values, uint8, uint16 or floats in [0, 1], for which "h w 3" of the same type comes back.
        model: a name from `list_models()`, or a `Painter` or model already made.
        weights: where to take the weights from instead of the bundled ones.
        device: "auto", "cpu", "cuda", "mps".
        settings: fields of `ColorizeSettings`: look ("natural", "accurate", "vivid"), saturation, samples,
            size, upsampling, reference (of any kind that a photo may be) and transfer; for models with a
            distribution vibrance, temperature, fuse, warmth, tint, tint_strength and hints (a file's path, or
            a list of texts such as "40%,25%,#c83232" or of `Hint`); for models that draw temperature and
            seed, and for PixColor guidance, refine and rank.

    Raises:
        PhotoError: the file cannot be read.
        TypeError, ValueError: the photo is of a kind or range that is not understood, or a setting is wrong.
        UnknownModelError, WeightsError: see `create_model`.
    """
    if settings.get("reference") is not None:
        settings["reference"] = _as_photo(settings["reference"])[0]
    if settings.get("hints") is not None:
        settings["hints"] = _as_hints(settings["hints"])
    try:
        chosen = ColorizeSettings(**settings)
    except TypeError as error:
        known = ", ".join(field.name for field in fields(ColorizeSettings))
        raise TypeError(f"{error}; the settings are {known}") from None
    given, return_as_given = _as_photo(photo)
    if isinstance(model, Painter):
        painter = model
    elif isinstance(model, str) and weights is None:
        painter = _painter(model, device)
    else:
        painter = Painter(model, weights=weights, device=device)
    colored = [return_as_given(each) for each in painter.colorize(given, chosen)]
    return colored[0] if chosen.samples == 1 else colored


@lru_cache(maxsize=2)
def _painter(model: str, device: str) -> Painter:
    """The shipped models stay loaded from one call to the next."""
    return Painter(model, device=device)


def _as_photo(photo: Any) -> tuple[Photo, Any]:
    """A photo, and the way from its colorization back to the kind that was given."""
    if isinstance(photo, Photo):
        return photo, lambda colored: colored
    if isinstance(photo, (str, os.PathLike, bytes)):
        return read_photo(photo), lambda colored: colored
    if isinstance(photo, np.ndarray):
        return from_array(photo), lambda colored: to_array(colored, photo.dtype)
    if is_pil_image(photo):
        return from_pil(photo), lambda colored: to_pil(colored, photo)
    raise TypeError(f"a photo is a path, a PIL image or a numpy array, not {type(photo).__name__}")


def _as_hints(hints: Any) -> tuple[Hint, ...]:
    if isinstance(hints, (str, os.PathLike)):
        return read_hints(hints)
    return tuple(parse_hint(hint) if isinstance(hint, str) else hint for hint in hints)


def _of_draw(prediction: Prediction, index: int) -> dict[str, object]:
    """What tells one sample from the others, without what the model does not know of it."""
    if not prediction.draws:
        return {}
    draw = prediction.draws[index]
    known = {
        "sample": draw.number,
        "log_prob": draw.log_prob,
        "bits_per_dimension": draw.bits_per_dimension,
        "rank_score": draw.score,
    }
    return {name: value for name, value in known.items() if value is not None}
