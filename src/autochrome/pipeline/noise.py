"""The noise of models that draw samples: it follows from a seed and a photo."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import torch

from autochrome.io.photo import Photo

_ROWS = 256  # converted at once, so that a large photo is never held twice
_LUMA = np.array([19595, 38470, 7471], np.uint32)  # Rec. 601's weights, in 65536ths


def noise_generator(photo: Photo, seed: int) -> torch.Generator:
    """Return a generator on the CPU, seeded with `noise_seed`, of which torch uses the lower 32 bits."""
    return torch.Generator().manual_seed(noise_seed(photo, seed))


def noise_seed(photo: Photo, seed: int) -> int:
    """Return the seed of a photo's noise, 0 to 2^63 - 1: a digest of the seed, the size and the gray pixels.

    Photos of an album get independent noise, and a photo the same noise whatever its name, folder, metadata
    or format. All pixels count, reduced to 8 bits of gamma-encoded gray in integer arithmetic, so that no
    rounding depends on the machine, and gray, RGB, 16-bit and float copies agree. Resizing, cropping or lossy
    compression changes the noise.

    Args:
        photo: as read; alpha does not count.
        seed: 0 or more.
    """
    digest = blake2b(f"{seed} {photo.size[0]} {photo.size[1]} ".encode(), digest_size=8)
    for start in range(0, photo.size[0], _ROWS):
        digest.update(_gray(_eight_bits(photo.pixels[start : start + _ROWS])).tobytes())
    return int.from_bytes(digest.digest(), "little") >> 1


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Return the pixels as uint8, rounded to the nearest."""
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return pixels if pixels.dtype == np.uint8 else np.rint(pixels * np.float32(255)).astype(np.uint8)


def _gray(pixels: np.ndarray) -> np.ndarray:
    """Return one channel "h w"; equal channels keep their value."""
    if pixels.shape[2] == 1:
        return pixels[:, :, 0]
    weighted = pixels.astype(np.uint32) * _LUMA
    return ((weighted[..., 0] + weighted[..., 1] + weighted[..., 2] + 32768) >> 16).astype(np.uint8)
