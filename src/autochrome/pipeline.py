"""From a photo to its colorization: the one place where photos' files meet models.

`Painter` loads a model once and colours any number of photos. `colorize` is the same in one call for whatever
a person has at hand: a path, a PIL image or a numpy array.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from threading import Barrier
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome._version import __version__
from autochrome.color.gamut import fit_chroma_into
from autochrome.color.lightness import Lightness
from autochrome.color.upsampling import GuidedUpsampler
from autochrome.guidance import Vibrance
from autochrome.io.in_memory import from_array, from_pil, is_pil_image, to_array, to_pil
from autochrome.io.photo import Photo, Provenance, read_photo
from autochrome.models.base import Colorizer, Guide, HasDistribution
from autochrome.models.registry import create_model
from autochrome.types import Chroma, Luma

SMALLEST, LARGEST = 32, 2048
"""Limits of the working size, in pixels."""

# Which views of a photo are averaged: its scale relative to the working size, and whether it is mirrored.
_VIEWS: dict[str, tuple[tuple[float, bool], ...]] = {
    "none": ((1.0, False),),
    "mirror": ((1.0, False), (1.0, True)),
    "full": tuple((scale, mirrored) for scale in (1.0, 0.8, 1.25) for mirrored in (False, True)),
}
_LONGEST = 8  # times the working size: more would spend memory on the emptiness of a thin panorama
_GRID = (
    4  # the luma's sides are multiples of the models' output stride, so that chroma covers the photo exactly
)
_STRIP = 1 << 17  # pixels of full size at a time: what a core does to them stays in its cache


@dataclass(frozen=True)
class ColorizeSettings:
    """What may be asked of a colorization; None stands for the model's own default.

    Raises:
        ValueError: a value is out of its range.
    """

    vibrance: float | None = None
    """-1 to 2. 0 is the model's own answer, 1 favours rare colours as full rebalancing; below 0 mutes."""
    temperature: float | None = None
    """0 to 1. 0 takes the most probable colour, 1 the mean of all."""
    size: int | None = None
    """Shorter side, in pixels, of the luma that the model sees: 32 to 2048."""
    fuse: str = "mirror"
    """Which views' predictions are averaged: "none" but the photo's, with its "mirror" image's, or "full",
    both in three sizes."""
    upsampling: str = "guided"
    """How chroma is brought to full size: "guided" by the photo's edges, or "bilinear"."""

    def __post_init__(self) -> None:
        _check_range("vibrance", self.vibrance, -1.0, 2.0)
        _check_range("temperature", self.temperature, 0.0, 1.0)
        _check_range("size", self.size, SMALLEST, LARGEST)
        _check_choice("fuse", self.fuse, tuple(_VIEWS))
        _check_choice("upsampling", self.upsampling, ("guided", "bilinear"))


@dataclass(frozen=True, eq=False)
class ColorizedPhoto(Photo):
    """A photo in colour, and how it came about.

    Attributes:
        notes: what the person should know, a sentence each.
        provenance: model, weights and settings, for `write_photo`.
    """

    notes: tuple[str, ...] = ()
    provenance: Provenance | None = None


@dataclass(frozen=True)
class Prediction:
    """What a model says of a photo, before a decoder makes one colorization of it.

    Attributes:
        photo: the photo.
        lightness: its L*, at any size.
        luma: its L* "1 1 h w" as the model saw it.
        answer: log probabilities "1 q h/s w/s" over colour bins, or, from a model without a distribution,
            chroma "1 2 h/s w/s".
        size: the working size that was used.
        notes: as in `ColorizedPhoto`.
    """

    photo: Photo
    lightness: Lightness
    luma: Luma
    answer: Float[Tensor, "1 q h2 w2"]
    size: int
    notes: tuple[str, ...]


