"""Opaque addresses of pictures: the trial, the slot, and their HMAC, so that they cannot be forged."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode

_MAC_BYTES = 18  # 144 bits, 24 characters without padding
_ADDRESS = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9])\.([A-Za-z0-9_-]{24})")


def media_address(secret: bytes, trial: str, slot: int) -> str:
    """Return the last part of a picture's path."""
    return f"{trial}.{slot}.{_mac(secret, trial, slot)}"


def trial_and_slot(secret: bytes, address: str) -> tuple[str, int] | None:
    """Return an address's trial and slot; None if `media_address` did not make it with this secret."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        return None
    trial, slot = match[1], int(match[2])
    if not hmac.compare_digest(match[3], _mac(secret, trial, slot)):
        return None
    return trial, slot


def _mac(secret: bytes, trial: str, slot: int) -> str:
    digest = hmac.digest(secret, f"picture\0{trial}\0{slot}".encode(), "sha256")
    return urlsafe_b64encode(digest[:_MAC_BYTES]).decode()
