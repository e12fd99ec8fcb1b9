"""XMP sidecars: photo.xmp or photo.jpg.xmp, in which programs keep what they know of photo.jpg."""

from __future__ import annotations

import os
from pathlib import Path

from autochrome.io.xmp import LONGEST, Packet, XmpError


def find_sidecar(photo: Path) -> Path | None:
    """Return the sidecar of a photo; one that is called after its whole name comes first."""
    names = (name + ending for name in (photo.name, photo.stem) for ending in (".xmp", ".XMP"))
    places = (photo.with_name(name) for name in names)
    return next((place for place in places if os.path.isfile(place)), None)


def true_sidecar(sidecar: Path) -> bytes:
    """Return a photo's sidecar for its colorization: without what no longer holds, else as it is.

    Raises:
        XmpError: it cannot be read; the message is a clause.
    """
    try:
        with sidecar.open("rb") as file:
            xmp = file.read(LONGEST + 1)
    except OSError as error:
        raise XmpError(f"unreadable ({error.strerror})") from error
    packet = Packet.parse(xmp)
    return bytes(packet) if packet.make_true() else xmp
