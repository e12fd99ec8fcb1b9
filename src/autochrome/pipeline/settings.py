"""The one table of settings, and which model supports which; free of torch.

The rows stand in the metadata of the fields of `ColorizeSettings`. From them come the checks here, the
options of ``autochrome colorize``, the keys of ``autochrome compare --model``, and docs/settings.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field, fields
from math import inf
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

from autochrome.color.names import parse_color
from autochrome.errors import SettingsError, shown
from autochrome.models.registry import default_specs
from autochrome.models.spec import NATURAL, ModelSpec

if TYPE_CHECKING:
    from autochrome.guidance.hint_files import Hint
    from autochrome.io.photo import Photo

SMALLEST = 32
"""The smallest working size, in pixels."""

LARGEST_SEED = 2**64 - 1

LOOKS = (NATURAL, "accurate", "vivid")
"""Named sets of decoder settings, with values of each model's own (`ModelSpec.looks`)."""


@dataclass(frozen=True)
class Setting:
    """A row of the table.

    Attributes:
        kind: of its values; a "color" is a CSS name or #rrggbb.
        low, high: the range of a number, both ends included.
        metavar: placeholder for the value in ``--help``.
        choices: the values of a choice.
        help: what it does, as ``--help`` and docs/settings.md say it.
        unset: what the default None stands for, or an option that is on by default.
        needs: what a model must be capable of (see `capabilities`); empty where every model supports it.
        free: a value, beside the default, that every model supports.
        part_of: the setting without which it has no effect.
    """

    kind: Literal["number", "whole", "flag", "choice", "color", "photo", "hints"]
    low: float | int = -inf
    high: float | int = inf
    metavar: str | None = None
    _: KW_ONLY
    choices: tuple[str, ...] = ()
    help: str = ""
    unset: str = ""
    needs: str = ""
    free: object = None
    part_of: str = ""

    @property
    def values(self) -> str:
        """The values that it takes, in words."""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.kind not in ("number", "whole"):
            return {"flag": "true or false", "hints": "a list of hints"}.get(self.kind, f"a {self.kind}")
        endless = self.high in (inf, LARGEST_SEED)
        span = f"of {self.low:g} or more" if endless else f"from {self.low:g} to {self.high:g}"
        return f"a {'whole ' if self.kind == 'whole' else ''}number {span}"

    def check(self, name: str, value: Any) -> None:
        """Check that a value is of the kind and in the range.

        Raises:
            SettingsError: it is not; the message names the setting, its range and the value.
        """
        if not self._takes(value):
            found = f"{value:g}" if isinstance(value, float) else shown(value)
            raise _error(lambda say: f"{say(name)} must be {self.values}, not {found}")

    def _takes(self, value: Any) -> bool:
        if self.kind == "choice":
            return value in self.choices
        if self.kind == "flag":
            return isinstance(value, bool)
        if self.kind in ("number", "whole"):
            if isinstance(value, bool) or not isinstance(value, Real if self.kind == "number" else Integral):
                return False
            return bool(self.low <= value <= self.high)  # type: ignore[operator]
        if self.kind == "hints":
            return isinstance(value, (tuple, list))
        return self.kind != "color" or isinstance(value, str)

    def parse(self, name: str, text: str) -> Any:
        """Return the value that a text stands for.

        Raises:
            SettingsError: see `check`.
        """
        value: Any = text
        if self.kind == "flag":
            value = {"true": True, "false": False}.get(text.lower(), text)
        elif self.kind in ("number", "whole"):
            with suppress(ValueError):
                value = (float if self.kind == "number" else int)(text)
        self.check(name, value)
        return value


_LOOKS = "the look's"


def _setting(default: object, *row: Any, **more: Any) -> Any:
    return field(default=default, metadata={"setting": Setting(*row, **more)})