class Painter:
    """A model, loaded once, that colours photos.

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
        elif weights is not None:
            raise ValueError("weights are loaded into models that are named; this one is made already")
        self.model = model.to(self.device).eval()
        if model.spec.space != "lab":
            raise ValueError(
                f"{model.spec.name} works in {model.spec.space}; only Lab models can be painted with yet"
            )

    def colorize(self, photo: Photo, settings: ColorizeSettings | None = None) -> list[ColorizedPhoto]:
        """Return the colorizations of a photo, of its size and depth and with all else that it carries.

        A model with one answer gives one. Of a photo with colours the lightness is taken; the notes say so.
        """
        settings = settings or ColorizeSettings()
        return [self.paint(self.predict(photo, settings), settings)]

    @torch.inference_mode()
    def predict(self, photo: Photo, settings: ColorizeSettings | None = None) -> Prediction:
        """Ask the model, once; what comes back can be painted with several settings.

        Only ``size`` and ``fuse`` matter here. Where memory runs out, smaller sizes are tried; the notes say
        so.

        Raises:
            ValueError: the settings ask for what the model does not have.
            MemoryError: not even the smallest size fits.
        """
        settings = settings or ColorizeSettings()
        self._check_supported(settings)
        lightness = Lightness(photo.pixels)
        notes = []
        if lightness.has_colour:
            notes.append("it has colours or a tone of its own; only its lightness was used")
        wanted = settings.size or self.model.spec.working_size
        size = wanted
        while (found := self._try_size(lightness, size, settings.fuse)) is None:
            if size <= SMALLEST:
                raise MemoryError("not enough memory for the model; close other programs, or use the cpu")
            size = max(SMALLEST, size * 3 // 4)
        if size < wanted:
            notes.append(f"memory ran out at working size {wanted}; {size} was used")
        luma, answer = found
        return Prediction(photo, lightness, luma, answer, size, tuple(notes))

    @torch.inference_mode()
    def paint(self, prediction: Prediction, settings: ColorizeSettings | None = None) -> ColorizedPhoto:
        """Make the colorization that the settings ask for of a prediction."""
        settings = settings or ColorizeSettings()
        chroma, used = self._decode(prediction.answer, settings)
        # An infinite ridge leaves no slope along the luma: plain bilinear interpolation.
        ridge = 64.0 if settings.upsampling == "guided" else float("inf")
        upsampler = GuidedUpsampler(chroma[0].float().cpu(), prediction.luma[0, 0], eps=ridge)
        spec = self.model.spec
        provenance = Provenance(
            model=spec.name,
            weights_sha256=spec.sha256 or "",
            settings={
                **used,
                "size": prediction.size,
                "fuse": settings.fuse,
                "upsampling": settings.upsampling,
            },
            software=f"Autochrome {__version__}",
        )
        kept = {field.name: getattr(prediction.photo, field.name) for field in fields(Photo)}
        kept["pixels"] = _full_size(prediction.lightness, upsampler, prediction.photo.pixels.dtype)
        return ColorizedPhoto(**kept, notes=prediction.notes, provenance=provenance)

    def _check_supported(self, settings: ColorizeSettings) -> None:
        if isinstance(self.model, HasDistribution):
            return
        asked = [name for name in ("vibrance", "temperature") if getattr(settings, name) is not None]
        if asked:
            raise ValueError(
                f"{self.model.spec.name} predicts no distribution and so has no {' or '.join(asked)}"
            )

    def _try_size(self, lightness: Lightness, size: int, fuse: str) -> tuple[Luma, Tensor] | None:
        """The luma and the mean answer over the views, or None where memory does not suffice."""
        with _none_when_memory_runs_out(self.device) as outcome:
            outcome.append(self._fused(lightness, size, fuse))
        return outcome[0] if outcome else None

    def _fused(self, lightness: Lightness, size: int, fuse: str) -> tuple[Luma, Tensor]:
        total: Tensor | None = None
        lumas: dict[float, Luma] = {}
        for scale, mirrored in _VIEWS[fuse]:
            if scale not in lumas:
                lumas[scale] = lightness.reduced(*_working_shape(lightness.size, round(size * scale)))
            answer = self._answer(lumas[scale].flip(3) if mirrored else lumas[scale])
            answer = answer.flip(3) if mirrored else answer
            total = answer if total is None else total + _on_grid(answer, total)
        assert total is not None
        return lumas[1.0], total / len(_VIEWS[fuse])

    def _answer(self, luma: Luma) -> Tensor:
        """Log probabilities, or chroma, for luma of any size."""
        height, width = luma.shape[2:]
        unit = self.model.spec.multiple_of
        padded = F.pad(luma, (0, -width % unit, 0, -height % unit), mode="replicate").to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            if isinstance(self.model, HasDistribution):
                answer = torch.log_softmax(self.model.predict(padded).float(), dim=1)
            else:
                answer = self.model.sample(padded).chroma[:, 0]
        stride = padded.shape[2] // answer.shape[2]
        return answer[:, :, : -(-height // stride), : -(-width // stride)]

    def _decode(self, answer: Tensor, settings: ColorizeSettings) -> tuple[Chroma, dict[str, float]]:
        """Chroma, and the decoder's settings that were used."""
        if not isinstance(self.model, HasDistribution):
            return answer, {}
        used = {**self.model.spec.defaults}
        for name in ("vibrance", "temperature"):
            if getattr(settings, name) is not None:
                used[name] = getattr(settings, name)
        guides: list[Guide] = [Vibrance(self.model.prior, used.get("vibrance", 0.0))]
        samples = self.model.decode(answer, temperature=used.get("temperature"), guides=guides)
        return samples.chroma[:, 0], used


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
    """Colour a black-and-white photo; what comes back is of the kind that was given.

    Args:
        photo: a path (or an encoded file's bytes) or a `Photo`, for which a `Photo` comes back with the
            file's depth, profile and metadata; a PIL image; or a numpy array "h w", "h w 1" or "h w 3" of
            sRGB values, uint8, uint16 or floats in [0, 1], for which "h w 3" of the same type comes back.
        model: a name from `list_models()`, or a `Painter` or model already made.
        weights: where to take the weights from instead of the bundled ones.
        device: "auto", "cpu", "cuda", "mps".
        settings: fields of `ColorizeSettings`: vibrance, temperature, size, fuse, upsampling.

    Raises:
        PhotoError: the file cannot be read.
        TypeError, ValueError: the photo is of a kind or range that is not understood, or a setting is wrong.
        UnknownModelError, WeightsError: see `create_model`.
    """
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
    return return_as_given(painter.colorize(given, chosen)[0])


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


