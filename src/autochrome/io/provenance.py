"""How a picture was made, written into its XMP packet and read from it.

The IPTC's DigitalSourceType says that a trained model had a part in the picture; properties of our own name
the model, its weights and the settings, so that the picture can be made again.
"""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
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
_PACKET_START = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_PACKET_END = b'\n<?xpacket end="w"?>'


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
    ours as FormerDigitalSourceType. A packet that is not well-formed XML is replaced.

    Raises:
        TypeError: a setting cannot be written as JSON.
    """
    root = _parse(xmp)
    rdf = None if root is None else _rdf_of(root)
    if root is None or rdf is None:
        root = ET.Element(f"{{{_META}}}xmpmeta")
        rdf = ET.SubElement(root, f"{{{_RDF}}}RDF")
    former = _take(rdf, _SOURCE_TYPE)
    earlier = _take(rdf, _FORMER_SOURCE_TYPE)
    for name in _OWN:
        _take(rdf, name)
    values = {
        _SOURCE_TYPE: DIGITAL_SOURCE_TYPE,
        _MODEL: provenance.model,
        _SHA256: provenance.weights_sha256,
        _SETTINGS: _json(provenance.settings),
        _SOFTWARE: provenance.software,
        _LOOK: _json(provenance.look) if provenance.look else None,
        _FORMER_SOURCE_TYPE: earlier if former in (None, DIGITAL_SOURCE_TYPE) else former,
    }
    description = rdf.find(_DESCRIPTION)
    if description is None:
        description = ET.SubElement(rdf, _DESCRIPTION, {f"{{{_RDF}}}about": ""})
    for name, value in values.items():
        if value is not None:
            ET.SubElement(description, name).text = value
    for prefix, uri in _PREFIXES.items():
        ET.register_namespace(prefix, uri)
    return _PACKET_START + ET.tostring(root, encoding="utf-8") + _PACKET_END


def parse_provenance(xmp: bytes | None) -> Provenance | None:
    """Return the provenance that an XMP packet holds, or None."""
    root = _parse(xmp)
    rdf = None if root is None else _rdf_of(root)
    if rdf is None or (model := _find(rdf, _MODEL)) is None:
        return None
    return Provenance(
        model=model,
        weights_sha256=_find(rdf, _SHA256) or "",
        settings=_object(_find(rdf, _SETTINGS)),
        software=_find(rdf, _SOFTWARE) or "",
        look=_object(_find(rdf, _LOOK)),
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


def _parse(xmp: bytes | None) -> ET.Element | None:
    """Return the root of a packet, its prefixes registered for writing; None if it is absent or malformed."""
    text = (xmp or b"").strip(b"\0 \t\r\n")
    # XMP allows no document type; refusing one leaves no entities to expand.
    if not text or b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        return None
    try:
        events = list(ET.iterparse(io.BytesIO(text), events=("start-ns", "start")))
    except ET.ParseError:
        return None
    for event, value in events:
        if event == "start-ns" and value[0] and not re.fullmatch(r"ns\d+", value[0]):
            ET.register_namespace(*value)
    return next((value for event, value in events if event == "start"), None)


def _rdf_of(root: ET.Element) -> ET.Element | None:
    return root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")


def _find(rdf: ET.Element, name: str) -> str | None:
    """Return a simple property: an element with text or a resource, or an attribute of a description."""
    for description in rdf.findall(_DESCRIPTION):
        if name in description.attrib:
            return description.attrib[name]
        element = description.find(name)
        if element is not None:
            return element.text or element.attrib.get(f"{{{_RDF}}}resource") or ""
    return None


def _take(rdf: ET.Element, name: str) -> str | None:
    """Remove a property wherever it is, and return its first value."""
    value = _find(rdf, name)
    for description in rdf.findall(_DESCRIPTION):
        description.attrib.pop(name, None)
        for element in description.findall(name):
            description.remove(element)
    return value