@dataclass(frozen=True)
class ColorizeSettings:
    """The settings of a colorization; None stands for the model's own default.

    docs/settings.md says what each one does, `check_supported` which models support which.

    Raises:
        SettingsError: a value is of the wrong kind or out of range; the message names the setting, its
            range and the value.
        ColorError: the tint is not a color.
        HintError: there are too many hints, or one is none.
    """

    # fmt: off
    look: str = _setting(NATURAL, "choice", choices=LOOKS, help=
        "Overall style: natural (believable, the model's default), accurate (calm, closest to the truth on "
        "average) or vivid (bold). Other options override single values of the look.")
    saturation: float = _setting(1.0, "number", 0, 3, "S", help=
        "Strength of the colors, on top of the look's: 0 leaves the photo gray, 1.2 makes them a little "
        "stronger. Hinted colors stay as they are.")
    vibrance: float | None = _setting(None, "number", -1, 2, "V", unset=_LOOKS, needs="distribution", help=
        "Preference for rare, vivid colors: 0 none, 1 as strong as full rebalancing, below 0 muted.")
    coherence: float | None = _setting(None, "number", 0, 1, "C", unset=_LOOKS, needs="distribution", help=
        "How far each surface shares one color, up to the photo's edges: 0 leaves every place to itself, 1 "
        "shares most.")
    temperature: float | None = _setting(None, "number", 0, 1, "T", unset=_LOOKS, needs="temperature", help=
        "0 takes the most probable color, 1 the mean of all. Models that draw samples: 1 draws as trained, "
        "less makes samples more alike, 0 all the same.")
    size: int | None = _setting(None, "whole", SMALLEST, 2048, "N", unset=_LOOKS, help=
        "Shorter side, in pixels, of the photo as the model sees it.")
    fuse: str | None = _setting(None, "choice", choices=("none", "mirror", "full"), needs="views",
        free="none", unset="the look's; none for models that draw samples", help=
        "Average the predictions for the photo and its mirror image (mirror), both at three sizes (full, "
        "slower), or take the photo's alone (none).")
    upsampling: str = _setting("guided", "choice", choices=("guided", "bilinear"), help=
        "How color is brought to full size: along the photo's edges (guided) or smoothly (bilinear).")
    border_detection: bool = _setting(True, "flag", unset="--border-detection", help=
        "Find plain borders, bars and mats: the model does not see them, and they stay without color.")
    keep_color: bool = _setting(False, "flag", help=
        "Keep the colors of parts that are in color already, such as a color card in the scan or a color "
        "print in a collage; a tone all over, such as sepia, is not kept.")
    samples: int = _setting(1, "whole", 1, 64, "N", needs="samples", help=
        "Number of colorizations of each photo: drawn (pixcolor and cgan), or the best one and others that "
        "favor one hue after another (cic and lrac).")
    draws: int | None = _setting(None, "whole", 1, 256, "N", unset="as many as samples", needs="draws", help=
        "For pixcolor and cgan: draw so many and keep --samples of them, those that differ most among the "
        "more plausible ones.")
    seed: int = _setting(0, "whole", 0, LARGEST_SEED, "S", needs="draws", help=
        "For pixcolor and cgan: random seed of the samples. A seed and a photo always give the same series: "
        "the third of four samples is the third of eight.")
    guidance: float | None = _setting(None, "number", 0, 2, "G", unset=_LOOKS, needs="guidance", help=
        "For pixcolor: how much the photo outweighs the colors drawn so far. 0 draws as trained, more gives "
        "surer and stronger colors.")
    refine: bool = _setting(True, "flag", unset="--refine", needs="refine", help=
        "For pixcolor: refine the drawn colors to the photo's shapes, or leave them coarse.")
    rank: bool = _setting(False, "flag", needs="rank", help=
        "For pixcolor and cgan: order the samples by plausibility, best first.")
    reference: Photo | None = _setting(  # noqa: RUF009
        None, "photo", metavar="PHOTO", help="A color photo whose palette is transferred.")
    transfer: str | None = _setting(None, "choice", choices=("energy", "quantiles"), needs="guides",
        free="quantiles", part_of="reference",
        unset="energy; quantiles for models that draw samples", help=
        "How the palette is transferred: within what the model finds likely (energy), or by matching the "
        "distributions of the colors (quantiles).")
    warmth: float | None = _setting(None, "number", -1, 1, "W", needs="guides", help=
        "Preference for warm colors (above 0) or cool ones (below 0) where the model is unsure.")
    tint: str | None = _setting(None, "color", metavar="COLOR", needs="guides", help=
        "A color to prefer where the model is unsure: a CSS name, or #rrggbb in quotes.")
    tint_strength: float = _setting(0.5, "number", 0.01, 1, "S", part_of="tint", help="Strength of the tint.")
    hints: tuple[Hint, ...] = _setting((), "hints", needs="guides", help=
        "Colors that are known at places in the photo.")
    # fmt: on

    def __post_init__(self) -> None:
        for row in fields(self):
            name, value, known = row.name, getattr(self, row.name), row.metadata["setting"]
            if value == row.default:
                continue
            known.check(name, value)
            if known.part_of and getattr(self, known.part_of) is None:
                raise _part_is_missing(name, known.part_of)
        if self.tint is not None:
            parse_color(self.tint)
        if self.hints:
            from autochrome.guidance.hint_files import check_hints

            object.__setattr__(self, "hints", check_hints(self.hints))
        if self.draws is not None and self.draws < self.samples:
            found = f"{self.samples}, not {self.draws}"
            raise _error(lambda say: f"{say('draws')} must be at least {say('samples')}, {found}")

    def changed(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults, in the table's order."""
        rows = fields(self)
        return {row.name: value for row in rows if (value := getattr(self, row.name)) != row.default}


SETTINGS: dict[str, Setting] = {row.name: row.metadata["setting"] for row in fields(ColorizeSettings)}
"""The table: every setting by its name."""


# In which words ---------------------------------------------------------------------------------------


_Say = Callable[..., str]
"""`as_keyword` or `as_option`."""


def as_keyword(name: str, value: object = None) -> str:
    """Return a setting, or one of its values, as Python and look files write it: "rank=True"."""
    return name if value is None else f"{name}={value}"


def as_option(name: str, value: object = None) -> str:
    """Return a setting, or one of its values, as the command line writes it: "--no-refine"."""
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return f"--{option}" if value is None else f"--{option} {value}"


def _part_is_missing(name: str, whole: str) -> SettingsError:
    return _error(lambda say: f"{say(name)} needs {say(whole)}; give that too")


def _error(message: Callable[[_Say], str]) -> SettingsError:
    """Return the error whose message writes settings by the function that it is given."""
    return SettingsError(message(as_keyword), message(as_option))


# Which model supports what ------------------------------------------------------------------------


def capabilities(spec: ModelSpec) -> set[str]:
    """Return what a model can do, in the words of `Setting.needs`."""
    if spec.kind == "samples":
        by_trunk = {"guides", "rank"} if "trunk" in spec.can else set()
        return {"samples", "draws", *spec.defaults, *spec.can, *by_trunk}
    of_distributions = {"samples", "distribution", "guides", "temperature"}
    return {"views", *(of_distributions if spec.kind == "distribution" else ())}


def unsupported(settings: ColorizeSettings, spec: ModelSpec) -> dict[str, Any]:
    """Return the requested settings that a model does not support, each with its value where that matters."""
    can = capabilities(spec)
    lacking = {}
    for name, value in settings.changed().items():
        known = SETTINGS[name]
        if name == "look":
            supported = value in spec.look_names
        else:
            supported = known.needs in ("", *can) or value == known.free
        if not supported:
            lacking[name] = value if known.kind in ("choice", "flag", "whole") else None
    return lacking


def check_supported(settings: ColorizeSettings, spec: ModelSpec) -> None:
    """Check that a model supports the requested settings, without loading it.

    Raises:
        SettingsError: it does not; the message names the models that do.
    """
    if lacking := unsupported(settings, spec):
        able = [name for name, other in default_specs().items() if not unsupported(settings, other)]

        def message(say: _Say) -> str:
            instead = f"use {say('model')} {listed(able)}, or leave that out" if able else "leave that out"
            names = [say(name, value) for name, value in lacking.items()]
            return f"{spec.name} does not support {listed(names)}; {instead}"

        raise _error(message)


def listed(names: Sequence[str], word: str = "or") -> str:
    """Return "a, b or c"."""
    return f" {word} ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


# What takes effect --------------------------------------------------------------------------------


@dataclass(frozen=True)
class DecoderSettings:
    """The values used for predicting and decoding, after looks and defaults are resolved.

    Attributes:
        look: the look that values come from which were not given one by one.
        saturation: factor of the chroma, as requested.
        look_saturation: the look's own factor, by which chroma is multiplied as well.
        size: shorter side, in pixels, of the luma that the model sees.
        fuse: which views are averaged.
        temperature: None where the model has none, as vibrance, coherence and guidance are.
    """

    look: str = NATURAL
    saturation: float = 1.0
    look_saturation: float = 1.0
    size: int = SMALLEST
    fuse: str = "none"
    temperature: float | None = None
    vibrance: float | None = None
    coherence: float | None = None
    guidance: float | None = None

    @property
    def chroma_scale(self) -> float:
        """What decoded a* and b* are multiplied by."""
        return self.saturation * self.look_saturation


def resolve(settings: ColorizeSettings, spec: ModelSpec) -> DecoderSettings:
    """Return the decoder settings that take effect: what is requested, else the look's, else the defaults.

    Saturation alone comes on top of the look's own, so that 1.2 is stronger than the look, whichever it is.

    Raises:
        SettingsError: the model does not have the look.
    """
    check_supported(ColorizeSettings(look=settings.look), spec)
    values: dict[str, Any] = {
        "size": spec.working_size,
        "fuse": "none" if spec.kind == "samples" else "mirror",
    }
    values |= spec.defaults
    values |= spec.looks.get(settings.look, {})
    own_saturation = values.pop("saturation", 1.0)
    for name in ("size", "fuse", "temperature", "vibrance", "coherence", "guidance"):
        if (requested := getattr(settings, name)) is not None:
            values[name] = requested
    return DecoderSettings(settings.look, settings.saturation, own_saturation, **values)


def prediction_key(settings: ColorizeSettings, spec: ModelSpec) -> tuple[object, ...]:
    """Return what changes a prediction: settings with equal keys can be painted from one."""
    decoder = resolve(settings, spec)
    key = (decoder.fuse, decoder.size, settings.border_detection, settings.keep_color)
    if spec.kind != "samples":
        return key
    drawing = (settings.samples, settings.draws, settings.seed, settings.refine, settings.rank)
    return (*key, decoder.temperature, decoder.guidance, *drawing, settings.hints)
