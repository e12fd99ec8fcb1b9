"""JSON and YAML that people hand in, read within bounds: of length, depth, number of values, and numbers.

A file of a few hundred bytes must not take gigabytes (aliases of aliases), minutes, or the interpreter's
stack; nor may a number be so large that it overflows in whoever computes with it.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autochrome.errors import DocumentError

if TYPE_CHECKING:
    from yaml import Node, SafeLoader

MOST_JSON_BYTES = 4 << 20
MOST_YAML_BYTES = 1 << 18
"""Less than of JSON: PyYAML takes seconds and 100 MB for it."""
MOST_RECORD_BYTES = 1 << 28
"""Of a file that Autochrome itself wrote, with an entry for each picture."""
MOST_DEPTH = 32
"""Lists and objects within one another."""
MOST_VALUES = 1 << 16
"""In YAML whose aliases are written out."""
MOST_BITS = 64
"""Of a whole number, beside its sign."""

_TOO_DEEP = f"is nested more than {MOST_DEPTH} levels deep; write it flat"


def read_text(path: str | os.PathLike[str], most_bytes: int) -> str:
    """Return a file's text in UTF-8, with or without a byte order mark.

    Raises:
        DocumentError: it is longer or not text; the message is a clause that follows the file's name.
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        content = file.read(most_bytes + 1)  # no more: a device or a pipe may never end
    if len(content) > most_bytes:
        raise DocumentError(f"is longer than {most_bytes >> 10} kB; check that it is the right file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError("is not text in UTF-8; save it in UTF-8") from error


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        DocumentError: it is not JSON, or beyond the bounds; the message is a clause that follows its name.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DocumentError(f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise DocumentError(_TOO_DEEP) from error
    except ValueError as error:  # Python reads no more than 4300 digits
        raise DocumentError("has a number of thousands of digits; give a smaller one") from error
    _check(value)
    return value


def parse_yaml(text: str, loader: type[SafeLoader] | None = None) -> Any:
    """Return the value of a YAML text as a loader builds it, PyYAML's ``SafeLoader`` if None.

    Raises:
        DocumentError: it is not YAML, or beyond the bounds; the message is a clause that follows its name.
    """
    import yaml

    try:
        reader = (loader or yaml.SafeLoader)(text)
        node = reader.get_single_node()
        if node is None:
            return None
        _count(node, {}, ())  # before anything is built: merge keys write out their aliases
        value = reader.construct_document(node)
    except RecursionError as error:
        raise DocumentError(_TOO_DEEP) from error
    except (yaml.YAMLError, TypeError, ValueError) as error:  # the 30th of February is a ValueError
        if isinstance(error, DocumentError):
            raise
        raise DocumentError(f"is not valid YAML: {str(error).partition(';')[0]}") from error
    _check(value)
    return value


def _count(node: Node, known: dict[int, int], above: tuple[int, ...]) -> int:
    """Return how many values a node stands for with its aliases written out."""
    me = id(node)
    if me in above:
        raise DocumentError("has an alias within what it stands for; write its values out")
    if len(above) > MOST_DEPTH:
        raise DocumentError(_TOO_DEEP)
    if me not in known:
        parts = node.value if isinstance(node.value, list) else []
        inner = [each for part in parts for each in (part if isinstance(part, tuple) else (part,))]
        known[me] = 1 + sum(_count(each, known, (*above, me)) for each in inner)
    if known[me] > MOST_VALUES:
        raise DocumentError(f"stands for more than {MOST_VALUES} values; give fewer")
    return known[me]


def _check(value: Any, place: tuple[object, ...] = ()) -> None:
    """Check the depth and the numbers of what was read."""
    if isinstance(value, (dict, list, set, tuple)):
        if len(place) == MOST_DEPTH:
            raise DocumentError(_TOO_DEEP)
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            _check(key, (*place, "a key"))
            _check(each, (*place, key))
    elif isinstance(value, float) and not math.isfinite(value):
        raise DocumentError(f"has {value} at {_named(place)}; give a finite number")
    elif isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise DocumentError(
            f"has a number of more than {MOST_BITS} bits at {_named(place)}; give a smaller one"
        )


def _named(place: tuple[object, ...]) -> str:
    return ".".join(str(part)[:40] for part in place) or "its only place"
