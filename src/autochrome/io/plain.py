"""Results as JSON can express them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any


def to_plain(value: Any) -> Any:
    """Return a value as JSON can express it.

    Dataclasses become dicts, arrays and tensors lists, numbers that are infinite or undefined None, and other
    values, such as paths, text.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(each) for each in value]
    if tolist := getattr(value, "tolist", None):  # numpy's and torch's
        return to_plain(tolist())
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)
