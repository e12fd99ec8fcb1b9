"""One trunk for several systems: it is stored once, with the weights of CIC, and borrowed by the others.

A system's compact network stands on a `PretrainedTrunk`. Frozen, it is CIC's: the system's weights leave it
out and say by its digest which one they were trained over. With the option ``own_trunk`` it learns along and
is stored like any other part.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from autochrome.nn.efficientnet import LITE_SIZES
from autochrome.nn.pretrained import PretrainedSize, PretrainedTrunk
from autochrome.nn.trunk import Trunk

LENDER = "cic.compact"
"""The model whose weights hold the trunk that others borrow."""
SCRATCH = "scratch"
"""The option ``trunk`` of a network without pretraining; of ``cic.compact`` and ``lrac.compact``."""

_PREFIX = "network."


def make_trunk(trunk: str, *, own: bool, frozen_norms: bool = True, dropout: float = 0.0) -> PretrainedTrunk:
    """Return a trunk for a system's compact network.

    Args:
        trunk: the encoder, of `autochrome.nn.efficientnet.LITE_SIZES`.
        own: the trunk learns with the system; otherwise it is frozen, to be borrowed.
        frozen_norms: see `PretrainedTrunk`.
        dropout: see `PretrainedTrunk`.

    Raises:
        ValueError: there is no such trunk.
    """
    if trunk not in LITE_SIZES:
        known = f"{', '.join(LITE_SIZES)} (of cic.compact and lrac.compact also {SCRATCH})"
        raise ValueError(f"trunk must be one of {known}, not {trunk!r}")
    return PretrainedTrunk(PretrainedSize(trunk), frozen=not own, frozen_norms=frozen_norms, dropout=dropout)


def require_pretrained(trunk: Trunk) -> PretrainedTrunk:
    """Return the trunk if it can start from a backbone.

    Raises:
        ValueError: it is one that is trained from scratch; the message begins with "not ".
    """
    if not isinstance(trunk, PretrainedTrunk):
        raise ValueError("not for a trunk that is trained from scratch: set model.options.trunk to lite0")
    return trunk


def load_lent_trunk(trunk: Trunk, state: Mapping[str, Tensor]) -> None:
    """Copy the trunk of a ``cic.compact`` from its state dict.

    Raises:
        ValueError: tensors are missing or have other shapes, or the trunk is one from scratch; nothing is
            changed then. The message begins with "not ".
    """
    trunk = require_pretrained(trunk)
    own = trunk.state_dict()
    lent = {key: state[_PREFIX + key] for key in own if _PREFIX + key in state}
    misfits = [key for key in own if key not in lent or lent[key].shape != own[key].shape]
    if misfits:
        raise ValueError(
            f"not the weights of a {LENDER} with trunk={trunk.size.encoder}: {_PREFIX}{misfits[0]} is "
            "missing or of another shape"
        )
    trunk.load_state_dict(lent)
    trunk.identity = ""


def borrowed_trunk(model: nn.Module) -> tuple[str, PretrainedTrunk] | None:
    """Return the frozen trunk of a model and the prefix of its tensors' names; None if it has none."""
    for name, module in model.named_modules():
        if isinstance(module, PretrainedTrunk) and module.frozen:
            return f"{name}.", module
    return None


def identify_trunks(model: nn.Module) -> None:
    """Give the trunks of a model whose weights are complete their identity, so that photos are remembered."""
    for module in model.modules():
        if isinstance(module, PretrainedTrunk):
            module.identity = module.digest()
