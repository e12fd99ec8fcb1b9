"""XMP packets (ISO 16684-1): read within bounds, freed of what a new picture makes untrue, and written."""

from __future__ import annotations

import hashlib
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

META = "adobe:ns:meta/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

LONGEST = 64_000_000
"""Bytes of a packet; albums of Photoshop's "ancestors" have several millions."""

_DEEPEST = 64  # elements within each other; XMP itself needs about ten
_PACKET_START = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_PACKET_END = b'\n<?xpacket end="w"?>'
_DESCRIPTION = f"{{{RDF}}}Description"
EXTENDED = "{http://ns.adobe.com/xmp/note/}HasExtendedXMP"
"""The MD5 of a JPEG's second part."""
_NOT_IN_XML = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f]")

_XMP, _TIFF, _EXIF = (f"http://ns.adobe.com/{name}/1.0/" for name in ("xap", "tiff", "exif"))
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_CAMERA_RAW = "http://ns.adobe.com/camera-raw-settings/1.0/"
_GOOGLE = "http://ns.google.com/photos/1.0/"
_THUMBNAIL = "http://ns.adobe.com/xap/1.0/g/img/"

_UNTRUE_NAMESPACES = (
    # Pictures, depth and sound beside the photo, of which the file has no data any more, and gain maps.
    *(f"{_GOOGLE}{name}/" for name in ("container", "container/item", "depthmap", "image", "audio")),
    "http://ns.google.com/photos/dd/1.0/",
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.adobe.com/hdr-metadata/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.apple.com/pixeldatainfo/1.0/",
    _THUMBNAIL,
    # Edits that a program would make again: saved settings, defaults, Apple's and darktable's.
    "http://ns.adobe.com/camera-raw-saved-settings/1.0/",
    "http://ns.adobe.com/camera-raw-defaults/1.0/",
    "http://ns.apple.com/adjustment-settings/1.0/",
    "http://darktable.sf.net/",
    # The packet's own second part, which has been joined to it.
    "http://ns.adobe.com/xmp/note/",
)
_UNTRUE = {
    _TIFF: "ImageWidth|ImageLength|BitsPerSample|Compression|PhotometricInterpretation|SamplesPerPixel"
    "|PlanarConfiguration|YCbCrSubSampling|YCbCrPositioning|NativeDigest",
    _EXIF: "PixelXDimension|PixelYDimension|ComponentsConfiguration|CompressedBitsPerPixel|NativeDigest",
    _PHOTOSHOP: "ColorMode|ICCProfile|LegacyIPTCDigest|SidecarForExtension",
    _XMP: "Thumbnails|PageInfo",
    f"{_XMP}mm/": "InstanceID",  # of one state of a file
    f"{_GOOGLE}camera/": "MotionPhoto.*|MicroVideo.*|SpecialTypeID",
}
"""Properties by namespace that describe the file as it was."""
_COMPANION = re.compile(
    r"\{http://ns\.google\.com/photos/1\.0/(container/\}Directory|(depthmap|image|audio)/\}Data"
    r"|camera/\}(MotionPhoto|MicroVideo))|\{http://ns\.adobe\.com/hdr-gain-map/1\.0/\}Version"
    r"|\{http://ns\.apple\.com/HDRGainMap/1\.0/\}HDRGainMapVersion"
)
_GRAY_SETTINGS = "ConvertToGrayscale|GrayMixer.*|AutoGrayscaleMix|Treatment|Look|Preset"
_APPLIED = f"{{{_CAMERA_RAW}}}AlreadyApplied"
_ORIENTATION = f"{{{_TIFF}}}Orientation"


class XmpError(ValueError):
    """A packet cannot be read; the message is a clause ("nested deeper than 64")."""


