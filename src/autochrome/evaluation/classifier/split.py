"""Which labeled photos the bundled classifier was trained on, and which it has never seen.

A photo's part follows from its own name, so that no list is needed, and adding photos moves none of the
others. A tenth of every class, about, is the test part; a thirtieth chose the classifier's training.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import Literal

SplitPart = Literal["train", "validation", "test"]

TEST, VALIDATION = 100, 130
"""Of 1000 values of the hash those below ``TEST`` are for testing, those from there to below ``VALIDATION``
for choosing, the others for training."""


def part_of(name: str) -> SplitPart:
    """Part of a photo, by its file's name.

    The rule: of the name without its folder and its extension (``n01443537_12``), in UTF-8, take the first
    eight bytes of the SHA-256 as a big-endian number, modulo 1000.

    Args:
        name: of the file, with or without folder and extension.
    """
    digest = hashlib.sha256(PurePath(name).stem.encode()).digest()
    value = int.from_bytes(digest[:8], "big") % 1000
    if value < TEST:
        return "test"
    return "validation" if value < VALIDATION else "train"
