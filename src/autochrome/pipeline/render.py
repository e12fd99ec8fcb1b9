"""A photo's pixels at full size, from its own lightness and a model's small chroma."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch

from autochrome.color.gamut import fit_chroma_into
from autochrome.color.lightness import Lightness
from autochrome.color.own_color import OwnColor
from autochrome.color.upsampling import GuidedUpsampler
from autochrome.pipeline.extent import Extent

_STRIP = 1 << 17  # pixels at a time, so that a core's work on them stays in its cache


def full_size(
    lightness: Lightness,
    upsampler: GuidedUpsampler,
    dtype: np.dtype,
    extent: Extent | None = None,
    own_color: OwnColor | None = None,
) -> np.ndarray:
    """Return pixels "h w 3" with the photo's lightness and the model's chroma, fitted into sRGB.

    The chroma covers the extent's box, if one is given; what is not picture gets none. With ``own_color``,
    the colors that the photo has are kept. Each core works on strips of its own; splitting each operation
    among the cores instead makes them wait for each other some fifty times a strip, which takes ten times as
    long on a busy machine.
    """
    height, width = lightness.size
    pixels = np.empty((height, width, 3), dtype)
    rows = max(1, _STRIP // width)
    top, left, bottom, right = (0, 0, height, width) if extent is None else extent.box
    upsampler.rows(lightness.rows(top, top + 1)[:, left:right], 0, bottom - top)  # prepare what strips share
    if own_color is not None:
        _ = own_color.mask

    @torch.inference_mode()
    def fill(start: int) -> None:
        stop = min(start + rows, height)
        luma = lightness.rows(start, stop)
        first, last = max(start, top), min(stop, bottom)
        chroma = luma.new_zeros((2, *luma.shape))
        if first < last:
            inside = luma[first - start : last - start, left:right]
            inner = upsampler.rows(inside, first - top, bottom - top)
            outside = None if extent is None else extent.outside(first, last)
            if outside is not None:
                inner *= torch.from_numpy(~outside)
            if inner.shape == chroma.shape:
                chroma = inner
            else:
                chroma[:, first - start : last - start, left:right] = inner
        if own_color is not None:
            chroma = own_color.over(chroma, start)
        fit_chroma_into(pixels[start:stop], luma, chroma)

    starts = range(0, height, rows)
    with _single_threaded_workers(min(torch.get_num_threads(), len(starts))) as workers:
        for _ in workers.map(fill, starts):
            pass
    return pixels


@contextmanager
def _single_threaded_workers(count: int) -> Iterator[Executor]:
    """Yield threads in each of which torch is single-threaded; none waits for another, whatever happens."""
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as workers:
            yield workers
    finally:
        # A thread's setting is also the initial one of later threads: restore that.
        torch.set_num_threads(threads)