def _on_grid(answer: Tensor, like: Tensor) -> Tensor:
    same = answer.shape[2:] == like.shape[2:]
    return answer if same else F.interpolate(answer, like.shape[2:], mode="bilinear", antialias=True)


def _working_shape(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    """Height and width of the luma that a model sees; the aspect kept, within what the grid allows."""
    scale = min(shorter / min(size), _LONGEST * shorter / max(size))
    height, width = (max(_GRID, round(side * scale / _GRID) * _GRID) for side in size)
    return height, width


def _full_size(lightness: Lightness, upsampler: GuidedUpsampler, dtype: np.dtype) -> np.ndarray:
    """The pixels "h w 3" of the photo's luma with the model's chroma, strip by strip.

    Each core takes strips of its own. Sharing out every operation among the cores instead makes them wait for
    each other some fifty times a strip, which on a busy machine takes ten times as long.
    """
    height, width = lightness.size
    pixels = np.empty((height, width, 3), dtype)
    rows = max(1, _STRIP // width)
    upsampler.rows(lightness.rows(0, 1), 0, height)  # prepares what the strips share

    @torch.inference_mode()
    def fill(start: int) -> None:
        luma = lightness.rows(start, min(start + rows, height))
        chroma = upsampler.rows(luma, start, height)
        fit_chroma_into(pixels[start : start + rows], luma, chroma)

    starts = range(0, height, rows)
    with _single_threaded_workers(min(torch.get_num_threads(), len(starts))) as workers:
        for _ in workers.map(fill, starts):
            pass
    return pixels


@contextmanager
def _single_threaded_workers(count: int) -> Iterator[Executor]:
    """Threads in each of which torch uses that thread alone."""
    threads = torch.get_num_threads()
    started = Barrier(count + 1)

    def start() -> None:
        torch.set_num_threads(1)
        started.wait()

    with ThreadPoolExecutor(count) as workers:
        for _ in range(count):
            workers.submit(start)
        started.wait()
        # What a thread sets for itself is also what threads to come begin with: set that back.
        torch.set_num_threads(threads)
        yield workers


@contextmanager
def _none_when_memory_runs_out(device: torch.device) -> Iterator[list[Any]]:
    """Swallow the errors of a failed allocation, and only those."""
    try:
        yield []
    except (RuntimeError, MemoryError) as error:
        # The CPU's allocator has no exception type of its own.
        told = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(
            error
        )
        if not told:
            raise
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _check_range(name: str, value: float | int | None, low: float | int, high: float | int) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{name} must lie within {low:g} and {high:g}, not {value:g}")


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
