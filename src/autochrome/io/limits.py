"""The largest photo that is read: a bound on memory, for small files may unfold into more than there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import ceil

from autochrome.errors import PhotoError

MAX_PIXELS = 400_000_000
"""The default limit of a photo's width times height."""

_BYTES = 6
"""Of a pixel of 16-bit colors; of photos with more bytes per pixel, fewer pixels are read."""

_limit = ContextVar("limit", default=MAX_PIXELS)


@contextmanager
def limited_to(max_pixels: int) -> Iterator[None]:
    """Set the limit for photos that are read in the block without a limit of their own."""
    token = _limit.set(max_pixels)
    try:
        yield
    finally:
        _limit.reset(token)


def check_size(
    name: str, size: tuple[int, int], channels: int, sample_bytes: int, max_pixels: int | None
) -> None:
    """Check that a photo is not too large, before it is decoded.

    Args:
        name: of the photo.
        size: width and height.
        channels: of a pixel; gray counts as three, which its colorization has.
        sample_bytes: of a channel.
        max_pixels: the limit; None for that of `limited_to`.

    Raises:
        PhotoError: it has more pixels, or takes more memory than so many pixels of 16-bit colors.
    """
    limit = _limit.get() if max_pixels is None else max_pixels
    pixel_bytes = max(channels, 3) * sample_bytes
    pixels = size[0] * size[1]
    counted = max(pixels, ceil(pixels * pixel_bytes / _BYTES))
    if counted <= limit:
        return
    problem = f"has {size[0]} x {size[1]} = {_mega(pixels)} megapixels"
    if counted > pixels:
        problem += f", which count as {_mega(counted)} with {pixel_bytes} bytes each"
    needed = ceil(counted / 1e6)
    advice = f"If you trust the file and have the memory, give --max-megapixels {needed}"
    raise PhotoError(
        name, f"{problem}, more than the limit of {_mega(limit)}", f"{advice} (in Python max_pixels)"
    )


def _mega(pixels: int) -> str:
    return f"{pixels / 1e6:.3g}" if pixels < 100_000_000 else f"{pixels / 1e6:.0f}"
