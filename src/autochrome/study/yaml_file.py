"""Designs as YAML: duplicate keys are refused, and paragraphs stay as a person would write them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from autochrome.errors import DesignError, DocumentError
from autochrome.io.documents import MOST_YAML_BYTES, parse_yaml, read_text


class _UniqueKeys(yaml.SafeLoader):
    """Refuse a key that is given twice: the first of two systems would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(self.construct_object(key, deep=True) for key, _ in node.value)
        for key, times in keys.items():
            if times > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the keys and values of a design file.

    Raises:
        DesignError: it is missing, is not YAML, or has no keys.
    """
    try:
        content = parse_yaml(read_text(path, MOST_YAML_BYTES), _UniqueKeys)
    except FileNotFoundError as error:
        raise DesignError(f"{path} does not exist; create one with `autochrome study new`") from error
    except OSError as error:
        raise DesignError(f"{path} cannot be read ({error.strerror}); give a design in YAML") from error
    except DocumentError as error:
        raise DesignError(f"{path} {error}") from error
    if not isinstance(content, dict):
        raise DesignError(f"{path} is not a design: it has no keys such as protocol, references and systems")
    return content


class _Plain(yaml.SafeDumper):
    """Write paragraphs as block text, which a person can edit."""


_Plain.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def dump_yaml(values: dict[str, Any]) -> str:
    """Return plain values as YAML, in their order."""
    return yaml.dump(values, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=108)
