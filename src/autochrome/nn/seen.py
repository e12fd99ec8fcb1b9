"""The maps of the photos that trunks have seen last, so that systems with one trunk encode a photo once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from threading import Lock

import torch
from jaxtyping import Float
from torch import Tensor

_KEPT = 8  # CIC's most careful answer takes six views of a photo

Maps = list[Float[Tensor, "b _c _hi _wi"]]


class SeenPhotos:
    """A small memory of trunks' maps; the oldest entry goes first. Threads may share it.

    Args:
        kept: entries.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._maps: OrderedDict[tuple[object, ...], Maps] = OrderedDict()
        self._lock = Lock()

    def maps(self, trunk: str, x: Float[Tensor, "1 1 h w"], compute: Callable[[], Maps]) -> Maps:
        """Return the maps of a photo, computing them if that trunk has not seen the very same photo lately.

        Args:
            trunk: what identifies the trunk: equal names stand for equal functions.
            x: what it sees.
            compute: makes the maps; they must not be changed afterwards.
        """
        key = (
            trunk,
            x.device,
            x.dtype,
            tuple(x.shape),
            torch.is_autocast_enabled(x.device.type),
            torch.is_inference_mode_enabled(),
            sha256(x.detach().cpu().contiguous().numpy().tobytes()).digest(),
        )
        with self._lock:
            if key in self._maps:
                self._maps.move_to_end(key)
                return self._maps[key]
        maps = compute()
        with self._lock:
            self._maps[key] = maps
            while len(self._maps) > self._kept:
                self._maps.popitem(last=False)
        return maps

    def clear(self) -> None:
        """Forget all photos."""
        with self._lock:
            self._maps.clear()


SEEN = SeenPhotos()
"""The memory of this process."""
