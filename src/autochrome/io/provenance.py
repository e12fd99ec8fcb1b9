"""How a picture was made, written into its XMP packet and read from it.

The IPTC's DigitalSourceType says that a trained model had a part in the picture; properties of our own name
the model, its weights and the settings, so that the picture can be made again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from autochrome.io.xmp import Packet, XmpError

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
NAMESPACE = "urn:x-autochrome:provenance/1.0/"

_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_PREFIXES = {"Iptc4xmpExt": _IPTC_EXT, "autochrome": NAMESPACE}
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
NAMESPACE = "urn:x-autochrome:provenance/1.0/"

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DESCRIPTION = f"{{{_RDF}}}Description"
_META = "adobe:ns:meta/"
_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_PREFIXES = {"x": _META, "rdf": _RDF, "Iptc4xmpExt": _IPTC_EXT, "autochrome": NAMESPACE}
_SOURCE_TYPE = f"{{{_IPTC_EXT}}}DigitalSourceType"
_FORMER_SOURCE_TYPE = f"{{{NAMESPACE}}}FormerDigitalSourceType"
_OWN = _MODEL, _SHA256, _SETTINGS, _SOFTWARE, _LOOK = tuple(
    f"{{{NAMESPACE}}}{name}" for name in ("Model", "WeightsSHA256", "Settings", "Software", "Look")
)


@dataclass(frozen=True)
class Provenance:
    """What colored a picture.

    Attributes:
        model: the system's name ("cic.compact").
        weights_sha256: the checkpoint's sha256, in hexadecimal.
        settings: values that took effect (seed, temperature ...), as JSON can hold them.
        software: the program and its version ("Autochrome 0.1.0").
        look: what was requested, as a look file holds it (`pipeline.look_file`); with the same model and
            weights it gives the same picture again.
    """

    model: str
    weights_sha256: str
    settings: Mapping[str, object] = field(default_factory=dict)
    software: str = "Autochrome"
    look: Mapping[str, object] = field(default_factory=dict)


def add_provenance(xmp: bytes | None, provenance: Provenance) -> bytes:
    """Return the XMP packet with the provenance added, and everything else in it kept.

    An earlier provenance is replaced. An existing DigitalSourceType (a scanned negative, say) is kept beside
    ours as FormerDigitalSourceType. A packet that cannot be read is replaced.

    Raises:
        TypeError: a setting cannot be written as JSON.
    """
    packet = _parsed(xmp) or Packet.empty()
    former = packet.take(_SOURCE_TYPE)
    earlier = packet.take(_FORMER_SOURCE_TYPE)
    for name in _OWN:
        packet.take(name)
    values = {
        _SOURCE_TYPE: DIGITAL_SOURCE_TYPE,
        _MODEL: provenance.model,
        _SHA256: provenance.weights_sha256,
        _SETTINGS: _json(provenance.settings),
        _SOFTWARE: provenance.software,
        _LOOK: _json(provenance.look) if provenance.look else None,
        _FORMER_SOURCE_TYPE: earlier if former in (None, DIGITAL_SOURCE_TYPE) else former,
    }
    for name, value in values.items():
        if value is not None:
            packet.add(name, value)
    packet.prefixes |= _PREFIXES
    return bytes(packet)


def parse_provenance(xmp: bytes | None) -> Provenance | None:
    """Return the provenance that an XMP packet holds, or None."""
    packet = _parsed(xmp)
    if packet is None or (model := packet.find(_MODEL)) is None:
        return None
    return Provenance(
        model=model,
        weights_sha256=packet.find(_SHA256) or "",
        settings=_object(packet.find(_SETTINGS)),
        software=packet.find(_SOFTWARE) or "",
        look=_object(packet.find(_LOOK)),
    )


def _json(values: Mapping[str, object]) -> str:
    return json.dumps(dict(values), sort_keys=True, ensure_ascii=False)


def _object(text: str | None) -> dict[str, object]:
    """Return a JSON object; an empty one where the text is something else."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _parsed(xmp: bytes | None) -> Packet | None:
    try:
        return Packet.parse(xmp or b"")
    except XmpError:
        return None
