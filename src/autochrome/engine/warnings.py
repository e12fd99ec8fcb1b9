"""Warnings while a model is trained: signs that it does not learn as it should."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from autochrome.color.bins import AB_BINS
from autochrome.engine.progress import LogEntry
from autochrome.engine.validation import ValidationMetrics

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


def step_warnings(
    step: int,
    means: Mapping[str, float],
    validation: ValidationMetrics | None,
    earlier: Sequence[LogEntry] = (),
) -> dict[str, str]:
    """Return signs that a run is not learning color, some hundred steps in.

    Args:
        step: steps taken.
        means: mean of each logged value since the last line.
        validation: the newest metrics of the validation photos.
        earlier: the run's entries so far, oldest first. Without them there are no warnings about a
            discriminator, and a fall of diversity is not noticed before the samples are all but the same.

    Returns:
        The text of each warning by its kind: ``uncertain``, ``gray``, ``garish``, ``gray photos``,
        ``collapse``, ``discriminator won``, ``discriminator lost``.
    """
    warnings = {}
    most = math.log(AB_BINS)
    if step >= 300 and means.get("entropy", 0.0) > 0.95 * most:
        warnings["uncertain"] = (
            f"predictions are as uncertain as at the start (entropy {means['entropy']:.2f} of at most "
            f"{most:.2f} nats): raise optimizer.lr, or check that the photos are in color"
        )
    if validation is not None:
        warnings |= _color_warnings(step, validation)
        # Gray samples are all alike: that they are gray is the thing to say.
        if step >= _SETTLED and not {"gray", "gray photos"} & warnings.keys():
            warnings |= _collapse_warning(validation, earlier, adversarial="discriminator_loss" in means)
    if step >= _SETTLED:
        warnings |= _discriminator_warnings(step, means, validation, earlier)
    return warnings


def _color_warnings(step: int, validation: ValidationMetrics) -> dict[str, str]:
    strength = f"mean chroma {validation.chroma:.1f}, the photos' is {validation.true_chroma:.1f}"
    if validation.true_chroma < 2:
        return {
            "gray photos": "the validation photos are gray: nothing can be learned from such photos, "
            "nor seen on them"
        }
    if step >= _SETTLED and validation.chroma < 0.1 * validation.true_chroma:
        return {
            "gray": f"colorings are nearly gray ({strength}): train longer; if it stays so, take gray "
            "photos out of the data, or raise optimizer.lr"
        }
    if step >= _SETTLED and validation.chroma > 2 * validation.true_chroma:
        return {
            "garish": f"colorings are far too strong ({strength}): lower optimizer.lr, or rebalance less "
            "(model.options.rebalance_mix nearer to 1)"
        }
    return {}


def _collapse_warning(
    validation: ValidationMetrics, earlier: Sequence[LogEntry], *, adversarial: bool
) -> dict[str, str]:
    """Return a warning if a model draws much the same sample each time."""
    if validation.diversity is None:
        return {}
    past = [entry.validation.diversity for entry in earlier if entry.validation]
    seen = [diversity for diversity in past if diversity is not None]
    highest = max(seen, default=validation.diversity)
    # Samples that lie further apart than photos are colorful are noise, which goes as a model learns.
    if validation.diversity >= max(_UNSEEN, _COLLAPSED * min(highest, validation.true_chroma)):
        return {}
    remedy = "lower optimizer.lr"
    if adversarial:
        remedy += (
            ", raise adversary.steps, or set model.options.objective=wgan_gp (cgan.compact: raise energy)"
        )
    return {
        "collapse": f"the samples of a photo are all alike (diversity {validation.diversity:.1f} CIE units, "
        f"at most {max(highest, validation.diversity):.1f} so far): {remedy}"
    }


def _discriminator_warnings(
    step: int, means: Mapping[str, float], validation: ValidationMetrics | None, earlier: Sequence[LogEntry]
) -> dict[str, str]:
    """Return a warning if one side of a GAN has left the other behind."""
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
    if validation is None or accuracy > _LOST_ACCURACY:
        return {}
    low, high = (share * validation.true_colorfulness for share in _TELLING)
    if low <= validation.colorfulness <= high:
        return {}
    return {
        "discriminator lost": f"the discriminator only guesses (accuracy {accuracy:.2f}), though "
        f"colorfulness alone would tell ({validation.colorfulness:.0f}, the photos' is "
        f"{validation.true_colorfulness:.0f}): "
        "raise adversary.optimizer.lr or adversary.steps, or lower optimizer.lr"
    }


def _recent(key: str, step: int, means: Mapping[str, float], earlier: Sequence[LogEntry]) -> float | None:
    """Return the mean of a logged value over the last steps; None if it was not logged for so long."""
    values = [means.get(key)]
    for entry in reversed(earlier):
        if entry.step <= step - _RECENT:
            known = [value for value in values if value is not None]
            return sum(known) / len(known) if len(known) == len(values) else None
        values.append(entry.means.get(key))
    return None