@dataclass
class Packet:
    """A packet's tree, and the prefixes of its namespaces."""

    root: ET.Element
    prefixes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, xmp: bytes) -> Packet:
        """Parse a packet, which may be bare RDF, padded, or in an older encoding.

        Raises:
            XmpError: it is too long, too deep, not well-formed, or no XMP.
        """
        if len(xmp) > LONGEST:
            raise XmpError(f"longer than {LONGEST / 1e6:g} MB")
        try:
            xmp.decode()
        except UnicodeDecodeError:
            xmp = xmp.decode("cp1252", "replace").encode()
        text = _NOT_IN_XML.sub(b"", xmp).removeprefix(b"\xef\xbb\xbf").strip()
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:  # XMP has none; so there are no entities to expand
            raise XmpError("with a document type")
        root, prefixes = _tree(text)
        packet = cls(root, prefixes)
        if packet._rdf_or_none() is None:
            if root.tag != f"{{{META}}}xmpmeta":
                raise XmpError("without RDF")
            ET.SubElement(root, f"{{{RDF}}}RDF")
        return packet

    @classmethod
    def empty(cls) -> Packet:
        """Return a packet that says nothing."""
        root = ET.Element(f"{{{META}}}xmpmeta")
        ET.SubElement(root, f"{{{RDF}}}RDF")
        return cls(root)

    @property
    def rdf(self) -> ET.Element:
        """The element whose children are the descriptions."""
        found = self._rdf_or_none()
        assert found is not None
        return found

    def _rdf_or_none(self) -> ET.Element | None:
        tag = f"{{{RDF}}}RDF"
        return self.root if self.root.tag == tag else self.root.find(tag)

    def find(self, name: str) -> str | None:
        """Return a simple property: an element with text or a resource, or an attribute."""
        for description in self.rdf.findall(_DESCRIPTION):
            if name in description.attrib:
                return description.attrib[name]
            element = description.find(name)
            if element is not None:
                return element.text or element.attrib.get(f"{{{RDF}}}resource") or ""
        return None

    def take(self, name: str) -> str | None:
        """Remove a property wherever it is, and return its first value."""
        value = self.find(name)
        for description in self.rdf.findall(_DESCRIPTION):
            description.attrib.pop(name, None)
            for element in description.findall(name):
                description.remove(element)
        return value

    def add(self, name: str, value: str) -> None:
        """Add a simple property."""
        description = self.rdf.find(_DESCRIPTION)
        if description is None:
            description = ET.SubElement(self.rdf, _DESCRIPTION, {f"{{{RDF}}}about": ""})
        ET.SubElement(description, name).text = value

    def join(self, other: Packet) -> None:
        """Add the descriptions of another packet."""
        self.rdf.extend(other.rdf)
        self.prefixes |= {
            prefix: uri for prefix, uri in other.prefixes.items() if prefix not in self.prefixes
        }

    def has_companions(self) -> bool:
        """Return whether it speaks of pictures, sound or a video beside the photo."""
        return any(
            _COMPANION.fullmatch(name) is not None
            for description in self.rdf.findall(_DESCRIPTION)
            for name in (*description.attrib, *(child.tag for child in description))
        )

    def make_true(self) -> bool:
        """Remove what no longer holds for an upright photo that is written anew; return whether anything was.

        Titles, captions, keywords, ratings, persons, places and the history stay.
        """
        applied = (self.find(_APPLIED) or "").lower() == "true"
        untrue = _UNTRUE | {_CAMERA_RAW: _GRAY_SETTINGS if applied else "(?!RawFileName).*"}
        changed = False
        for description in self.rdf.findall(_DESCRIPTION):
            for name in [name for name in description.attrib if _is_untrue(name, untrue)]:
                del description.attrib[name]
                changed = True
            changed |= _remove(description, untrue)
            if description.attrib.get(_ORIENTATION, "1") != "1":
                description.attrib[_ORIENTATION], changed = "1", True
            for element in description.findall(_ORIENTATION):
                changed |= element.text != "1"
                element.text = "1"
        return changed

    def __bytes__(self) -> bytes:
        """Return the packet as UTF-8."""
        return _PACKET_START + self._text() + _PACKET_END

    def split(self, longest: int) -> tuple[bytes, bytes]:
        """Return the packet in two parts (ISO 16684-3, 4.4.2), the larger properties in the second.

        The first part has at most `longest` bytes and names the second by its MD5.

        Raises:
            XmpError: no way to split it makes the first part short enough.
        """
        first, second = Packet.parse(bytes(self)), Packet.empty()
        second.prefixes = self.prefixes
        home = ET.SubElement(second.rdf, _DESCRIPTION, {f"{{{RDF}}}about": ""})
        first.add(EXTENDED, "0" * 32)
        found = [(each, child) for each in first.rdf.findall(_DESCRIPTION) for child in each]
        found = sorted(found, key=lambda each: len(ET.tostring(each[1])))
        size = len(bytes(first))
        while size > longest and len(found) > 1:
            while size > longest and len(found) > 1:
                description, child = found.pop()
                description.remove(child)
                home.append(child)
                size -= len(ET.tostring(child))  # its namespaces too, which may be needed still
            size = len(bytes(first))
        if size > longest:
            raise XmpError(f"longer than {longest} bytes in properties that cannot be parted")
        rest = second._text()
        first.take(EXTENDED)
        first.add(EXTENDED, hashlib.md5(rest, usedforsecurity=False).hexdigest().upper())
        return bytes(first), rest

    def _text(self) -> bytes:
        for prefix, uri in {**self.prefixes, "x": META, "rdf": RDF}.items():
            if prefix and not re.fullmatch(r"ns\d+", prefix):
                ET.register_namespace(prefix, uri)
        return ET.tostring(self.root, encoding="utf-8")


def _tree(text: bytes) -> tuple[ET.Element, dict[str, str]]:
    root, depth, prefixes = None, 0, {}
    try:
        for event, value in ET.iterparse(io.BytesIO(text), events=("start-ns", "start", "end")):
            if event == "start-ns":
                prefixes.setdefault(*value)
            elif event == "start":
                root = value if root is None else root
                depth += 1
                if depth > _DEEPEST:
                    raise XmpError(f"nested deeper than {_DEEPEST}")
            else:
                depth -= 1
    except ET.ParseError as error:
        raise XmpError(f"not well-formed: {error}") from error
    if root is None:
        raise XmpError("empty")
    return root, prefixes


def _is_untrue(name: str, untrue: dict[str, str]) -> bool:
    namespace, _, local = name.removeprefix("{").rpartition("}")
    if namespace in _UNTRUE_NAMESPACES or namespace.startswith("http://ns.google.com/photos/dd/1.0/"):
        return True
    return namespace in untrue and re.fullmatch(untrue[namespace], local) is not None


def _remove(element: ET.Element, untrue: dict[str, str], within: bool = False) -> bool:
    """Remove the untrue children of a description, and thumbnails at any depth."""
    changed = False
    for child in list(element):
        if _is_untrue(child.tag, {} if within else untrue):
            element.remove(child)
            changed = True
        else:
            for name in [name for name in child.attrib if _is_untrue(name, {})]:
                del child.attrib[name]
                changed = True
            changed |= _remove(child, untrue, within=True)
    return changed
