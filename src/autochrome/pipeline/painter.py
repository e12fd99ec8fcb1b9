"""From a photo to its colorization: the one place where photos meet models.

`Painter` loads a model once and colors any number of photos. `colorize` does the same in one call for a path,
a PIL image or a numpy array.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, TypedDict, Unpack

import numpy as np
import torch

from autochrome._version import __version__
from autochrome.color.upsampling import GuidedUpsampler
from autochrome.errors import SettingsError, shown
from autochrome.guidance import Hint, parse_hint, read_hints
from autochrome.io.in_memory import from_array, from_pil, is_pil_image, to_array, to_pil
from autochrome.io.photo import Photo, Provenance, read_photo
from autochrome.models.base import Colorizer
from autochrome.models.registry import create_model
from autochrome.nn.folding import fold_norms
from autochrome.pipeline.decode import Decoded, count_samples, decode
from autochrome.pipeline.look_file import as_look
from autochrome.pipeline.predict import Prediction, predict
from autochrome.pipeline.reference import Reference
from autochrome.pipeline.render import full_size
from autochrome.pipeline.settings import ColorizeSettings
from autochrome.pipeline.uncertainty import Uncertainty

__all__ = ["ColorizeSettings", "ColorizedPhoto", "Painter", "Prediction", "choose_device", "colorize"]


@dataclass(frozen=True, eq=False)
class ColorizedPhoto(Photo):
    """A photo in color, and how it was made.

    Attributes:
        notes: sentences for the user, about the photo's file and its colors.
        provenance: model, weights and settings, for `write_photo`.
        uncertainty: of its colors, on the model's own grid, if the model provides it: the entropy of a
            distribution, or the spread of two or more drawn samples.
    """

    provenance: Provenance | None = None
    uncertainty: Uncertainty | None = field(default=None, repr=False)


class Painter:
    """A model, loaded once, that colors photos.

    Args:
        model: a name of the registry, or a model.
        weights: source of weights to use instead of the bundled ones (names only).
        device: "auto" (CUDA, else Apple's MPS, else the CPU), or what `torch.device` takes.

    Raises:
        UnknownModelError, WeightsError: see `create_model`.
        SettingsError: the device is not available.
    """

    def __init__(
        self,
        model: str | Colorizer = "cic",
        *,
        weights: str | os.PathLike[str] | None = None,
        device: str | torch.device = "auto",
    ) -> None:
        self.device = choose_device(device)
        if not isinstance(model, (str, Colorizer)):
            raise TypeError(f"model must be a name from list_models() or a model, not {model!r}")
        if isinstance(model, str):
            model = fold_norms(create_model(model, weights=weights))
        elif weights is not None:
            raise ValueError("weights are only loaded into models given by name")
        self.model = model.to(self.device).eval()
        self._last_reference: Reference | None = None

    def colorize(self, photo: Photo, settings: ColorizeSettings | None = None) -> list[ColorizedPhoto]:
        """Return ``settings.samples`` colorizations of a photo, with its size, depth and metadata.

        Only the lightness of a photo with colors is used; the notes say so. Errors as `predict`.
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
        """Run the model once; the prediction can be painted with several settings.

        Only ``size``, ``fuse``, ``border_detection`` and (for a note) ``keep_color`` matter here, for a model
        that draws also ``temperature``, ``guidance``, ``samples``, ``draws``, ``seed``, ``refine``, ``rank``
        and ``hints``; and a ``look`` that sets one of these. If memory runs out, smaller sizes are tried; the
        notes say so.

        Args:
            photo: the photo.
            settings: of the colorization.
            as_is: show the model the whole file, with its borders and original tones, for experiments.
            noise_of: draw with the noise of this photo, so that different predictions are due to the photos.

        Raises:
            SettingsError, HintError: the model does not support a setting, the reference is gray, or a hint
                lies outside the photo.
            MemoryError: not even the smallest size fits.
        """
        settings = settings or ColorizeSettings()
        self._reference(settings)  # so that a gray one is reported before the model runs
        return predict(self.model, self.device, photo, settings, as_is=as_is, noise_of=noise_of)

    def paint_all(
        self, prediction: Prediction, settings: ColorizeSettings | None = None
    ) -> Iterator[ColorizedPhoto]:
        """Yield the colorizations of a prediction one by one, so that not all need fit in memory."""
        for index in range(count_samples(self.model, prediction, settings or ColorizeSettings())):
            yield self.paint(prediction, settings, index)

    @torch.inference_mode()
    def decode(
        self, prediction: Prediction, settings: ColorizeSettings | None = None, index: int = 0
    ) -> Decoded:
        """Return the colors of `paint` on the model's own grid, before upsampling."""
        settings = settings or ColorizeSettings()
        return decode(self.model, prediction, settings, index, self._reference(settings))

    @torch.inference_mode()
    def paint(
        self, prediction: Prediction, settings: ColorizeSettings | None = None, index: int = 0
    ) -> ColorizedPhoto:
        """Return the colorization of that index, from 0, with these settings."""
        settings = settings or ColorizeSettings()
        decoded = self.decode(prediction, settings, index)
        # An infinite ridge leaves no slope along the luma: plain bilinear interpolation.
        ridge = 64.0 if settings.upsampling == "guided" else float("inf")
        upsampler = GuidedUpsampler(decoded.ab[0].float().cpu(), prediction.luma[0, 0], eps=ridge)
        spec, requested = self.model.spec, settings
        if prediction.draws and not (
            settings.rank or settings.draws
        ):  # a sample does not depend on how many come after it
            requested = replace(settings, samples=index + 1)
        provenance = Provenance(
            model=spec.name,
            weights_sha256=spec.sha256 or "",
            settings={
                **decoded.used,
                **prediction.settings,
                **_of_draw(prediction, index),
                "size": prediction.size,
                "upsampling": settings.upsampling,
                **({"keep_color": True} if settings.keep_color else {}),
            },
            software=f"Autochrome {__version__}",
            look=as_look(requested),
        )
        kept = {field.name: getattr(prediction.photo, field.name) for field in fields(Photo)}
        kept["pixels"] = full_size(
            prediction.lightness,
            upsampler,
            prediction.photo.pixels.dtype,
            prediction.extent,
            prediction.own_color if settings.keep_color else None,
        )
        kept["notes"] = (*prediction.photo.notes, *prediction.notes, *decoded.notes, *self._pale(settings))
        return ColorizedPhoto(**kept, provenance=provenance, uncertainty=decoded.uncertainty)

    def _pale(self, settings: ColorizeSettings) -> tuple[str, ...]:
        """Return a note about a reference with hardly any colors."""
        reference = self._reference(settings)
        if reference is None or not reference.is_pale:
            return ()
        return (f"the reference {reference.name} has hardly any colors, so that few are transferred",)

    def _reference(self, settings: ColorizeSettings) -> Reference | None:
        """Return the reference at the model's size, kept for the next photo."""
        if settings.reference is None:
            return None
        if self._last_reference is None or self._last_reference.photo is not settings.reference:
            self._last_reference = Reference(settings.reference, self.model.spec.working_size)
        return self._last_reference


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device of that name; "auto" takes the fastest that is available.

    Raises:
        SettingsError: there is no such device.
    """
    if str(device) != "auto":
        try:
            chosen = torch.device(device)
            torch.zeros(1, device=chosen).item()  # which "meta" cannot give back
        except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError) as error:
            reason = textwrap.shorten(str(error).partition("\n")[0], 100)
            raise SettingsError(
                f"the device {str(device)[:40]} is not available ({reason}); use auto or cpu"
            ) from error
        return chosen
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


class Settings(TypedDict, total=False):
    """The keywords of `colorize`: fields of `ColorizeSettings`, of which two accept more types."""

    look: str
    saturation: float
    vibrance: float | None
    coherence: float | None
    temperature: float | None
    size: int | None
    fuse: str | None
    upsampling: str
    border_detection: bool
    keep_color: bool
    samples: int
    draws: int | None
    seed: int
    guidance: float | None
    refine: bool
    rank: bool
    reference: object
    transfer: str | None
    warmth: float | None
    tint: str | None
    tint_strength: float
    hints: str | os.PathLike[str] | Sequence[str | Hint] | None


def colorize(
    photo: Any,
    *,
    model: str | Colorizer | Painter = "cic",
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
    **settings: Unpack[Settings],
) -> Any:
    """Color a black-and-white photo; return a photo of the same kind, or a list for two or more samples.

    Args:
        photo: a path (or an encoded file's bytes) or a `Photo`, for which a `ColorizedPhoto` is returned with
            the file's depth, profile and metadata; a PIL image; or a numpy array "h w", "h w 1" or "h w 3" of
            sRGB values, uint8, uint16 or floats in [0, 1], for which "h w 3" of the same type is returned.
        model: a name from `list_models()`, a `Painter`, or a model.
        weights: where to take the weights from instead of the bundled ones.
        device: "auto", "cpu", "cuda", "mps".
        settings: fields of `ColorizeSettings`, described in docs/settings.md. For every model: look
            ("natural", "accurate", "vivid"), saturation, size, upsampling, border_detection, keep_color,
            reference (of any kind that a photo may be) and transfer. For cic and lrac: vibrance, coherence
            and fuse. For pixcolor and cgan: seed, draws and rank; for pixcolor guidance and refine. For all
            four: samples, temperature, warmth, tint, tint_strength, and hints (a file's path, or a list of
            texts such as "40%,25%,#c83232" or of `Hint`).

    Raises:
        PhotoError: the file cannot be read.
        SettingsError, HintError, ColorError: a setting is wrong, or the model does not support it.
        TypeError, ValueError: the photo is of a kind or range that is not supported.
        UnknownModelError, WeightsError: see `create_model`.
    """
    values: dict[str, Any] = {**settings}
    if values.get("reference") is not None:
        values["reference"] = _as_photo(values["reference"])[0]
    values["hints"] = _as_hints(values.get("hints"))
    try:
        chosen = ColorizeSettings(**values)
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
    """Load a shipped model, which stays loaded from one call to the next."""
    return Painter(model, device=device)


def _as_photo(photo: Any) -> tuple[Photo, Any]:
    """Return a photo, and the conversion of its colorization to the kind that was given."""
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
    if hints is None:
        return ()
    if isinstance(hints, str) and hints.count(",") >= 2 and not os.path.isfile(hints):
        return (parse_hint(hints),)
    if isinstance(hints, (str, os.PathLike)):
        return read_hints(hints)
    if not isinstance(hints, (list, tuple)):
        raise TypeError(f"hints are a file or a list of texts such as '40%,25%,#c83232', not {shown(hints)}")
    return tuple(parse_hint(hint) if isinstance(hint, str) else hint for hint in hints)


def _of_draw(prediction: Prediction, index: int) -> dict[str, object]:
    """Return the details of a sample, if the model provides them."""
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
